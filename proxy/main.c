/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bramble-proxy: one address for a Neo4j HA cluster. The tour of the data is in proxy.h. */
#include <signal.h>
#include <string.h>
#include "bolt/front.h"
#include "descriptors.h"
#include "handover/handover.h"
#include "handover/inherit.h"
#include "http/client.h"
#include "http/exchange.h"
#include "log.h"
#include "log/access_log.h"
#include "members/member.h"
#include "admin/ctl.h"
#include "import/haproxy.h"
#include "io.h"
#include "notify.h"
#include "stats/stats.h"

#define STATUS_MS 1000
#define HEARING_TURN_MS 20
#define IMPORT_MAX (1u << 20)

static struct loop_timer status_timer, watchdog_timer, drain_timer;
static struct proxy proxy; /* the timers above have no other way to it */
static struct loop_timer hearing_timer;
static bool stopping, reload_wanted;

static void sweep(struct loop_timer *t)
{
	struct proxy *p = container_of(t, struct proxy, sweep);

	clients_sweep(p);
	exchange_dispatch(p);
	exchange_make_room(p);
	bolt_kick(p);
	if (p->draining && !p->clients.len && bolt_drained(p))
		loop_stop(p->loop);
}

void proxy_kick(struct proxy *p)
{
	if (p->sweep.heap_index < 0)
		(void)loop_timer_set(p->loop, &p->sweep, 0);
}

static void say_status(struct loop_timer *t)
{
	struct member *master = members_master(&proxy);
	size_t usable = 0;

	for (struct member *m = NULL; (m = members_next(&proxy, m));)
		usable += member_usable(m);
	if (proxy.draining)
		notify_status("stopping, %zu clients left", proxy.clients.len);
	else if (master)
		notify_status("%s is the master, %zu of %zu members serve", master->conf->name,
			usable, members_count(&proxy));
	else
		notify_status("writes wait: %s; %zu of %zu members serve",
			members_why_no_master(&proxy), usable, members_count(&proxy));
	(void)loop_timer_set(proxy.loop, t, STATUS_MS);
}

static void feed_watchdog(struct loop_timer *t)
{
	notify_watchdog();
	(void)loop_timer_set(proxy.loop, t, notify_watchdog_interval_ms());
}

/* logrotate(8) moved the access log away. */
static void on_reopen(void *arg, int signo)
{
	struct proxy *p = arg;

	(void)signo;
	access_log_reopen(p->access_log);
}

static void drained(struct loop_timer *t)
{
	(void)t;
	log_warn("%zu clients did not finish in time",
		proxy.clients.len + bolt_sessions(&proxy, NULL, NULL));
	clients_give_up(&proxy);
	bolt_give_up(&proxy);
	loop_stop(proxy.loop);
}

/* Whoever waits for nothing is closed, the rest gets some time to finish. */
static void drain(struct proxy *p, int64_t ms)
{
	p->draining = true;
	clients_drain(p);
	bolt_drain(p);
	loop_timer_init(&drain_timer, drained);
	(void)loop_timer_set(p->loop, &drain_timer, ms);
	proxy_kick(p);
}

static void left_long_ago(struct loop_timer *t)
{
	(void)t;
	drain(&proxy, proxy_conf_finish_ms(proxy.conf));
}

static void on_stop(void *arg, int signo)
{
	struct proxy *p = arg;

	(void)signo;
	if (stopping)
		return;
	stopping = true;
	log_info("stopping, %zu clients", p->clients.len);
	if (!p->draining)
		notify_stopping(); /* else the next process is the service */
	handover_give_up(p->handover);
	loop_timer_del(&drain_timer);
	drain(p, DRAIN_MS);
}

/* The next process serves: what is here may end in peace, but not for ever. */
static void leave(struct proxy *p)
{
	unsetenv("NOTIFY_SOCKET"); /* the service manager listens to the next one */
	p->draining = true;
	clients_stop_accepting(p);
	bolt_stop_accepting(p);
	http_server_free(p->stats);
	p->stats = NULL;
	loop_timer_init(&drain_timer, left_long_ago);
	(void)loop_timer_set(p->loop, &drain_timer, LEAVE_MS);
	proxy_kick(p);
}

static void on_reload(void *arg, int signo)
{
	struct proxy *p = arg;

	(void)signo;
	if (p->hearing)
		reload_wanted = true; /* first the process before must know who follows it */
	else
		handover_begin(p->handover);
}

static void serve_clients(struct proxy *p)
{
	p->hearing = false;
	clients_accept(p);
	stats_accept(p);
	bolt_accept(p);
	ctl_open(p);
	if (inherit_done()) /* nobody listens to this one before that has said so */
		(void)loop_timer_set(p->loop, &status_timer, STATUS_MS);
	else
		say_status(&status_timer);
	if (reload_wanted)
		handover_begin(p->handover);
}

/* The process before serves meanwhile. */
static void hear(struct loop_timer *t)
{
	if (members_heard(&proxy) || boottime_ms() - proxy.started_ms >= HEARING_MS)
		serve_clients(&proxy);
	else
		(void)loop_timer_set(proxy.loop, t, HEARING_TURN_MS);
}

static int start(struct proxy *p, struct err *e)
{
	p->loop = loop_new(e);
	if (!p->loop)
		return -1;
	p->started_ms = boottime_ms();
	/* stop() also comes when start() got only half-way. */
	p->listener.fd = -1;
	loop_timer_init(&p->history_timer, NULL);
	loop_timer_init(&p->challenge_timer, NULL);
	loop_timer_init(&p->connect_timer, NULL);
	loop_timer_init(&p->doubt_timer, NULL);
	loop_timer_init(&p->membership_timer, NULL);
	loop_timer_init(&p->sweep, sweep);
	loop_timer_init(&status_timer, say_status);
	loop_timer_init(&hearing_timer, hear);
	loop_timer_init(&watchdog_timer, feed_watchdog);
	loop_timer_init(&drain_timer, drained);
	signal(SIGPIPE, SIG_IGN);
	if (loop_signal(p->loop, SIGTERM, on_stop, p, e) < 0 ||
		loop_signal(p->loop, SIGINT, on_stop, p, e) < 0 ||
		loop_signal(p->loop, SIGUSR1, on_reopen, p, e) < 0 ||
		loop_signal(p->loop, SIGHUP, on_reload, p, e) < 0 ||
		loop_signal(p->loop, SIGUSR2, on_reload, p, e) < 0)
		return -1;
	if (access_log_open(p->conf, &p->access_log, e) < 0)
		return -1;
	p->hearing = inherit_is_next();
	if (clients_start(p, e) < 0 || stats_start(p, e) < 0 || members_start(p, e) < 0 ||
		bolt_start(p, e) < 0 || ctl_start(p, e) < 0)
		return -1;
	handover_take_orders(p);
	if (p->hearing)
		(void)loop_timer_set(p->loop, &hearing_timer, 0);
	else
		serve_clients(p);
	if (notify_watchdog_interval_ms() > 0)
		feed_watchdog(&watchdog_timer);
	return 0;
}

static void stop(struct proxy *p)
{
	if (!p->loop)
		return;
	ctl_stop(p);
	clients_stop(p);
	stats_stop(p);
	bolt_stop(p);
	members_stop(p);
	loop_free(p->loop);
	access_log_close(p->access_log);
}

static int run(struct proxy_conf *conf, const char *path, struct err *e)
{
	proxy.conf = conf;
	proxy.handover = handover_new(&proxy, path, leave);
	log_never_wait(); /* access lines may fill the same pipe, and whoever reads it may hang */
	descriptors_raise(conf, conf->nmembers);
	int r = start(&proxy, e);
	if (r == 0) {
		log_info("listening on %s for %zu members", conf->http_listen, conf->nmembers);
		notify_ready(); /* when taking over, it has been said already */
		r = loop_run(proxy.loop, e);
	}
	stop(&proxy);
	handover_free(proxy.handover);
	return r;
}

static int serve(char **arg, struct err *e)
{
	struct proxy_conf *conf = proxy_conf_load(arg[0], e);

	if (!conf)
		return -1;
	int r = run(conf, arg[0], e);
	proxy_conf_free(conf);
	return r;
}

static int check(char **arg, struct err *e)
{
	struct proxy_conf *conf = proxy_conf_load(arg[0], e);

	if (!conf)
		return -1;
	proxy_conf_free(conf);
	return 0;
}

/* The notes go to stderr and, as comments, into the file, so that nothing of the old one is lost.
 */
static int import_haproxy(char **arg, struct err *e)
{
	_cleanup_buf_ struct buf text = {0}, conf = {0}, notes = {0};

	if (io_read_file(arg[0], IMPORT_MAX, &text, e) < 0)
		return -1;
	int r = haproxy_import(arg[0], buf_str(&text), text.len, &conf, &notes, e);
	fputs(buf_str(&notes), stderr);
	if (r < 0)
		return -1;
	printf("# proxy.conf of %s, see bramble-proxy.conf(5)\n", arg[0]);
	char *rest = notes.data;
	for (char *line; (line = strsep(&rest, "\n")) && *line;)
		printf("# %s\n", line);
	fputs(buf_str(&conf), stdout);
	return fflush(stdout) == 0 ? 0 : err_errno(e, "standard output");
}

static int ctl(char **arg, struct err *e)
{
	return ctl_send(arg[0], arg[1], e);
}

static int show_version(char **arg, struct err *e)
{
	(void)arg, (void)e;
	puts("bramble-proxy " BRAMBLE_VERSION);
	return 0;
}

static int show_help(char **arg, struct err *e);

static const struct {
	const char *option;
	int arguments;
	int (*run)(char **arg, struct err *e);
	const char *usage, *what;
} commands[] = {
	{"-f", 1, serve, "FILE", "serve as FILE (proxy.conf) says, in the foreground"},
	{"-c", 1, check, "FILE", "only check FILE"},
	{"--import-haproxy", 1, import_haproxy, "FILE", "print the proxy.conf for a haproxy.cfg"},
	{"--ctl", 2, ctl, "SOCKET COMMAND", "give a running proxy an order; \"help\" lists them"},
	{"--version", 0, show_version, "", "print the version"},
	{"--help", 0, show_help, "", "print this"},
};

static void usage(FILE *to)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		fprintf(to, "%s bramble-proxy %s %s\n           %s\n",
			i ? "      " : "Usage:", commands[i].option, commands[i].usage,
			commands[i].what);
	}
}

static int show_help(char **arg, struct err *e)
{
	(void)arg, (void)e;
	usage(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_SIZE(commands) && argc > 1; i++) {
		if (strcmp(argv[1], commands[i].option) != 0 || argc != 2 + commands[i].arguments)
			continue;
		if (commands[i].run(argv + 2, &e) == 0)
			return 0;
		log_error("bramble-proxy: %s", e.msg);
		return e.code;
	}
	usage(stderr);
	return EXIT_USAGE;
}

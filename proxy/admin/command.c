/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>
#include "admin/command.h"
#include "handover/handover.h"
#include "members/member.h"
#include "stats/stats.h"

#define ARGS_MAX 6

struct order {
	struct proxy *proxy;
	const char *by;
	char *arg[ARGS_MAX]; /* what the command's pattern leaves open, in its order */
	struct buf *out;
};

/* Whom to order: "pi1", or as HAProxy names it "neo4j/pi1". NULL: nobody, which is said. */
static struct member *find(struct order *o, const char *name)
{
	const char *slash = strrchr(name, '/');
	struct member *m = members_find(o->proxy, slash ? slash + 1 : name);

	if (!m)
		buf_puts(o->out, "No such server.\n");
	else if (handover_loses_orders(o->proxy))
		buf_puts(o->out, "A reload is under way; try again.\n");
	else
		return m;
	return NULL;
}

static void set_state(struct order *o)
{
	enum member_admin admin;
	struct member *m = find(o, o->arg[0]);

	if (!m)
		return;
	if (member_admin_parse(o->arg[1], &admin) < 0)
		buf_puts(
			o->out, "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n");
	else
		member_set_admin(m, admin, o->by);
}

/* "3", or as a share of what proxy.conf says "50%". */
static void set_weight(struct order *o)
{
	struct member *m = find(o, o->arg[0]);
	char *end;

	if (!m)
		return;
	long v = strtol(o->arg[1], &end, 10);
	bool percent = *end == '%';
	if (percent)
		v = v >= 0 && v <= 25600 ? v * (long)m->conf->weight / 100 : -1;
	if (end == o->arg[1] || end[percent] || v < 0 || v > WEIGHT_MAX)
		buf_printf(o->out, "Weight must be 0 to %d, or a percentage that makes that.\n",
			WEIGHT_MAX);
	else
		member_set_weight(m, (unsigned)v, o->by);
}

static void set_admin(struct order *o, enum member_admin admin)
{
	struct member *m = find(o, o->arg[0]);

	if (m)
		member_set_admin(m, admin, o->by);
}

static void disable(struct order *o)
{
	set_admin(o, MEMBER_MAINT);
}

static void enable(struct order *o)
{
	set_admin(o, MEMBER_READY);
}

static void show_stat(struct order *o)
{
	stats_csv(o->proxy, o->out);
}

static void show_info(struct order *o)
{
	const struct proxy *p = o->proxy;
	struct member *master = members_master(o->proxy);
	int64_t now_ms = boottime_ms();

	buf_printf(o->out,
		"Name: bramble-proxy\nVersion: %s\nPid: %ld\nUptime_sec: %" PRId64
		"\nMaxconn: %u\nCurrConns: %zu\nMaxConns: %zu\nCumConns: %" PRIu64
		"\nCumReq: %" PRIu64 "\nConnRate: %u\nReqRate: %u\nRun_queue: %zu\nStopping: %d\n"
		"Master: %s\n",
		BRAMBLE_VERSION, (long)getpid(), (now_ms - p->started_ms) / 1000, p->conf->maxconn,
		p->clients.len, p->clients_max, p->connections, p->total,
		rate_per_s(&p->connection_rate, now_ms), rate_per_s(&p->meter.rate, now_ms),
		queue_len(&p->queue), p->draining, master ? master->conf->name : "-");
}

/* HAProxy's file format 1: operational 0 stopped, 2 running; administrative bits 1 maint, 8 drain.
 */
static void show_servers(struct order *o)
{
	static const unsigned admin[] = {
		[MEMBER_READY] = 0, [MEMBER_DRAIN] = 8, [MEMBER_MAINT] = 1};

	buf_puts(o->out,
		"1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state "
		"srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_port\n");
	for (struct member *m = NULL; (m = members_next(o->proxy, m));) {
		char address[NET_ADDRESS_MAX];
		struct sockaddr_storage ss = {0};
		memcpy(&ss, &m->conf->http, sizeof(m->conf->http));
		net_address(&ss, address);
		buf_printf(o->out, "3 neo4j %u %s %s %d %u %u %u %" PRId64 " %s %u\n", m->conf->id,
			m->conf->name, address, m->role == NEO4J_DOWN ? 0 : 2, admin[m->admin],
			m->weight, m->conf->weight, (boottime_ms() - m->role_since_ms) / 1000,
			stats_check_status(m), (unsigned)ntohs(m->conf->http.sin_port));
	}
}

static void show_events(struct order *o)
{
	const struct history *h = &o->proxy->history;
	int64_t now_ms = boottime_ms();
	const struct event *ev;

	for (size_t i = 0; (ev = history_find_event(h, i, now_ms)); i++)
		buf_printf(
			o->out, "%" PRId64 " s ago: %s\n", (now_ms - ev->at_ms) / 1000, ev->text);
}

static void help(struct order *o);

/* In a pattern <...> stands for any one word. */
static const struct {
	const char *pattern;
	void (*run)(struct order *o);
	const char *what;
} commands[] = {
	{"show stat", show_stat, "the table as CSV"},
	{"show info", show_info, "about the proxy as a whole"},
	{"show servers state", show_servers, "members, their states and weights"},
	{"show events", show_events, "what happened in the last hour"},
	{"set server <srv> state <ready|drain|maint>", set_state, "what a member may get"},
	{"set server <srv> weight <weight[%]>", set_weight, "its share of the reads"},
	{"set weight <srv> <weight[%]>", set_weight, "the same"},
	{"disable server <srv>", disable, "as state maint"},
	{"enable server <srv>", enable, "as state ready"},
	{"help", help, "this"},
};

static void help(struct order *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		buf_printf(o->out, "%-46s %s\n", commands[i].pattern, commands[i].what);
}

/* words[n] is NULL. The words that the pattern leaves open go into o->arg. */
static bool matches(const char *pattern, char *const *words, struct order *o)
{
	size_t args = 0;

	for (; *words; words++) {
		size_t n = strcspn(pattern, " ");
		if (!n)
			return false;
		if (*pattern == '<')
			o->arg[args++] = *words;
		else if (strlen(*words) != n || memcmp(*words, pattern, n) != 0)
			return false;
		pattern += n + (pattern[n] == ' ');
	}
	return !*pattern;
}

static void run_one(struct proxy *p, char *text, const char *by, struct buf *out)
{
	struct order o = {.proxy = p, .by = by, .out = out};
	char *words[ARGS_MAX + 2] = {0}, *save;
	size_t n = 0;

	for (char *w = strtok_r(text, " \t\r\n", &save); w && n <= ARGS_MAX;
		w = strtok_r(NULL, " \t\r\n", &save))
		words[n++] = w;
	if (!n)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (matches(commands[i].pattern, words, &o)) {
			commands[i].run(&o);
			return;
		}
	}
	buf_puts(out, "Unknown command. These are known:\n");
	help(&o);
}

void command_run(struct proxy *p, char *line, const char *by, struct buf *out)
{
	for (char *one; (one = strsep(&line, ";"));)
		run_one(p, one, by, out);
}

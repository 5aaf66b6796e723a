/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent.h"
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agent_private.h"
#include "io.h"
#include "log.h"
#include "net.h"
#include "nobody.h"
#include "notify.h"
#include "secrets.h"

#define API_CONNECTIONS 64
#define LOOK_INTERVAL_MS 5000
/* Between a round and one out of turn. */
#define NEWS_MS 50
/* Of a start that failed, and still three within a lease. */
#define FAILED_PAUSE_S 2

/* --- events */

/*
 * Before each word to the others, for that tells where this node's Neo4j will be. Until it is known
 * whether one runs it does only if there was an agent before this one.
 */
static void step_places(struct agent *a)
{
	a->places.stays = agent_has_neo4j(a) && (a->service.answered || a->places.left.s_addr);
	places_step(&a->places, a->held[0] || !agent_runs_neo4j(a) ? NULL : a->store);
}

static void tick_fire(struct loop_timer *t)
{
	struct agent *a = container_of(t, struct agent, tick);

	loop_timer_set(a->loop, t, HELLO_INTERVAL_MS);
	if (boottime_ms() - a->marker_ms >= LOOK_INTERVAL_MS) {
		agent_look(a);
	}
	peers_log(&a->peers);
	step_places(a);
	agent_step(a);
	a->vip.mute = a->mute;
	vip_keeper_step(&a->vip);
	agent_tell(a);
}

/*
 * A master gets its leave to write by words that follow each other from node to node. At the pace
 * of the rounds each would take half a second.
 */
static void news_fire(struct loop_timer *t)
{
	struct agent *a = container_of(t, struct agent, news);

	step_places(a);
	agent_step(a);
	agent_tell(a);
}

static void tell_soon(struct agent *a)
{
	int64_t ms = a->told_ms + NEWS_MS - boottime_ms();

	if (a->news.heap_index < 0)
		loop_timer_set(a->loop, &a->news, ms > 0 ? ms : 0);
}

/* A peer's word on masters is another one: this node's Neo4j may be turning too. */
static void on_news(void *arg)
{
	struct agent *a = arg;

	neo4j_watch_now(&a->neo4j);
	tell_soon(a);
}

static void watchdog_fire(struct loop_timer *t)
{
	struct agent *a = container_of(t, struct agent, watchdog);

	notify_watchdog();
	loop_timer_set(a->loop, t, notify_watchdog_interval_ms());
}

static void on_service(void *arg)
{
	agent_step(arg);
}

/* Neo4j gone from its port may have ended: do not wait for the next look at the unit. */
static void on_role(void *arg)
{
	struct agent *a = arg;

	if (a->neo4j.role == NEO4J_DOWN)
		service_poll_now(&a->service);
	agent_step(a);
	tell_soon(a);
}

static void on_child(void *arg, int signo)
{
	struct agent *a = arg;

	(void)signo;
	agent_reap_sync(a);
	apply_reap(&a->apply);
	users_reap(&a->users);
}

static void on_hup(void *arg, int signo)
{
	struct agent *a = arg;

	(void)signo;
	if (agent_runs_neo4j(a))
		restart_ask(&a->restart, "by SIGHUP");
}

static void end(void *arg)
{
	struct agent *a = arg;

	loop_stop(a->loop);
}

/* The others take over from this node's proxy at once, where it has the floating address. */
static void on_term(void *arg, int signo)
{
	struct agent *a = arg;

	log_info("%s: ends on signal %d; Neo4j is left alone", identity_self(&a->id)->name, signo);
	if (vip_keeper_retire(&a->vip, end, a))
		agent_tell(a);
	else
		end(a);
}

/* --- start */

static int open_signals(struct agent *a, struct err *e)
{
	if (loop_signal(a->loop, SIGCHLD, on_child, a, e) < 0)
		return -1;
	if (loop_signal(a->loop, SIGHUP, on_hup, a, e) < 0)
		return -1;
	if (loop_signal(a->loop, SIGTERM, on_term, a, e) < 0)
		return -1;
	return loop_signal(a->loop, SIGINT, on_term, a, e);
}

static void ask_neo4j_by(void *arg, const char *password)
{
	struct agent *a = arg;

	neo4j_watch_password(&a->neo4j, password);
	write_probe_password(&a->writes, password);
}

static void on_password(void *arg, const char *password)
{
	struct agent *a = arg;

	ask_neo4j_by(a, password);
	users_own_password(&a->users, password);
}

static void open_users(struct agent *a, const char *password)
{
	a->users = (struct users){.loop = a->loop,
		.id = &a->id,
		.peers = &a->peers,
		.root = a->root,
		.store = a->store,
		.helper = a->helper,
		.password_changed = ask_neo4j_by,
		.agent = a};
	users_open(&a->users, password);
}

static int open_neo4j(struct agent *a, const struct agent_options *o, struct err *e)
{
	_cleanup_secret_ struct buf password = {0};

	if (!agent_runs_neo4j(a))
		return 0;
	if (password_load(o->root, &password, e) < 0)
		return -1;
	if (card_open(&a->card, a->loop, a->store, a->run, e) < 0)
		return -1;
	service_watch(&a->service, a->loop, a->helper, on_service, a);
	firewall_init(&a->firewall, a->loop, a->helper);
	if (agent_is_arbiter(a)) /* it has no HTTP */
		return 0;
	open_users(a, password.data);
	if (write_probe_open(
		    &a->writes, a->loop, &a->id, places_neo4j(&a->places), password.data, e) < 0)
		return -1;
	return neo4j_watch_open(
		&a->neo4j, a->loop, &a->id, places_neo4j(&a->places), password.data, on_role, a, e);
}

static int open_control(
	struct agent *a, const struct agent_options *o, const struct keys *keys, struct err *e)
{
	a->verbs = (struct verbs){.loop = a->loop,
		.id = &a->id,
		.pin = &a->pin,
		.voter = &a->voter,
		.peers = &a->peers,
		.tasks = &a->tasks,
		.users = &a->users,
		.password_changed = on_password,
		.agent = a,
		.neo4j_at = places_neo4j(&a->places),
		.root = o->root,
		.helper = a->helper};
	a->apply = (struct apply){.loop = a->loop,
		.id = &a->id,
		.voter = &a->voter,
		.peers = &a->peers,
		.root = o->root,
		.helper = a->helper};
	apply_open(&a->apply);
	a->verbs.apply = &a->apply;
	return verbs_open(&a->verbs, o->peer, &keys->control, e);
}

static int open_agent(struct agent *a, const struct agent_options *o, struct err *e)
{
	_cleanup_keys_ struct keys keys = {0};

	a->peers.socket.fd = -1;
	a->neo4j.last_tx = TX_UNKNOWN;
	a->started_ms = boottime_ms();
	a->root = o->root;
	a->store = xasprintf("%s/srv/bramble", o->root);
	a->run = xasprintf("%s/run/bramble", o->root);
	a->helper = xasprintf("%s/run/bramble-helper", o->root);
	if (identity_load_root(o->root, &a->id, e) < 0 || keys_load(o->root, &a->id, &keys, e) < 0)
		return -1;
	a->loop = loop_new(e);
	if (!a->loop || open_signals(a, e) < 0)
		return -1;
	timekeeper_open(&a->time, a->loop, o->root, &a->id, a->helper);
	turn_begin(&a->restart.turn, randombytes_random(), a->started_ms);
	banner_open(&a->banner, a->loop, a->helper);
	boot_word_get(o->root, BOOT_WORD_SETTINGS, a->refused);
	voter_open(&a->voter, &a->id, a->store, a->run);
	a->voter.news = on_news;
	a->voter.news_arg = a;
	tasks_open(&a->tasks, a->loop, o->root, a->store, &a->marker, a->helper);
	struct peers_listener listener = voter_listener(&a->voter);
	if (peers_open(&a->peers, a->loop, &a->id, &keys.hello, &listener, o->peer, e) < 0)
		return -1;
	pin_open(&a->pin, o->root, a->started_ms);
	memcpy(a->peers.serial, a->pin.digest, sizeof(a->pin.digest));
	if (places_open(&a->places, a->loop, &a->id, &a->peers, o->root, e) < 0 ||
		open_control(a, o, &keys, e) < 0 || open_neo4j(a, o, e) < 0 ||
		vip_keeper_open(&a->vip, a->loop, &a->id, &a->peers, a->helper, e) < 0)
		return -1;
	a->vip.voter = &a->voter;
	moved_begin(&a->moved, a->places.left);
	a->http = http_server_new(a->loop, o->http, API_CONNECTIONS, agent_answer, a, e);
	return a->http ? 0 : -1;
}

static void close_agent(struct agent **ap)
{
	struct agent *a = *ap;

	if (a->loop) {
		http_server_free(a->http);
		verbs_close(&a->verbs);
		apply_close(&a->apply);
		tasks_close(&a->tasks);
		users_close(&a->users);
		neo4j_watch_close(&a->neo4j);
		write_probe_close(&a->writes);
		card_close(&a->card);
		banner_close(&a->banner);
		vip_keeper_close(&a->vip);
		service_close(&a->service);
		places_close(&a->places);
		firewall_close(&a->firewall);
		timekeeper_close(&a->time);
		peers_close(&a->peers);
		loop_timer_del(&a->tick);
		loop_timer_del(&a->news);
		loop_timer_del(&a->watchdog);
	}
	loop_free(a->loop);
	free(a->store);
	free(a->run);
	free(a->helper);
	free(a);
}

static int somebody_run(const struct agent_options *o, struct err *e)
{
	_cleanup_(close_agent) struct agent *a = xcalloc(1, sizeof(*a));

	loop_timer_init(&a->tick, tick_fire);
	loop_timer_init(&a->news, news_fire);
	loop_timer_init(&a->watchdog, watchdog_fire);
	if (open_agent(a, o, e) < 0)
		return -1;
	log_info("%s: of cluster %s, generation %llu, %zu members", identity_self(&a->id)->name,
		a->id.cluster, (unsigned long long)a->id.generation, a->id.nmembers);
	agent_look(a);
	loop_timer_set(a->loop, &a->tick, 0);
	if (notify_watchdog_interval_ms())
		loop_timer_set(a->loop, &a->watchdog, 0);
	agent_step(a);
	notify_ready();
	int r = loop_run(a->loop, e);
	notify_stopping();
	return r;
}

/*
 * systemd starts it again in a quarter of a second, so that one that died is back within the lease.
 * What cannot start will not then either, and each start is some lines in the card's journal.
 */
static void pause_under_systemd(void)
{
	if (getenv("NOTIFY_SOCKET"))
		sleep(FAILED_PAUSE_S);
}

int agent_run(const struct agent_options *o, struct err *e)
{
	if (net_check_listen(o->http, e) < 0)
		return err_code(e, EXIT_USAGE, "--http %s is not ADDR:PORT or *:PORT", o->http);
	int rc = nobody_is(o) ? nobody_run(o, e) : somebody_run(o, e);
	if (rc < 0)
		pause_under_systemd();
	return rc;
}

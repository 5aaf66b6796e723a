/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/wait.h>
#include "agent.h"
#include "agent_private.h"
#include "io.h"
#include "log.h"
#include "net.h"
#include "nobody.h"
#include "notify.h"
#include "secrets.h"
#include "store.h"
#include "store_version.h"
#include "upgrade/install.h"

#define API_CONNECTIONS 64
#define MARKER_INTERVAL_MS 5000
/* Between a round and one out of turn. */
#define NEWS_MS 50

/* An arbiter's Neo4j writes to p3, too, if only its log. */
static bool runs_neo4j(const struct agent *a)
{
	return identity_self(&a->id)->roles & ROLE_VOTER;
}

static bool is_arbiter(const struct agent *a)
{
	return identity_self(&a->id)->roles & ROLE_ARBITER;
}

/* --- what is known */

static int check_pin(struct agent *a, struct err *e)
{
	struct pin_look look = {.now_ms = boottime_ms(),
		.heard_ms = a->peers.heard_ms,
		.refused_ms = a->peers.refused_ms,
		.alone = a->peers.n == 0};
	int r = pin_check(&a->pin, a->store, &look, e);

	a->peers.asks = a->pin.asks;
	return r;
}

/*
 * While an upgrade is at the store Neo4j rests anyway, and what was met is no more. An arbiter's
 * Neo4j does not tell whether it has joined.
 */
static void check_version(struct agent *a)
{
	bool rests = task_rests(&a->tasks.task);
	bool joined = !is_arbiter(a) && a->neo4j.role >= NEO4J_SLAVE;

	a->awaits[0] = '\0';
	if (rests)
		a->met[0] = '\0';
	else
		voter_meet(&a->peers, a->met);
	bool fits = !a->p3 || rests || store_version_fits(&a->marker, &a->id, a->awaits);
	a->odd = a->p3 && !rests && fits && !joined &&
		 !store_version_joins(a->met, &a->id, a->awaits);
	a->tasks.awaits = a->odd ? a->met : fits ? "" : a->marker.neo4j;
}

static void check_marker(struct agent *a)
{
	struct err e;

	a->held[0] = '\0';
	a->marker_ms = boottime_ms();
	if (!runs_neo4j(a))
		return;
	a->p3 = marker_check(a->store, &a->id, &a->marker, &e) == 0;
	if (!a->p3 || check_pin(a, &e) < 0 || voter_begin(&a->voter, &e) < 0 ||
		tasks_begin(&a->tasks, &e) < 0)
		why_copy(a->held, e.msg);
	check_version(a);
}

/* --- what is done */

static int set_marker(struct agent *a, enum marker_state state)
{
	struct err e;

	if (marker_set(a->store, &a->marker, state, &e) == 0)
		return 0;
	log_error("%s", e.msg);
	return -1;
}

static int set_version(struct agent *a)
{
	struct err e;

	if (marker_set_neo4j(a->store, &a->marker, a->id.neo4j, &e) == 0)
		return 0;
	log_error("%s", e.msg);
	return -1;
}

/* An upgrade that was called off when its switch had been asked for: then the agent begins anew. */
static bool has_switched(struct agent *a)
{
	if (!switch_is_begun(a->root, a->id.neo4j))
		return false;
	log_info("%s: has another Neo4j now; ends, to begin anew", identity_self(&a->id)->name);
	loop_stop(a->loop);
	return true;
}

/*
 * The marker is looked at again right before, and must not be virgin any more when Neo4j writes
 * to p3. An order to store_prepare stays in it until Neo4j is seen running (follow_store).
 */
static void start_neo4j(struct agent *a, enum marker_state order)
{
	bool emptied = order != MARKER_USED && order != MARKER_SERVED && order != MARKER_RESTORE;
	struct err e;

	check_marker(a);
	if (a->held[0] || a->awaits[0] || has_switched(a))
		return;
	if (order == MARKER_VIRGIN)
		order = MARKER_USED;
	if (voter_starts(&a->voter, &a->verdict, emptied, &e) < 0)
		log_error("%s", e.msg);
	else if (set_version(a) == 0 && set_marker(a, order) == 0) {
		moved_begin(&a->moved, a->places.self);
		service_start(&a->service);
	}
}

static void begin_sync(struct agent *a)
{
	pid_t pid = store_sync(a->store);

	if (pid > 0)
		a->syncing = pid;
	else
		log_error("%s: cannot be synced: %s", a->store, strerror(errno));
}

/* Does the running Neo4j's store hold what the cluster has? */
static bool is_whole(const struct agent *a)
{
	bool serves = a->now.state == NODE_SERVING ||
		      (a->now.state == NODE_UNFIT && a->neo4j.role != NEO4J_DOWN);

	return serves && (!a->voter.enabled || a->verdict.whole);
}

/* What became of the store, told by Neo4j: it runs, so the order was carried out; it serves. */
static void follow_store(struct agent *a)
{
	enum marker_state state = a->marker.state;

	if (a->held[0] || a->service.state != SERVICE_RUNNING || !a->service.main_pid)
		return;
	if (state == MARKER_DISCARD || state == MARKER_ASIDE)
		set_marker(a, MARKER_USED);
	else if (state == MARKER_RESTORE) /* what came is whole, and was synced before */
		set_marker(a, MARKER_SERVED);
	else if (state == MARKER_USED && is_whole(a) && !a->syncing)
		begin_sync(a);
}

/* Neo4j must have served all the while: what a new one has created since is not synced. */
static void reap_sync(struct agent *a)
{
	int status;

	if (!a->syncing || waitpid(a->syncing, &status, WNOHANG) != a->syncing)
		return;
	a->syncing = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		log_error("%s: cannot be synced", a->store);
	else if (a->marker.state == MARKER_USED && is_whole(a))
		set_marker(a, MARKER_SERVED);
}

static void log_decision(const struct agent *a, const struct decision *d)
{
	if (d->state == a->now.state && strcmp(d->why, a->now.why) == 0)
		return;
	log_at(d->state == NODE_HELD || d->state == NODE_UNFIT ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
		"%s: %s%s%s", identity_self(&a->id)->name, node_state_name(d->state),
		d->why[0] ? ": " : "", d->why);
}

/* The quorum's word. Where it cannot be written down it does not count, and neither does this node.
 */
static void ask_quorum(struct agent *a, struct formation_input *in)
{
	struct voter_look look = agent_view_quorum(a, in);
	struct err e;

	apply_tell(&a->apply, &look);
	a->mute = false;
	if (!a->voter.enabled)
		return;
	in->verdict = &a->verdict;
	int r = voter_step(&a->voter, &look, &a->verdict, &e);
	a->verdict.writable &= !yield_is_closed(&a->verbs.yield);
	a->verdict.open &= !yield_is_shut(&a->verbs.yield);
	if (r == 0)
		return;
	a->mute = true;
	if (!a->held[0])
		why_copy(a->held, e.msg);
	in->held = a->held;
}

/* Who may come in to Neo4j, whether anybody may now, and whom it is not to wait for. */
static void keep_ports(struct agent *a)
{
	struct helper_firewall want = {
		.open = !a->voter.enabled || a->verdict.open, .shut = a->verdict.shut};

	struct silence_peer silence[MEMBERS_MAX];
	size_t n = agent_view_silence(a, silence);

	bool pushes = a->id.mode == NEO4J_HA && a->neo4j.role == NEO4J_MASTER;
	silence_mark(silence, n, pushes, boottime_ms());
	for (size_t i = 0; i < a->id.nmembers; i++) {
		const struct member *m = &a->id.members[i];
		struct helper_host host = {.address = places_of(&a->places, m),
			.roles = m->roles,
			.silent = silence_is_marked(silence, n, m)};
		if (voter_belongs(&a->voter, m))
			firewall_add(&want, &host);
	}
	firewall_step(&a->firewall, &want);
}

/* Before Neo4j runs by it the clock may be set; on a node without one until it is right once. */
static void keep_time(struct agent *a)
{
	bool resting = a->service.state == SERVICE_STOPPED && a->formation.phase != NEO4J_ASKED;

	if (!runs_neo4j(a))
		resting = !a->time.now.ready;
	else if (a->service.state == SERVICE_UNKNOWN)
		return;
	timekeeper_step(&a->time, &a->peers, resting);
}

/* Who has left, or has not come yet, is not waited for. */
static size_t voting_peers(const struct agent *a, struct turn_peer *to)
{
	size_t n = restart_peers(&a->peers, to), kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct member *m = identity_member(&a->id, to[i].name);
		if (m && voter_votes(&a->voter, m))
			to[kept++] = to[i];
	}
	return kept;
}

/* An orderly restart of Neo4j, one node at a time. */
static void take_turn(struct agent *a)
{
	struct turn_peer peers[MEMBERS_MAX];
	char why[WHY_SIZE];
	const char *wish = a->time.now.restart ? a->time.now.why : backup_wish(&a->verbs.backup);

	if (!wish[0])
		wish = apply_wish(&a->apply, why);
	if (!wish[0])
		wish = stale_wish(&a->stale, a->service.main_pid);
	struct restart_look look = {
		.turn = {.now_ms = boottime_ms(),
			.self = identity_self(&a->id)->id,
			.ready = a->now.state == NODE_SERVING,
			.master = a->neo4j.role == NEO4J_MASTER,
			.last_tx = a->neo4j.last_tx,
			.needed = voter_majority(&a->voter),
			.peers = peers,
			.npeers = voting_peers(a, peers)},
		.wish = wish,
		.quiet = wish == why && a->apply.word.quiet,
		.copies = a->copy.copies && a->now.state != NODE_SERVING,
		.service = a->service.state,
		.main_pid = a->service.main_pid,
	};

	if (!restart_step(&a->restart, &look))
		return;
	log_info("%s: its turn has come: %s", identity_self(&a->id)->name, a->restart.reason);
	backup_turn(&a->verbs.backup);
	formation_stopped(&a->formation);
	service_stop(&a->service);
}

/* Formation starts it again, as the quorum lets it. */
static void end_neo4j(struct agent *a, const char *why)
{
	log_error("%s: %s: it is ended, to be started again", identity_self(&a->id)->name, why);
	formation_stopped(&a->formation);
	service_kill(&a->service);
}

/* A single Neo4j listens everywhere, and has told nobody where it is. */
static void follow_move(struct agent *a)
{
	struct moved_look look = {
		.now_ms = boottime_ms(),
		.runs = a->service.state == SERVICE_RUNNING && a->service.main_pid,
		.self = a->places.self,
		.have = interfaces_have,
	};

	if (a->id.mode != NEO4J_SINGLE && moved_step(&a->moved, &look))
		end_neo4j(a, "Neo4j runs by an address that this node has no more");
}

/* One that joins for ever is ended. */
static void break_wedge(struct agent *a)
{
	bool runs = a->service.state == SERVICE_RUNNING && !is_arbiter(a);
	bool joins = a->now.state == NODE_STARTING || a->now.state == NODE_JOINING ||
		     a->now.state == NODE_STOPPING; /* which may have come to nothing */
	bool led = a->id.mode != NEO4J_HA || voter_peer_leads(&a->peers);
	struct wedge_look look = {
		.now_ms = boottime_ms(),
		.joins = runs && joins && led,
		.pid = a->service.main_pid,
		.serves = a->now.state == NODE_SERVING,
		.space = wedge_space(a->store),
		.cpu_ms = process_cpu_ms(a->service.main_pid),
	};

	copy_watch_step(&a->copy, look.space, look.now_ms);
	if (wedge_step(&a->wedge, &look))
		end_neo4j(a, "Neo4j gets nowhere");
}

/* Members, or what a firewall lets in, are known from the start: then another agent is to begin. */
static void take_node_conf(struct agent *a)
{
	static struct identity new;
	struct err e;

	if (identity_load_root(a->root, &new, &e) < 0) {
		log_error("%s", e.msg);
		return;
	}
	a->id.generation = new.generation;
	a->id.built_ms = new.built_ms;
	bool same = memcmp(&new, &a->id, sizeof(new)) == 0;
	log_info("%s: generation %llu", identity_self(&a->id)->name,
		(unsigned long long)new.generation);
	if (same)
		return;
	log_info("%s: node.conf has changed; ends, to begin anew", identity_self(&a->id)->name);
	loop_stop(a->loop);
}

static void apply(struct agent *a, const struct formation_input *in)
{
	struct apply_look look = {
		.there = !in->held[0],
		.turn = a->restart.turn.word.stage == TURN_HOLDS,
		.process = in->service != SERVICE_STOPPED || a->formation.phase == NEO4J_ASKED,
		.master = a->neo4j.role == NEO4J_MASTER,
		.serves = a->now.state == NODE_SERVING,
		.copies = a->copy.copies,
		.failures = a->formation.failures,
	};

	if (apply_step(&a->apply, &look))
		take_node_conf(a);
	if (a->apply.word.orders)
		formation_forgive(&a->formation);
}

/* Why Neo4j must not run for now, though nothing is wrong. */
static const char *rest_of(const struct agent *a)
{
	if (voter_rest(&a->voter)[0])
		return voter_rest(&a->voter);
	return apply_rest(&a->apply)[0] ? apply_rest(&a->apply) : verbs_rest(&a->verbs);
}

static void obey(struct agent *a, const struct decision *d)
{
	if (d->kill)
		service_kill(&a->service);
	else if (d->stop || (a->odd && a->service.state == SERVICE_RUNNING))
		service_stop(&a->service);
	if (d->start)
		start_neo4j(a, d->store);
}

/* What all members do to their stores together. */
static void follow_task(struct agent *a)
{
	struct tasks_look look = {.id = &a->id,
		.peers = &a->peers,
		.voter = &a->voter,
		.process = a->service.state != SERVICE_STOPPED || a->formation.phase == NEO4J_ASKED,
		.runs = a->service.state == SERVICE_RUNNING && a->service.main_pid};

	a->tasks.there = !a->held[0] && runs_neo4j(a);
	if (a->tasks.there)
		tasks_step(&a->tasks, &look);
	check_version(a);
	if (a->tasks.switched)
		loop_stop(a->loop);
}

static void tell_console(struct agent *a, const char *line)
{
	char who[2 * NAME_SIZE + 16], said[BANNER_SIZE];

	snprintf(who, sizeof(who), "%s of cluster %s", identity_self(&a->id)->name, a->id.cluster);
	snprintf(said, sizeof(said), "%s%s%s", line,
		a->refused[0] ? "; nothing of bramble.txt was taken over: " : "", a->refused);
	banner_set(&a->banner, who, said);
}

static void step(struct agent *a)
{
	struct formation_peer peers[MEMBERS_MAX];

	keep_time(a);
	follow_task(a);
	struct formation_input in = {
		.now_ms = boottime_ms(),
		.voter = runs_neo4j(a),
		.arbiter = is_arbiter(a),
		.held = a->held[0] ? a->held : a->awaits,
		.rest = rest_of(a),
		.wait = a->time.now.ready ? "" : a->time.now.why,
		.store = a->marker.state,
		.service = a->service.state,
		.role = a->neo4j.role,
		.peers = peers,
		.npeers = agent_view_peers(a, peers),
	};
	struct decision d;

	if (write_probe_step(&a->writes, agent_view_self(a).writable))
		card_panicked(&a->card);
	fitness_look(&a->card, &a->peers, a->p3, a->service.main_pid, &in);
	ask_quorum(a, &in);
	formation_step(&a->formation, &in, &d);
	if (d.state == NODE_SERVING)
		agent_serving_why(a, d.why);
	if (!a->held[0])
		apply_why(&a->apply, d.state == NODE_SERVING || d.state == NODE_IDLE, d.why);
	log_decision(a, &d);
	a->now = d;
	obey(a, &d);
	follow_store(a);
	if (runs_neo4j(a)) {
		keep_ports(a);
		follow_move(a);
		take_turn(a);
	}
	apply(a, &in);
	users_step(&a->users, !a->held[0]);
	char line[WHY_SIZE + 32];
	struct api_node self = agent_view_self(a);
	api_status_line(&self, line, sizeof(line));
	notify_status("%s", line);
	verbs_step(&a->verbs, &self, in.service != SERVICE_STOPPED);
	tell_console(a, line);
}

static void tell_peers(struct agent *a)
{
	struct api_node self = agent_view_self(a);
	struct hello h = {
		.flags = vip_keeper_flags(&a->vip),
		.last_tx = self.last_tx,
		.uptime_s = self.uptime_s,
		.state = self.state,
		.role = self.role,
		.clock.trust = timekeeper_trust(&a->time),
		.turn = a->restart.turn.word,
		.task = tasks_word(&a->tasks),
	};

	why_copy(h.why, self.why);
	memcpy(h.neo4j, a->id.neo4j, sizeof(h.neo4j));
	users_tell(&a->users, h.users);
	a->told_ms = boottime_ms();
	if (!a->mute)
		peers_tell(&a->peers, &h);
}

/* --- events */

static void tick_fire(struct loop_timer *t)
{
	struct agent *a = container_of(t, struct agent, tick);

	loop_timer_set(a->loop, t, HELLO_INTERVAL_MS);
	if (boottime_ms() - a->marker_ms >= MARKER_INTERVAL_MS) {
		check_marker(a);
		break_wedge(a);
		if (a->p3)
			stale_watch(&a->stale, &a->id, a->store, a->service.main_pid,
				a->neo4j.role == NEO4J_SLAVE);
	}
	peers_log(&a->peers);
	step(a);
	vip_keeper_step(&a->vip);
	tell_peers(a);
	places_step(&a->places, a->held[0] || !runs_neo4j(a) ? NULL : a->store);
}

/*
 * A master gets its leave to write by words that follow each other from node to node. At the pace
 * of the rounds each would take half a second.
 */
static void news_fire(struct loop_timer *t)
{
	struct agent *a = container_of(t, struct agent, news);

	step(a);
	tell_peers(a);
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
	step(arg);
}

/* Neo4j gone from its port may have ended: do not wait for the next look at the unit. */
static void on_role(void *arg)
{
	struct agent *a = arg;

	if (a->neo4j.role == NEO4J_DOWN)
		service_poll_now(&a->service);
	step(a);
	tell_soon(a);
}

static void on_child(void *arg, int signo)
{
	struct agent *a = arg;

	(void)signo;
	reap_sync(a);
	apply_reap(&a->apply);
	users_reap(&a->users);
}

static void on_hup(void *arg, int signo)
{
	struct agent *a = arg;

	(void)signo;
	if (runs_neo4j(a))
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
		tell_peers(a);
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
		.places = &a->places,
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

	if (!runs_neo4j(a))
		return 0;
	if (password_load(o->root, &password, e) < 0)
		return -1;
	if (card_open(&a->card, a->loop, a->store, a->run, e) < 0)
		return -1;
	service_watch(&a->service, a->loop, a->helper, on_service, a);
	firewall_init(&a->firewall, a->loop, a->helper);
	if (is_arbiter(a)) /* it has no HTTP */
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
		.places = &a->places,
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
	check_marker(a);
	loop_timer_set(a->loop, &a->tick, 0);
	if (notify_watchdog_interval_ms())
		loop_timer_set(a->loop, &a->watchdog, 0);
	step(a);
	notify_ready();
	int r = loop_run(a->loop, e);
	notify_stopping();
	return r;
}

int agent_run(const struct agent_options *o, struct err *e)
{
	if (net_check_listen(o->http, e) < 0)
		return err_code(e, EXIT_USAGE, "--http %s is not ADDR:PORT or *:PORT", o->http);
	return nobody_is(o) ? nobody_run(o, e) : somebody_run(o, e);
}

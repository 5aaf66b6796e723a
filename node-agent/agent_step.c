/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include "agent_private.h"
#include "log.h"
#include "notify.h"
#include "store.h"
#include "store_version.h"
#include "upgrade/install.h"

bool agent_runs_neo4j(const struct agent *a)
{
	return identity_self(&a->id)->roles & ROLE_VOTER;
}

bool agent_is_arbiter(const struct agent *a)
{
	return identity_self(&a->id)->roles & ROLE_ARBITER;
}

bool agent_has_neo4j(const struct agent *a)
{
	return a->service.state != SERVICE_STOPPED || a->formation.phase == NEO4J_ASKED;
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
	bool joined = !agent_is_arbiter(a) && a->neo4j.role >= NEO4J_SLAVE;

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
	if (!agent_runs_neo4j(a))
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
void agent_reap_sync(struct agent *a)
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
	a->verdict.writable &= !verbs_closed(&a->verbs)[0];
	a->verdict.open &= !verbs_shut(&a->verbs);
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
		const struct peer *peer = peers_find(&a->peers, m);
		struct helper_host host = {.address = places_of(&a->places, m),
			.roles = m->roles,
			.silent = silence_is_marked(silence, n, m)};
		if (!voter_belongs(&a->voter, m))
			continue;
		firewall_add(&want, &host);
		/* Of a machine on two networks it may come from the one that is nearer. */
		if (peer && peer->at.address.s_addr != host.address.s_addr) {
			host.address = peer->at.address;
			firewall_add(&want, &host);
		}
	}
	firewall_step(&a->firewall, &want);
}

/* Before Neo4j runs by it the clock may be set; on a node without one until it is right once. */
static void keep_time(struct agent *a)
{
	bool resting = a->service.state == SERVICE_STOPPED && a->formation.phase != NEO4J_ASKED;

	if (!agent_runs_neo4j(a))
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
	bool runs = a->service.state == SERVICE_RUNNING && !agent_is_arbiter(a);
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
		.process = agent_has_neo4j(a),
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
		.process = agent_has_neo4j(a),
		.runs = a->service.state == SERVICE_RUNNING && a->service.main_pid,
		.role = a->neo4j.role,
		.last_tx = voter_tells(&a->voter, a->neo4j.last_tx),
		.told_ms = a->voter.by_log ? boottime_ms() : a->neo4j.tx_asked_ms};

	a->tasks.there = !a->held[0] && agent_runs_neo4j(a);
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
	snprintf(said, sizeof(said), "%s%s%s", line, a->refused[0] ? "; " : "", a->refused);
	banner_set(&a->banner, who, said);
}

void agent_step(struct agent *a)
{
	struct formation_peer peers[MEMBERS_MAX];

	keep_time(a);
	follow_task(a);
	struct formation_input in = {
		.now_ms = boottime_ms(),
		.voter = agent_runs_neo4j(a),
		.arbiter = agent_is_arbiter(a),
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
	if (agent_runs_neo4j(a)) {
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

void agent_tell(struct agent *a)
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
		.place = a->places.self,
	};

	why_copy(h.why, self.why);
	memcpy(h.neo4j, a->id.neo4j, sizeof(h.neo4j));
	users_tell(&a->users, h.users);
	a->told_ms = boottime_ms();
	if (!a->mute)
		peers_tell(&a->peers, &h);
}

void agent_look(struct agent *a)
{
	check_marker(a);
	break_wedge(a);
	if (a->p3)
		stale_watch(&a->stale, &a->id, a->store, a->service.main_pid,
			a->neo4j.role == NEO4J_SLAVE);
}

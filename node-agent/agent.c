/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "agent.h"
#include "api.h"
#include "formation.h"
#include "grow.h"
#include "io.h"
#include "log.h"
#include "marker.h"
#include "neo4j_watch.h"
#include "notify.h"
#include "peers.h"
#include "service.h"
#include "store.h"

#define API_CONNECTIONS 64
#define MARKER_INTERVAL_MS 5000

struct agent {
	struct identity id;
	char *store; /* /srv/bramble, where p3 is mounted */
	struct loop *loop;
	struct http_server *http;
	struct peers peers;
	struct service service;
	struct neo4j_watch neo4j;
	struct marker marker;
	struct formation formation;
	struct decision now;
	char held[WHY_SIZE]; /* why the store is out of bounds; "" when it is not */
	int64_t started_ms, marker_ms;
	pid_t syncing; /* the child that syncs a store from which Neo4j serves; 0: none */
	struct loop_timer tick, watchdog;
};

static bool has_store(const struct agent *a)
{
	return identity_self(&a->id)->roles & ROLE_DATA;
}

/* --- what is known */

static void check_marker(struct agent *a)
{
	struct err e;

	a->held[0] = '\0';
	a->marker_ms = boottime_ms();
	if (has_store(a) && marker_check(a->store, &a->id, &a->marker, &e) < 0)
		why_copy(a->held, e.msg);
}

static size_t collect_peers(const struct agent *a, struct formation_peer *to)
{
	size_t n = 0;

	for (size_t i = 0; i < a->peers.n; i++) {
		const struct peer *p = &a->peers.peer[i];
		if (!(p->member->roles & ROLE_DATA))
			continue;
		to[n++] = (struct formation_peer){
			.name = p->member->name,
			.present = peer_present(p),
			.heard = p->heard_ms >= 0,
			.other_secret = peer_recently(p->forged_ms),
			.unproven = peer_recently(p->unproven_ms),
			.same_members = memcmp(p->last.digest, a->id.digest, DIGEST_SIZE) == 0,
			.sees_all = peer_sees_all(&a->peers, p),
			.state = p->last.state,
			.role = p->last.role,
		};
	}
	return n;
}

static struct api_node view_self(const struct agent *a)
{
	return (struct api_node){
		.present = true,
		.state = a->now.state,
		.role = a->neo4j.role,
		.last_tx = a->neo4j.last_tx,
		.generation = a->id.generation,
		.uptime_s = (uint32_t)((boottime_ms() - a->started_ms) / 1000),
		.why = a->now.why,
	};
}

static struct api_node view_peer(const struct peer *p)
{
	bool never = p->heard_ms < 0;
	int64_t ago = never ? -1 : boottime_ms() - p->heard_ms;

	if (!peer_present(p))
		return (struct api_node){.state = NODE_DOWN,
			.heard_ms = ago,
			.last_tx = TX_UNKNOWN,
			.why = never ? "not heard since boot" : "no longer heard"};
	return (struct api_node){
		.present = true,
		.heard_ms = ago,
		.state = p->last.state,
		.role = p->last.role,
		.last_tx = p->last.last_tx,
		.generation = p->last.generation,
		.uptime_s = p->last.uptime_s,
		.why = p->last.why,
	};
}

static void on_request(void *arg, const struct http_head *h, struct http_answer *answer)
{
	static struct api_view v; /* too large for the stack; one request at a time */
	struct agent *a = arg;

	v.id = &a->id;
	for (size_t i = 0; i < a->id.nmembers; i++) {
		const struct peer *p = peers_find(&a->peers, &a->id.members[i]);
		v.nodes[i] = p ? view_peer(p) : view_self(a);
		v.nodes[i].member = &a->id.members[i];
	}
	api_answer(&v, h, answer);
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

/*
 * The marker is looked at again right before, and must not be virgin any more when Neo4j writes
 * to p3. An order to store_prepare stays in it until Neo4j is seen running (follow_store).
 */
static void start_neo4j(struct agent *a, enum marker_state order)
{
	check_marker(a);
	if (a->held[0])
		return;
	if (order == MARKER_VIRGIN)
		order = MARKER_USED;
	if (set_version(a) == 0 && set_marker(a, order) == 0)
		service_start(&a->service);
}

static void begin_sync(struct agent *a)
{
	pid_t pid = store_sync(a->store);

	if (pid > 0)
		a->syncing = pid;
	else
		log_error("%s: cannot be synced: %s", a->store, strerror(errno));
}

/* What became of the store, told by Neo4j: it runs, so the order was carried out; it serves. */
static void follow_store(struct agent *a)
{
	enum marker_state state = a->marker.state;

	if (a->held[0] || a->service.state != SERVICE_RUNNING || !a->service.main_pid)
		return;
	if (state == MARKER_DISCARD || state == MARKER_ASIDE)
		set_marker(a, MARKER_USED);
	else if (state == MARKER_USED && a->now.state == NODE_SERVING && !a->syncing)
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
	else if (a->marker.state == MARKER_USED && a->now.state == NODE_SERVING)
		set_marker(a, MARKER_SERVED);
}

static void log_decision(const struct agent *a, const struct decision *d)
{
	if (d->state == a->now.state && strcmp(d->why, a->now.why) == 0)
		return;
	log_at(d->state == NODE_HELD ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "%s: %s%s%s",
		identity_self(&a->id)->name, node_state_name(d->state), d->why[0] ? ": " : "",
		d->why);
}

static void step(struct agent *a)
{
	struct formation_peer peers[MEMBERS_MAX];
	struct formation_input in = {
		.now_ms = boottime_ms(),
		.data = has_store(a),
		.held = a->held,
		.store = a->marker.state,
		.service = a->service.state,
		.role = a->neo4j.role,
		.peers = peers,
		.npeers = collect_peers(a, peers),
	};
	struct decision d;

	formation_step(&a->formation, &in, &d);
	log_decision(a, &d);
	a->now = d;
	if (d.start)
		start_neo4j(a, d.store);
	follow_store(a);
	char line[WHY_SIZE + 32];
	struct api_node self = view_self(a);
	api_status_line(&self, line, sizeof(line));
	notify_status("%s", line);
}

static void tell_peers(struct agent *a)
{
	struct api_node self = view_self(a);
	struct hello h = {
		.last_tx = self.last_tx,
		.uptime_s = self.uptime_s,
		.state = self.state,
		.role = self.role,
	};

	why_copy(h.why, self.why);
	peers_tell(&a->peers, &h);
}

/* --- events */

static void tick_fire(struct loop_timer *t)
{
	struct agent *a = container_of(t, struct agent, tick);

	loop_timer_set(a->loop, t, HELLO_INTERVAL_MS);
	if (boottime_ms() - a->marker_ms >= MARKER_INTERVAL_MS)
		check_marker(a);
	peers_log(&a->peers);
	step(a);
	tell_peers(a);
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
}

static void on_child(void *arg, int signo)
{
	struct agent *a = arg;

	(void)signo;
	service_reap(&a->service);
	reap_sync(a);
}

static void on_term(void *arg, int signo)
{
	struct agent *a = arg;

	log_info("%s: ends on signal %d; Neo4j is left alone", identity_self(&a->id)->name, signo);
	loop_stop(a->loop);
}

/* --- start */

static int load_identity(const struct agent_options *o, struct identity *id, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/node.conf", o->root);

	return identity_load(path, id, e);
}

static int read_secret(const char *path, uint8_t secret[SECRET_SIZE], struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	struct stat st;

	if (io_read_file(path, 256, &text, e) < 0)
		return -1;
	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	if (st.st_mode & 077)
		return err_code(e, EXIT_CONFIG, "%s: others may read it; chmod 600", path);
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	int r = hex_decode(secret, SECRET_SIZE, buf_str(&text));
	sodium_memzero(text.data, text.cap);
	return r < 0 ? err_code(e, EXIT_CONFIG, "%s: not %d hex digits", path, 2 * SECRET_SIZE) : 0;
}

static int load_key(const struct agent_options *o, const struct identity *id, struct hello_key *k,
	struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/cluster.secret", o->root);
	uint8_t secret[SECRET_SIZE];

	if (read_secret(path, secret, e) < 0)
		return -1;
	hello_key_derive(k, secret, id->cluster_id);
	sodium_memzero(secret, sizeof(secret));
	return 0;
}

static int open_signals(struct agent *a, struct err *e)
{
	if (loop_signal(a->loop, SIGCHLD, on_child, a, e) < 0)
		return -1;
	if (loop_signal(a->loop, SIGTERM, on_term, a, e) < 0)
		return -1;
	return loop_signal(a->loop, SIGINT, on_term, a, e);
}

static int open_neo4j(struct agent *a, const struct agent_options *o, struct err *e)
{
	if (!has_store(a))
		return 0;
	service_watch(&a->service, a->loop, o->service_manager, "neo4j.service", on_service, a);
	return neo4j_watch_open(&a->neo4j, a->loop, &a->id, on_role, a, e);
}

static int open_agent(struct agent *a, const struct agent_options *o, struct err *e)
{
	struct hello_key key;

	a->peers.socket.fd = -1;
	a->neo4j.last_tx = TX_UNKNOWN;
	a->started_ms = boottime_ms();
	a->store = xasprintf("%s/srv/bramble", o->root);
	if (load_identity(o, &a->id, e) < 0 || load_key(o, &a->id, &key, e) < 0)
		return -1;
	a->loop = loop_new(e);
	if (!a->loop || open_signals(a, e) < 0)
		return -1;
	int r = peers_open(&a->peers, a->loop, &a->id, &key, o->peer, e);
	sodium_memzero(&key, sizeof(key));
	if (r < 0 || open_neo4j(a, o, e) < 0)
		return -1;
	a->http = http_server_new(a->loop, o->http, API_CONNECTIONS, on_request, a, e);
	return a->http ? 0 : -1;
}

static void close_agent(struct agent **ap)
{
	struct agent *a = *ap;

	if (a->loop) {
		http_server_free(a->http);
		neo4j_watch_close(&a->neo4j);
		service_close(&a->service);
		peers_close(&a->peers);
		loop_timer_del(&a->tick);
		loop_timer_del(&a->watchdog);
	}
	loop_free(a->loop);
	free(a->store);
	free(a);
}

int agent_run(const struct agent_options *o, struct err *e)
{
	_cleanup_(close_agent) struct agent *a = xcalloc(1, sizeof(*a));

	loop_timer_init(&a->tick, tick_fire);
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

int agent_check(const struct agent_options *o, struct err *e)
{
	struct identity id;
	struct hello_key key;

	if (load_identity(o, &id, e) < 0 || load_key(o, &id, &key, e) < 0)
		return -1;
	sodium_memzero(&key, sizeof(key));
	printf("%s of cluster %s, generation %llu: ok\n", identity_self(&id)->name, id.cluster,
		(unsigned long long)id.generation);
	return 0;
}

int agent_prepare(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *store = xasprintf("%s/srv/bramble", o->root);
	struct identity id;
	struct marker m;

	if (load_identity(o, &id, e) < 0 || marker_check(store, &id, &m, e) < 0)
		return -1;
	return store_prepare(store, &m, e);
}

int agent_grow(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *store = xasprintf("%s/srv/bramble", o->root);
	struct identity id;
	struct marker m;

	if (load_identity(o, &id, e) < 0 || marker_check(store, &id, &m, e) < 0)
		return -1;
	return grow_mounted(store, id.reserved_end, e);
}

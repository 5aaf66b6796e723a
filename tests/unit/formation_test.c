/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When Neo4j may be started: the step function against a table, then through whole lives. */
// use: node-agent/formation.c node-agent/hello.c node-agent/node_state.c node-agent/quorum/wire.c
#include "node-agent/formation.h"
#include "tap.h"
#include "util.h"

/* A peer in short: one letter per fact, "psv" is present, same members, sees all. */
struct short_peer {
	const char *name;
	const char *facts; /* p present, h heard, x other secret, u unproven, s same, v sees all */
	enum node_state state;
	enum neo4j_role role;
};

struct a_case {
	const char *what;
	bool no_data;
	const char *held, *wait;
	enum service_state service;
	enum neo4j_role role;
	struct short_peer peers[2];
	enum node_state state;
	bool start;
	const char *why;
};

#define READY "phsv"

static const struct a_case cases[] = {
	{
		.what = "a proxy-only node",
		.no_data = true,
		.state = NODE_IDLE,
		.why = "",
	},
	{
		.what = "unit not known yet",
		.service = SERVICE_UNKNOWN,
		.state = NODE_WAITING,
		.why = "the service manager has not told about neo4j.service",
	},
	{
		.what = "a cluster of one",
		.service = SERVICE_STOPPED,
		.state = NODE_STARTING,
		.start = true,
		.why = "Neo4j starts, all data nodes are here",
	},
	{
		.what = "the time is not known yet",
		.service = SERVICE_STOPPED,
		.wait = "waits for the time",
		.state = NODE_WAITING,
		.why = "waits for the time",
	},
	{
		.what = "nor may it be, while Neo4j runs",
		.service = SERVICE_RUNNING,
		.role = NEO4J_SLAVE,
		.wait = "waits for the time",
		.state = NODE_SERVING,
		.why = "",
	},
	{
		.what = "nobody heard",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", "s", 0, 0}, {"pi3", "s", 0, 0}},
		.state = NODE_WAITING,
		.why = "waits for pi2, pi3: not heard since boot",
	},
	{
		.what = "one missing, one gone again",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", "hs", 0, 0}, {"pi3", "s", 0, 0}},
		.state = NODE_WAITING,
		.why = "waits for pi2: no longer heard; pi3: not heard since boot",
	},
	{
		.what = "another secret, and one that does not hear us",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", "xs", 0, 0}, {"pi3", "us", 0, 0}},
		.state = NODE_WAITING,
		.why = "waits for pi2: another cluster secret; pi3: does not hear this node",
	},
	{
		.what = "one does not see all",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", READY, NODE_WAITING, 0}, {"pi3", "phs", NODE_WAITING, 0}},
		.state = NODE_WAITING,
		.why = "waits for pi3: does not see all yet",
	},
	{
		.what = "one lists other members",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", READY, NODE_WAITING, 0}, {"pi3", "phv", NODE_WAITING, 0}},
		.state = NODE_WAITING,
		.why = "waits for pi3: another list of data nodes",
	},
	{
		.what = "one is held",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", READY, NODE_WAITING, 0}, {"pi3", READY, NODE_HELD, 0}},
		.state = NODE_WAITING,
		.why = "waits for pi3: held",
	},
	{
		.what = "all here and seen by all",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", READY, NODE_WAITING, 0}, {"pi3", READY, NODE_STARTING, 0}},
		.state = NODE_STARTING,
		.start = true,
		.why = "Neo4j starts, all data nodes are here",
	},
	{
		.what = "a master is there, the third is not",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", "phs", NODE_SERVING, NEO4J_MASTER}, {"pi3", "s", 0, 0}},
		.state = NODE_STARTING,
		.start = true,
		.why = "Neo4j starts and joins pi2",
	},
	{
		.what = "a master no longer heard",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", "hsv", NODE_SERVING, NEO4J_MASTER}, {"pi3", READY, 0, 0}},
		.state = NODE_WAITING,
		.why = "waits for pi2: no longer heard",
	},
	{
		.what = "a master of another list",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", "phv", NODE_SERVING, NEO4J_MASTER}, {"pi3", READY, 0, 0}},
		.state = NODE_WAITING,
		.why = "waits for pi2: another list of data nodes",
	},
	{
		.what = "a slave alone is no reason",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", "phs", NODE_SERVING, NEO4J_SLAVE}, {"pi3", "s", 0, 0}},
		.state = NODE_WAITING,
		.why = "waits for pi3: not heard since boot",
	},
	{
		.what = "held, though all are here",
		.held = "no p3",
		.service = SERVICE_STOPPED,
		.peers = {{"pi2", READY, 0, NEO4J_MASTER}, {"pi3", READY, 0, 0}},
		.state = NODE_HELD,
		.why = "no p3",
	},
	{
		.what = "held, though Neo4j serves",
		.held = "no p3",
		.service = SERVICE_RUNNING,
		.role = NEO4J_SLAVE,
		.state = NODE_HELD,
		.why = "no p3",
	},
	{
		.what = "an adopted slave",
		.service = SERVICE_RUNNING,
		.role = NEO4J_SLAVE,
		.peers = {{"pi2", "s", 0, 0}, {"pi3", "s", 0, 0}},
		.state = NODE_SERVING,
		.why = "",
	},
	{
		.what = "running, no HTTP",
		.service = SERVICE_RUNNING,
		.role = NEO4J_DOWN,
		.state = NODE_STARTING,
		.why = "Neo4j starts",
	},
	{
		.what = "running, electing",
		.service = SERVICE_RUNNING,
		.role = NEO4J_UNKNOWN,
		.state = NODE_JOINING,
		.why = "Neo4j is neither master nor slave",
	},
	{
		.what = "somebody else's Neo4j on our port",
		.service = SERVICE_STOPPED,
		.role = NEO4J_MASTER,
		.state = NODE_WAITING,
		.why = "a Neo4j that is not neo4j.service answers here",
	},
};

static struct formation_peer expand(const struct short_peer *p)
{
	return (struct formation_peer){
		.name = p->name,
		.present = strchr(p->facts, 'p'),
		.heard = strchr(p->facts, 'h'),
		.other_secret = strchr(p->facts, 'x'),
		.unproven = strchr(p->facts, 'u'),
		.same_members = strchr(p->facts, 's'),
		.sees_all = strchr(p->facts, 'v'),
		.state = p->state,
		.role = p->role,
	};
}

static void test_table(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct a_case *c = &cases[i];
		struct formation_peer peers[2];
		struct formation_input in = {.now_ms = 1000,
			.voter = !c->no_data,
			.held = c->held ? c->held : "",
			.wait = c->wait ? c->wait : "",
			.service = c->service,
			.role = c->role,
			.peers = peers};
		struct formation f = {0};
		struct decision d;
		for (size_t k = 0; k < 2 && c->peers[k].name; k++)
			peers[in.npeers++] = expand(&c->peers[k]);
		formation_step(&f, &in, &d);
		is_int(d.state, c->state, "%s: %s", c->what, node_state_name(c->state));
		is_int(d.start, c->start, "%s: %s", c->what, c->start ? "start" : "no start");
		is_str(d.why, c->why, "%s: why", c->what);
	}
}

/* A node alone in its cluster: only time and its own Neo4j decide. */
static struct decision at(
	struct formation *f, int64_t ms, enum service_state service, enum neo4j_role role)
{
	struct formation_input in = {.now_ms = ms,
		.voter = true,
		.held = "",
		.wait = "",
		.service = service,
		.role = role};
	struct decision d;

	formation_step(f, &in, &d);
	return d;
}

static void test_life(void)
{
	struct formation f = {0};

	ok(at(&f, 0, SERVICE_STOPPED, 0).start, "starts");
	ok(!at(&f, 500, SERVICE_STOPPED, 0).start, "once: systemd is given time");
	is_int(at(&f, 900, SERVICE_RUNNING, 0).state, NODE_STARTING, "runs");
	is_int(at(&f, 20000, SERVICE_RUNNING, NEO4J_MASTER).state, NODE_SERVING, "serves");
	is_str(at(&f, 21000, SERVICE_RUNNING, 0).why, "Neo4j gives no answer", "falls silent");
	ok(!at(&f, 30000, SERVICE_STOPPED, 0).start, "ends: not started at once");
	ok(!at(&f, 31999, SERVICE_STOPPED, 0).start, "nor within 2 s");
	ok(at(&f, 32000, SERVICE_STOPPED, 0).start, "but then");
}

/* An arbiter tells nothing over HTTP. */
static void test_arbiter(void)
{
	struct formation f = {0};
	struct formation_input in = {.voter = true, .arbiter = true, .held = "", .wait = ""};
	struct decision d;

	in.service = SERVICE_STOPPED;
	formation_step(&f, &in, &d);
	ok(d.start, "an arbiter starts as the others do");
	in.now_ms = 900;
	in.service = SERVICE_RUNNING;
	formation_step(&f, &in, &d);
	is_int(d.state, NODE_SERVING, "that it runs is enough");
	in.now_ms = 1000;
	in.service = SERVICE_STOPPED;
	formation_step(&f, &in, &d);
	ok(!d.start && d.state == NODE_WAITING, "gone, it pauses like the others");
	is_int(f.failures, 1, "that was a failure");
	in.now_ms = 1000 + ARBITER_PROVEN_MS;
	in.service = SERVICE_RUNNING;
	formation_step(&f, &in, &d);
	is_int(f.failures, 0, "and is forgotten once it has run for a minute");
}

static void test_backoff(void)
{
	static const int64_t pauses[] = {2000, 4000, 8000, 16000, 32000, 60000, 60000};
	struct formation f = {0};
	int64_t now = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		ok(at(&f, now, SERVICE_STOPPED, 0).start, "start %zu", i + 1);
		at(&f, now + 500, SERVICE_RUNNING, 0);
		now += 1000;
		at(&f, now, SERVICE_STOPPED, 0);
		ok(!at(&f, now + pauses[i] - 1, SERVICE_STOPPED, 0).start, "pause %zu", i + 1);
		now += pauses[i];
	}
	is_str(at(&(struct formation){.failures = 3, .retry_ms = 99}, 1, SERVICE_STOPPED, 0).why,
		"Neo4j ended by itself (3 in a row); pauses 8 s", "why it pauses");
}

/* Neo4j is started, seen running and gone after life_ms, times times; the last start's decision. */
static struct decision fails(struct formation *f, enum marker_state store,
	const struct formation_peer *peers, int64_t life_ms, unsigned times)
{
	struct formation_input in = {.now_ms = 1000,
		.voter = true,
		.held = "",
		.wait = "",
		.store = store,
		.peers = peers,
		.npeers = peers ? 1 : 0};
	struct decision d;

	for (unsigned i = 0; i <= times; i++) {
		in.service = SERVICE_STOPPED;
		in.now_ms += BACKOFF_MAX_MS;
		formation_step(f, &in, &d);
		in.service = SERVICE_RUNNING;
		in.now_ms += 500;
		if (i < times)
			formation_step(f, &in, &(struct decision){0});
		in.service = SERVICE_STOPPED;
		in.now_ms += life_ms - 500;
		if (i < times)
			formation_step(f, &in, &(struct decision){0});
	}
	return d;
}

static void test_spoiled(void)
{
	static const struct formation_peer master = {.name = "pi2",
		.present = true,
		.heard = true,
		.same_members = true,
		.state = NODE_SERVING,
		.role = NEO4J_MASTER};
	static const struct {
		const char *what;
		enum marker_state store, want;
		bool master;
		int64_t life_ms;
		unsigned times;
	} rows[] = {
		{"twice is chance", MARKER_USED, MARKER_USED, true, 3000, 2},
		{"three times: what never served is discarded", MARKER_USED, MARKER_DISCARD, true,
			3000, 3},
		{"with no master about as well", MARKER_USED, MARKER_DISCARD, false, 3000, 3},
		{"joins that time out spoil nothing", MARKER_USED, MARKER_USED, true, QUICK_END_MS,
			9},
		{"what served is put aside", MARKER_SERVED, MARKER_ASIDE, true, 3000, 3},
		{"but not without a master", MARKER_SERVED, MARKER_SERVED, false, 3000, 9},
		{"nor for joins that time out", MARKER_SERVED, MARKER_SERVED, true, QUICK_END_MS,
			9},
		{"the order stands until it is done", MARKER_ASIDE, MARKER_ASIDE, true, 3000, 3},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct formation f = {0};
		struct decision d = fails(&f, rows[i].store, rows[i].master ? &master : NULL,
			rows[i].life_ms, rows[i].times);
		ok(d.start, "spoiled: still started");
		is_int(d.store, rows[i].want, "spoiled: %s", rows[i].what);
	}
	struct formation f = {0};
	fails(&f, MARKER_USED, NULL, 3000, 3);
	is_int(fails(&f, MARKER_USED, NULL, 3000, 1).store, MARKER_USED, "spoiled: counted anew");
}

static void test_served_between(void)
{
	struct formation f = {.failures = 3};

	at(&f, 0, SERVICE_RUNNING, NEO4J_SLAVE);
	at(&f, 1000, SERVICE_STOPPED, 0);
	ok(at(&f, 3000, SERVICE_STOPPED, 0).start, "having served, it pauses 2 s again");
}

static void test_never_seen_running(void)
{
	struct formation f = {0};

	ok(at(&f, 0, SERVICE_STOPPED, 0).start, "asked to start");
	is_int(at(&f, START_GRACE_MS - 1, SERVICE_STOPPED, 0).state, NODE_STARTING, "in its grace");
	ok(!at(&f, START_GRACE_MS, SERVICE_STOPPED, 0).start, "counts as ended by itself");
	ok(at(&f, START_GRACE_MS + 2000, SERVICE_STOPPED, 0).start, "and is tried again");
}

static void test_long_list(void)
{
	static const char *const names[] = {"a-rather-long-name-1", "a-rather-long-name-2",
		"a-rather-long-name-3", "a-rather-long-name-4", "a-rather-long-name-5",
		"a-rather-long-name-6", "a-rather-long-name-7", "a-rather-long-name-8",
		"a-rather-long-name-9", "a-rather-long-name-10", "a-rather-long-name-11",
		"a-rather-long-name-12", "a-rather-long-name-13", "a-rather-long-name-14"};
	struct formation_peer peers[ARRAY_SIZE(names)] = {0};
	struct formation_input in = {.voter = true,
		.held = "",
		.wait = "",
		.service = SERVICE_STOPPED,
		.peers = peers,
		.npeers = ARRAY_SIZE(names)};
	struct formation f = {0};
	struct decision d;

	for (size_t i = 0; i < in.npeers; i++)
		peers[i].name = names[i];
	formation_step(&f, &in, &d);
	ok(!d.start && strlen(d.why) == WHY_SIZE - 1, "a long list is cut, not overrun");
}

int main(void)
{
	test_table();
	test_life();
	test_arbiter();
	test_backoff();
	test_spoiled();
	test_served_between();
	test_never_seen_running();
	test_long_list();
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How formation obeys the quorum's verdict: in every state of Neo4j, and through a kill. */
// use: node-agent/formation.c node-agent/hello.c node-agent/node_state.c node-agent/quorum/wire.c
#include "node-agent/formation.h"
#include "tap.h"
#include "util.h"

struct a_case {
	const char *what;
	enum neo4j_order order;
	const char *verdict_why;
	bool aside;
	const char *held, *rest;
	enum service_state service;
	enum neo4j_role role;
	enum marker_state store;
	struct formation_peer peer;
	/* what follows */
	enum node_state state;
	bool start, kill, stop;
	enum marker_state then;
	const char *why;
};

#define FINE                                                                         \
	{                                                                            \
		.name = "pi2", .present = true, .heard = true, .same_members = true, \
		.sees_all = true, .state = NODE_WAITING                              \
	}
#define ABSENT                                      \
	{                                           \
		.name = "pi2", .same_members = true \
	}
#define MASTER                                                                       \
	{                                                                            \
		.name = "pi2", .present = true, .heard = true, .same_members = true, \
		.sees_all = true, .state = NODE_SERVING, .role = NEO4J_MASTER        \
	}

static const struct a_case cases[] = {
	{
		.what = "start",
		.order = NEO4J_START,
		.service = SERVICE_STOPPED,
		.peer = FINE,
		.state = NODE_STARTING,
		.start = true,
		.why = "Neo4j starts, enough members are here",
	},
	{
		.what = "start, without one that is not here",
		.order = NEO4J_START,
		.service = SERVICE_STOPPED,
		.peer = ABSENT,
		.state = NODE_STARTING,
		.start = true,
		.why = "Neo4j starts, enough members are here",
	},
	{
		.what = "start below a master",
		.order = NEO4J_START,
		.service = SERVICE_STOPPED,
		.peer = MASTER,
		.state = NODE_STARTING,
		.start = true,
		.why = "Neo4j starts and joins pi2",
	},
	{
		.what = "no start, though a master is there",
		.verdict_why = "waits for the run before to be over",
		.service = SERVICE_STOPPED,
		.peer = MASTER,
		.state = NODE_WAITING,
		.why = "waits for the run before to be over",
	},
	{
		.what = "no start, and the quorum does not say why",
		.service = SERVICE_STOPPED,
		.peer = FINE,
		.state = NODE_WAITING,
		.why = "waits for the others' consent",
	},
	{
		.what = "no start, a member is not here",
		.verdict_why = "no majority",
		.service = SERVICE_STOPPED,
		.peer = ABSENT,
		.state = NODE_WAITING,
		.why = "no majority; waits for pi2: not heard since boot",
	},
	{
		.what = "start, but p3 is not there",
		.order = NEO4J_START,
		.held = "no p3",
		.service = SERVICE_STOPPED,
		.peer = FINE,
		.state = NODE_HELD,
		.why = "no p3",
	},
	{
		.what = "start, but somebody else's Neo4j is on our port",
		.order = NEO4J_START,
		.service = SERVICE_STOPPED,
		.role = NEO4J_MASTER,
		.peer = FINE,
		.state = NODE_WAITING,
		.why = "a Neo4j that is not neo4j.service answers here",
	},
	{
		.what = "start, but the unit is not known",
		.order = NEO4J_START,
		.service = SERVICE_UNKNOWN,
		.peer = FINE,
		.state = NODE_WAITING,
		.why = "the service manager has not told about neo4j.service",
	},
	{
		.what = "let it run",
		.service = SERVICE_RUNNING,
		.role = NEO4J_SLAVE,
		.peer = FINE,
		.state = NODE_SERVING,
		.why = "",
	},
	{
		.what = "kill",
		.order = NEO4J_KILL,
		.verdict_why = "a majority is elsewhere",
		.service = SERVICE_RUNNING,
		.role = NEO4J_MASTER,
		.peer = ABSENT,
		.state = NODE_STOPPING,
		.kill = true,
		.why = "Neo4j is ended: a majority is elsewhere",
	},
	{
		.what = "kill, and why",
		.order = NEO4J_KILL,
		.verdict_why = "of another run",
		.service = SERVICE_RUNNING,
		.role = NEO4J_UNKNOWN,
		.peer = FINE,
		.state = NODE_STOPPING,
		.kill = true,
		.why = "Neo4j is ended: of another run",
	},
	{
		.what = "kill, also when p3 went",
		.order = NEO4J_KILL,
		.held = "no p3",
		.service = SERVICE_RUNNING,
		.role = NEO4J_MASTER,
		.peer = FINE,
		.state = NODE_HELD,
		.kill = true,
		.why = "no p3",
	},
	{
		.what = "start with a store that served out of the way",
		.order = NEO4J_START,
		.aside = true,
		.service = SERVICE_STOPPED,
		.store = MARKER_SERVED,
		.peer = MASTER,
		.state = NODE_STARTING,
		.start = true,
		.then = MARKER_ASIDE,
		.why = "Neo4j starts and joins pi2",
	},
	{
		.what = "start with a half-made store out of the way",
		.order = NEO4J_START,
		.aside = true,
		.service = SERVICE_STOPPED,
		.store = MARKER_USED,
		.peer = MASTER,
		.state = NODE_STARTING,
		.start = true,
		.then = MARKER_DISCARD,
		.why = "Neo4j starts and joins pi2",
	},
	{
		.what = "out of the way only with a start",
		.aside = true,
		.verdict_why = "no majority",
		.service = SERVICE_STOPPED,
		.store = MARKER_SERVED,
		.peer = FINE,
		.state = NODE_WAITING,
		.then = MARKER_SERVED,
		.why = "no majority",
	},
	{
		.what = "a person lets it rest",
		.rest = "makes way",
		.service = SERVICE_RUNNING,
		.role = NEO4J_MASTER,
		.peer = FINE,
		.state = NODE_STOPPING,
		.stop = true,
		.why = "Neo4j makes way",
	},
	{
		.what = "kill, though a person lets it rest",
		.order = NEO4J_KILL,
		.verdict_why = "a majority is elsewhere",
		.rest = "makes way",
		.service = SERVICE_RUNNING,
		.peer = FINE,
		.state = NODE_STOPPING,
		.kill = true,
		.why = "Neo4j is ended: a majority is elsewhere",
	},
	{
		.what = "no start while it rests",
		.order = NEO4J_START,
		.rest = "makes way",
		.service = SERVICE_STOPPED,
		.peer = FINE,
		.state = NODE_WAITING,
		.why = "Neo4j makes way",
	},
};

static void test_table(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct a_case *c = &cases[i];
		struct verdict v = {.neo4j = c->order,
			.aside = c->aside,
			.why = c->verdict_why ? c->verdict_why : ""};
		struct formation_input in = {.now_ms = 1000,
			.voter = true,
			.held = c->held ? c->held : "",
			.rest = c->rest,
			.service = c->service,
			.role = c->role,
			.store = c->store,
			.peers = &c->peer,
			.npeers = 1,
			.verdict = &v};
		struct formation f = {0};
		struct decision d;
		formation_step(&f, &in, &d);
		is_int(d.state, c->state, "%s: %s", c->what, node_state_name(c->state));
		is_int(d.start, c->start, "%s: %s", c->what, c->start ? "start" : "no start");
		is_int(d.kill, c->kill, "%s: %s", c->what, c->kill ? "kill" : "no kill");
		is_int(d.stop, c->stop, "%s: %s", c->what, c->stop ? "stop" : "no stop");
		is_int(d.store, c->then, "%s: the store", c->what);
		is_str(d.why, c->why, "%s: why", c->what);
	}
}

/* A node of an HA cluster under one verdict after the other. */
static struct decision at(
	struct formation *f, int64_t ms, enum service_state service, enum neo4j_order order)
{
	struct verdict v = {.neo4j = order, .why = ""};
	struct formation_input in = {
		.now_ms = ms, .voter = true, .held = "", .service = service, .verdict = &v};
	struct decision d;

	formation_step(f, &in, &d);
	return d;
}

static void test_killed(void)
{
	struct formation f = {0};
	struct formation_input in = {.voter = true, .held = "", .service = SERVICE_STOPPED};

	ok(at(&f, 0, SERVICE_STOPPED, NEO4J_START).start, "started");
	ok(!at(&f, 500, SERVICE_RUNNING, NEO4J_AS_IT_IS).kill, "it runs");
	ok(at(&f, 9000, SERVICE_RUNNING, NEO4J_KILL).kill, "it is to die");
	ok(at(&f, 9500, SERVICE_RUNNING, NEO4J_KILL).kill, "and again, until it does");
	ok(!at(&f, 9900, SERVICE_STOPPED, NEO4J_AS_IT_IS).start, "dead: it waits for the quorum");
	is_int(f.failures, 0, "that was no failure");
	in.now_ms = 9900;
	ok(formation_fit(&f, &in), "it could start at once");
	ok(at(&f, 10000, SERVICE_STOPPED, NEO4J_START).start, "and does, when it may");
	at(&f, 10500, SERVICE_RUNNING, NEO4J_AS_IT_IS);
	at(&f, 12000, SERVICE_STOPPED, NEO4J_START);
	is_int(f.failures, 1, "an end by itself is one");
	in.now_ms = 12100;
	ok(!formation_fit(&f, &in), "the quorum is told not to count on it");
	ok(!at(&f, 12100, SERVICE_STOPPED, NEO4J_START).start,
		"it pauses whatever the quorum says");
}

/* The guard would end it unseen, and the agent wait for it in vain. */
static void test_recalled(void)
{
	struct formation f = {0};

	ok(at(&f, 0, SERVICE_STOPPED, NEO4J_START).start, "started, not seen yet");
	ok(at(&f, 100, SERVICE_STOPPED, NEO4J_KILL).kill, "and to die at once");
	is_int(f.failures, 0, "that was no failure, either");
	ok(at(&f, 600, SERVICE_STOPPED, NEO4J_START).start, "it starts again without a pause");
}

/* A stop in order is no failure, and the quorum does not count on a node that rests. */
static void test_rest(void)
{
	struct formation f = {0};
	struct formation_input in = {
		.voter = true, .held = "", .rest = "makes way", .service = SERVICE_RUNNING};
	struct decision d;

	at(&f, 0, SERVICE_STOPPED, NEO4J_START);
	at(&f, 500, SERVICE_RUNNING, NEO4J_AS_IT_IS);
	formation_step(&f, &in, &d);
	ok(d.stop, "it is stopped");
	in.service = SERVICE_STOPPED;
	formation_step(&f, &in, &d);
	ok(!formation_fit(&f, &in), "and not to be counted on");
	is_int(f.failures, 0, "that was no failure");
	ok(at(&f, 10000, SERVICE_STOPPED, NEO4J_START).start, "it starts when the rest is over");
}

static void test_unfit(void)
{
	static const struct health full = {.level = HEALTH_SICK, .why = "p3 is full"};
	struct verdict v = {.why = ""};
	struct formation_input in = {.now_ms = 1000,
		.voter = true,
		.held = "",
		.service = SERVICE_RUNNING,
		.role = NEO4J_SLAVE,
		.verdict = &v,
		.health = &full,
		.order = {.why = ""}};
	struct formation f = {0};
	struct decision d;

	formation_step(&f, &in, &d);
	ok(d.state == NODE_UNFIT && !d.kill, "an unfit slave goes on");
	is_str(d.why, "p3 is full", "and says why it is unfit");
	in.role = NEO4J_MASTER;
	in.order = (struct health_order){.end = true, .why = "another one can be master"};
	formation_step(&f, &in, &d);
	ok(d.state == NODE_STOPPING && d.kill, "an unfit master is ended");
	is_str(d.why, "Neo4j is ended: p3 is full; another one can be master", "and says why");
	in.service = SERVICE_STOPPED;
	in.role = NEO4J_DOWN;
	in.order = (struct health_order){.barred = true, .why = "Neo4j is not started"};
	v.neo4j = NEO4J_START;
	formation_step(&f, &in, &d);
	ok(d.state == NODE_UNFIT && !d.start, "it is not started again");
	is_int(f.failures, 0, "that was no failure");
	ok(!formation_fit(&f, &in), "the quorum is told not to count on it");
	in.order = (struct health_order){.why = ""};
	formation_step(&f, &in, &d);
	ok(d.start, "until it may");
}

int main(void)
{
	test_table();
	test_killed();
	test_recalled();
	test_rest();
	test_unfit();
	return done();
}

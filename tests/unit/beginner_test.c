/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All Neo4js are at rest: the last master begins alone, or who has most; the others join it. */
// use: node-agent/quorum/quorum.c node-agent/quorum/propose.c node-agent/quorum/generation.c
// use: node-agent/quorum/decree.c node-agent/quorum/manifest.c node-agent/quorum/seats.c
// use: node-agent/quorum/stores.c node-agent/quorum/masters.c node-agent/quorum/start.c
#include <string.h>
#include "node-agent/quorum/quorum.h"
#include "tap.h"

#define ALL 3

static const struct mastership of_2 = {5, 1, 2};

static struct quorum q[ALL + 1];
static struct verdict verdict[ALL + 1];
static int64_t now;

/* What each node's Neo4j does: the run it was started for, its role, its master, its length. */
static struct {
	bool here, formed, untold;
	bool unfit;
	bool open; /* it has no firewall to shut */
	bool ha_server;
	uint64_t run;
	enum neo4j_role role;
	unsigned master;
	uint64_t tx;
} neo[ALL + 1];

/* Node 2 was the last master; node 3's store follows an older one. */
static void begin(void)
{
	struct manifest expected = {.n = ALL, .member = {{.id = 1}, {.id = 2}, {.id = 3}}};

	now = 1000;
	for (unsigned id = 1; id <= ALL; id++) {
		struct durable d = {.incarnation = 10 + id, .manifest = expected};
		d.manifest.epoch = d.manifest.run = 1;
		for (unsigned i = 0; i < ALL; i++) {
			d.manifest.member[i].incarnation = 11 + i;
			idset_add(&d.manifest.hosts, i + 1);
		}
		d.basis = d.followed = d.touched = d.granted =
			id == 3 ? (struct mastership){2, 1, 1} : of_2;
		quorum_begin(&q[id], id, &expected, &d, now);
		memset(&neo[id], 0, sizeof(neo[id]));
		neo[id].here = true;
		neo[id].tx = 100;
	}
	neo[2].tx = 103;
}

static void look(unsigned id)
{
	struct quorum_look l = {.whole = true,
		.shut = verdict[id].shut && !neo[id].open,
		.ha_server = neo[id].ha_server,
		.fit = !neo[id].unfit,
		.neo4j_run = neo[id].run,
		.formed = neo[id].formed,
		.role = neo[id].role,
		.master = neo[id].master,
		.last_tx = neo[id].tx,
		.told = neo[id].run && neo[id].role >= NEO4J_SLAVE && !neo[id].untold};

	quorum_step(&q[id], &l, now, &verdict[id]);
}

static void live(int64_t ms)
{
	const struct manifest *value;
	struct word w;

	for (int64_t end = now + ms; now < end; now += 500) {
		for (unsigned id = 1; id <= ALL; id++) {
			if (!neo[id].here)
				continue;
			look(id);
			for (unsigned to = 1; to <= ALL; to++) {
				if (to == id || !neo[to].here)
					continue;
				quorum_word(&q[id], to, &w, &value);
				quorum_seen(&q[to], id, now);
				q[to].now_ms = now;
				quorum_hear(&q[to], id, &w, value, now);
			}
		}
	}
}

/* In the newest run. */
static void runs(unsigned id, enum neo4j_role role, unsigned master)
{
	neo[id].run = q[id].d.manifest.run;
	neo[id].role = role;
	neo[id].master = master;
	neo[id].formed |= role >= NEO4J_SLAVE;
}

static void ends(unsigned id)
{
	neo[id].run = 0;
	neo[id].role = NEO4J_DOWN;
	neo[id].formed = false;
}

static bool starts_with(unsigned id, unsigned host)
{
	const struct verdict *v = &verdict[id];

	return v->neo4j == NEO4J_START && !v->aside && idset_count(&v->hosts) == 1 &&
	       idset_has(&v->hosts, host);
}

static void test_begins(void)
{
	begin();
	live(10000);
	ok(starts_with(2, 2), "the last master begins with nobody else in its list");
	ok(verdict[1].neo4j != NEO4J_START, "one whose store follows it waits for that: %s",
		verdict[1].why);
	runs(2, NEO4J_DOWN, 0);
	live(1000);
	ok(verdict[2].shut && starts_with(1, 2), "and starts with it, but creates nothing");
	ok(verdict[3].neo4j != NEO4J_START, "one whose store does not waits: %s", verdict[3].why);
	runs(1, NEO4J_UNKNOWN, 0);
	runs(2, NEO4J_UNKNOWN, 0);
	live(2000);
	runs(2, NEO4J_MASTER, 2);
	live(1000);
	ok(!verdict[2].shut, "its port is open again");
	ok(verdict[3].neo4j == NEO4J_START && idset_has(&verdict[3].hosts, 3), "until it is up");
	runs(3, NEO4J_UNKNOWN, 0);
	runs(1, NEO4J_SLAVE, 2);
	neo[1].tx = 103;
	live(3000);
	ok(verdict[2].writable, "with a majority it is writable: %s", verdict[2].why);
}

/* Neo4j made another one master: 1, of those that did not hear 2 for a moment. */
static void elect_1(uint64_t tx)
{
	begin();
	live(10000);
	runs(2, NEO4J_MASTER, 2);
	runs(1, NEO4J_UNKNOWN, 0);
	live(500);
	runs(1, NEO4J_MASTER, 1);
	neo[1].tx = tx;
	runs(2, NEO4J_UNKNOWN, 1);
}

static bool is_1_granted(void)
{
	return q[3].d.granted.id == 1 && q[3].d.granted.run == q[3].d.manifest.run;
}

static void test_intruder(void)
{
	elect_1(100);
	neo[1].untold = true;
	live(2000);
	ok(verdict[1].neo4j != NEO4J_KILL, "one that was elected instead, and has told no length");
	ok(!is_1_granted(), "is granted by nobody");
	ok(verdict[2].neo4j == NEO4J_KILL, "and would cost the last master what it has: %s",
		verdict[2].why);
	neo[1].untold = false;
	live(1000);
	ok(verdict[1].neo4j == NEO4J_KILL, "it is ended when it has less: %s", verdict[1].why);
	elect_1(103);
	live(2000);
	ok(verdict[1].neo4j != NEO4J_KILL && verdict[2].neo4j != NEO4J_KILL && is_1_granted(),
		"one that has as much may be master");
}

/* A cluster is there as soon as its HA server is, long before Neo4j answers by HTTP. */
static void test_ha_server(void)
{
	begin();
	live(10000);
	neo[2].ha_server = true;
	live(1000);
	ok(verdict[2].shut, "its port is shut before its Neo4j is there, whoever listens");
	neo[2].ha_server = false;
	runs(2, NEO4J_UNKNOWN, 0);
	live(1000);
	ok(verdict[2].shut, "and while that has no cluster");
	neo[2].ha_server = true;
	live(500);
	ok(!verdict[2].shut, "it is open as soon as that has one");
	neo[2].ha_server = false;
	live(500);
	ok(!verdict[2].shut, "and stays so");
	neo[2].run = 0;
	live(1000);
	ok(verdict[2].shut, "until it is to begin again");
}

/* Without a firewall the others' Neo4js would be heard of, and keep it from beginning. */
static void test_open(void)
{
	begin();
	neo[2].open = true;
	live(10000);
	runs(2, NEO4J_UNKNOWN, 0);
	live(5000);
	ok(verdict[1].neo4j != NEO4J_START, "nobody starts with one that cannot shut its port");
	runs(2, NEO4J_MASTER, 2);
	live(1000);
	ok(verdict[1].neo4j == NEO4J_START, "but when it is up");
}

/* 2 begins, and 1 has started with it. */
static void begin_and_start(void)
{
	begin();
	live(10000);
	runs(2, NEO4J_UNKNOWN, 0);
	runs(1, NEO4J_UNKNOWN, 0);
	live(2000);
}

static void test_ends(void)
{
	begin_and_start();
	ok(verdict[1].neo4j == NEO4J_AS_IT_IS, "one that starts with it lives: %s", verdict[1].why);
	neo[2].run = 0;
	live(1000);
	ok(verdict[1].neo4j == NEO4J_KILL, "until that one has ended: %s", verdict[1].why);
}

/* Boards that need minutes each: the others' are counted from when they can come. */
static void test_slow(void)
{
	begin();
	live(10000);
	runs(2, NEO4J_UNKNOWN, 0);
	live(QUORUM_WEDGE_MS - 10000);
	runs(2, NEO4J_MASTER, 2);
	live(QUORUM_WEDGE_MS - 10000);
	ok(verdict[2].neo4j == NEO4J_AS_IT_IS, "a slow one that begins lives: %s", verdict[2].why);
	live(20000);
	ok(verdict[2].neo4j == NEO4J_KILL, "until nobody comes for too long: %s", verdict[2].why);
}

static void test_agent_restarts(void)
{
	struct manifest expected = {.n = ALL, .member = {{.id = 1}, {.id = 2}, {.id = 3}}};

	begin_and_start();
	struct durable d = q[1].d;
	quorum_begin(&q[1], 1, &expected, &d, now);
	look(1);
	ok(strcmp(verdict[1].why, "the one that begins is gone") != 0,
		"an agent that has heard nobody yet does not take it for gone");
}

/* All three follow 2. */
static void begin_alike(void)
{
	begin();
	for (unsigned id = 1; id <= ALL; id++)
		q[id].d.basis = q[id].d.followed = q[id].d.touched = of_2;
}

/* Its Neo4j ends again and again: the agent says that it is not fit for a while. */
static void test_fails(void)
{
	begin_alike();
	live(10000);
	is_int((int)idset_count(&q[1].d.manifest.hosts), 1, "the last master is to begin");
	neo[2].unfit = true;
	live(45000);
	ok(verdict[1].neo4j == NEO4J_START && !idset_has(&q[1].d.manifest.hosts, 2),
		"the others begin without one that cannot: %s", verdict[1].why);
}

static void test_begins_again(void)
{
	begin_and_start();
	neo[2].run = 0;
	live(1000);
	ok(verdict[2].neo4j != NEO4J_START, "not while another one waits for the one before: %s",
		verdict[2].why);
	neo[1].run = 0;
	live(1000);
	ok(starts_with(2, 2), "then it begins again");
}

/* 1 and 3 have elected 1, which nobody follows yet, for the cluster has more members than these. */
static void elect_lesser(void)
{
	begin_alike();
	neo[3].here = false;
	runs(1, NEO4J_MASTER, 1);
	runs(3, NEO4J_UNKNOWN, 0);
}

static void test_lesser(void)
{
	elect_lesser();
	live(10000);
	ok(verdict[2].neo4j != NEO4J_START, "none with more starts below one that nobody follows");
	ok(verdict[1].neo4j != NEO4J_KILL, "which has some time to be followed");
	live(10000);
	ok(verdict[1].neo4j == NEO4J_KILL, "and is ended then: %s", verdict[1].why);
	elect_lesser();
	neo[1].tx = 103;
	live(3000);
	ok(verdict[2].neo4j == NEO4J_START, "below one with as much it starts");
}

static void test_ousted(void)
{
	begin();
	runs(2, NEO4J_MASTER, 2);
	live(2000);
	runs(1, NEO4J_MASTER, 1);
	runs(2, NEO4J_UNKNOWN, 1);
	live(1000);
	ok(verdict[2].neo4j == NEO4J_KILL, "a master that is one no more, for one with less: %s",
		verdict[2].why);
	begin();
	neo[1].tx = 103;
	runs(2, NEO4J_MASTER, 2);
	live(2000);
	runs(1, NEO4J_MASTER, 1);
	runs(2, NEO4J_UNKNOWN, 1);
	live(1000);
	ok(verdict[2].neo4j != NEO4J_KILL, "it made way for one with as much");
}

static void test_absent(void)
{
	begin();
	neo[2].here = false;
	live(30000);
	ok(verdict[1].neo4j != NEO4J_START, "the last master is waited for");
	begin();
	live(10000);
	runs(2, NEO4J_UNKNOWN, 0);
	live(2000);
	neo[2].here = false;
	live(30000);
	ok(verdict[1].neo4j != NEO4J_START && !neo[1].run, "also when it went while it began");
}

/* The last master is away; of those that follow it 3 may have the most. */
static void begin_without(void)
{
	begin_alike();
	neo[2].here = false;
	neo[3].tx = 105;
	live(QUORUM_GRACE_MS + 45000);
}

static void test_longest(void)
{
	begin_without();
	ok(starts_with(3, 3), "without it the one that may have the most begins alone: %s",
		verdict[3].why);
	runs(3, NEO4J_UNKNOWN, 0);
	live(2000);
	ok(verdict[3].shut && verdict[1].neo4j != NEO4J_START,
		"nobody starts with it: what it has is not known yet");
	runs(3, NEO4J_MASTER, 3);
	neo[3].untold = true;
	live(5000);
	is_str(verdict[1].neo4j == NEO4J_START ? "" : verdict[1].why,
		"waits for the master to tell how much it has", "nor when it is master");
	neo[3].tx = 102;
	neo[3].untold = false;
	live(1000);
	ok(verdict[1].neo4j == NEO4J_START && !verdict[1].aside,
		"one with no more joins it when it has told: %s", verdict[1].why);
	runs(1, NEO4J_SLAVE, 3);
	neo[1].tx = 102;
	live(5000);
	ok(verdict[3].writable, "and with a majority it is writable: %s", verdict[3].why);
}

static void test_longest_is_not(void)
{
	begin_without();
	runs(3, NEO4J_MASTER, 3);
	neo[3].tx = 99;
	live(10000);
	ok(verdict[1].neo4j != NEO4J_START, "one with more than it has after all does not join it");
	live(10000);
	ok(verdict[3].neo4j == NEO4J_KILL, "it is ended: %s", verdict[3].why);
	ends(3);
	live(QUORUM_OVER_MS + 5000);
	ok(starts_with(1, 1), "and the other one begins, who is away is not waited for again: %s",
		verdict[1].why);
}

/* Neo4j made another one master that has as much, and the one that began has ended since. */
static void test_elected_instead(void)
{
	begin_without();
	runs(3, NEO4J_MASTER, 3);
	live(1000);
	runs(1, NEO4J_MASTER, 1);
	runs(3, NEO4J_UNKNOWN, 1);
	neo[1].tx = 105;
	neo[1].untold = true;
	live(1000);
	ok(verdict[3].neo4j != NEO4J_KILL && !is_1_granted(),
		"one elected instead may have more, and is granted when it has told: %s",
		verdict[3].why);
	neo[1].untold = false;
	live(500);
	ends(3);
	live(1500);
	ok(verdict[3].neo4j == NEO4J_START && idset_has(&verdict[3].hosts, 1),
		"the one that began joins it when it comes again: %s", verdict[3].why);
}

/* It has started to join the others, as one of a cluster that lives. */
static void test_enters_below(void)
{
	begin_alike();
	neo[2].here = false;
	neo[1].tx = 105;
	runs(3, NEO4J_MASTER, 3);
	runs(1, NEO4J_UNKNOWN, 0);
	live(1000);
	ok(verdict[1].neo4j == NEO4J_KILL, "one with more is ended before it enters below less: %s",
		verdict[1].why);
	begin_alike();
	neo[2].here = false;
	runs(3, NEO4J_MASTER, 3);
	runs(1, NEO4J_UNKNOWN, 0);
	live(1000);
	ok(verdict[1].neo4j != NEO4J_KILL, "one with as much enters");
}

int main(void)
{
	test_begins();
	test_intruder();
	test_ha_server();
	test_open();
	test_ends();
	test_slow();
	test_agent_restarts();
	test_fails();
	test_begins_again();
	test_lesser();
	test_ousted();
	test_absent();
	test_longest();
	test_longest_is_not();
	test_elected_instead();
	test_enters_below();
	return done();
}

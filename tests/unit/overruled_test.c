/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The others follow a new master, and this node's store may be longer: what becomes of its Neo4j?
 */
// use: node-agent/quorum/quorum.c node-agent/quorum/propose.c node-agent/quorum/generation.c
// use: node-agent/quorum/decree.c node-agent/quorum/manifest.c node-agent/quorum/seats.c
// use: node-agent/quorum/stores.c node-agent/quorum/masters.c node-agent/quorum/start.c
#include "node-agent/quorum/quorum.h"
#include "tap.h"

#define ELECTED_MS 20000 /* the master 1 is long gone then, and 3 is elected */

static const struct mastership of_1 = {1, 1, 1}, of_3 = {2, 1, 3};
static const struct manifest expected = {
	.n = 3,
	.member = {{.id = 1}, {.id = 2}, {.id = 3}},
};

/* Node 2, whose store follows the master 1. */
static void begin(struct quorum *q)
{
	struct durable d = {.incarnation = 12, .manifest = expected};

	d.manifest.epoch = d.manifest.run = 1;
	for (unsigned i = 0; i < 3; i++) {
		d.manifest.member[i].incarnation = 11 + i;
		idset_add(&d.manifest.hosts, i + 1);
	}
	d.basis = d.followed = d.touched = d.granted = of_1;
	quorum_begin(q, 2, &expected, &d, 0);
}

static bool leads;         /* a majority follows 3 when it is master */
static bool claims = true; /* and it is granted then */

/* Node 3 is heard; from ELECTED_MS on it is master with a store of 90. */
static void hear_3(struct quorum *q, int64_t now_ms)
{
	bool master = now_ms >= ELECTED_MS;
	struct word w = {.incarnation = 13,
		.epoch = 1,
		.run = 1,
		.expected = manifest_digest(&expected),
		.neo4j_run = 1,
		.formed = true,
		.whole = true,
		.fit = true,
		.lease = true,
		.bound = true,
		.role = master ? NEO4J_MASTER : NEO4J_UNKNOWN,
		.master = master ? 3 : 0,
		.last_tx = 90,
		.granted = master && claims ? of_3 : of_1,
		.basis = master && leads ? of_3 : of_1,
		.followed = master && leads ? of_3 : of_1,
		.touched = master && leads ? of_3 : of_1,
		.claim = master && claims ? of_3 : (struct mastership){0}};

	quorum_seen(q, 3, now_ms);
	quorum_hear(q, 3, &w, NULL, now_ms);
}

/* Lives from *now_ms until to_ms or until Neo4j is to be killed; why, or "". */
static const char *live(
	struct quorum *q, const struct quorum_look *look, int64_t *now_ms, int64_t to_ms)
{
	struct verdict v = {.why = ""};

	for (; *now_ms < to_ms; *now_ms += 500) {
		hear_3(q, *now_ms);
		quorum_step(q, look, *now_ms, &v);
		if (v.neo4j == NEO4J_KILL)
			return v.why;
	}
	return "";
}

int main(void)
{
	static struct quorum q;
	/* 2's Neo4j was slave of 1, and has since neither been master nor slave: a bound of 130 is
	 * all that is known of its store. */
	struct quorum_look look = {.whole = true,
		.fit = true,
		.neo4j_run = 1,
		.formed = true,
		.role = NEO4J_UNKNOWN,
		.last_tx = 130};
	int64_t now_ms = 0;

	begin(&q);
	is_str(live(&q, &look, &now_ms, ELECTED_MS), "", "without a master it waits for one");
	is_str(live(&q, &look, &now_ms, ELECTED_MS + 10000), "",
		"one elected with has time to become slave");
	struct quorum_look slave = look;
	slave.role = NEO4J_SLAVE;
	slave.master = 3;
	slave.last_tx = 90;
	is_str(live(&q, &slave, &now_ms, ELECTED_MS + 60000), "", "and lives when it has");

	begin(&q);
	now_ms = 0;
	is_str(live(&q, &look, &now_ms, 3 * ELECTED_MS), "the others follow another master",
		"one that does not is ended");
	is_int((long)now_ms, ELECTED_MS + QUORUM_OVERRULED_MS, "when its time is over");

	begin(&q);
	now_ms = 0;
	slave.master = 1;
	slave.last_tx = 91;
	is_str(live(&q, &slave, &now_ms, 3 * ELECTED_MS), "the others follow another master",
		"a longer store that goes on below another");
	is_int((long)now_ms, ELECTED_MS, "is ended at once");

	begin(&q);
	now_ms = ELECTED_MS;
	look.formed = false;
	is_str(live(&q, &look, &now_ms, 3 * ELECTED_MS), "the others follow another master",
		"one that has yet to join the others, who have lived on,");
	is_int((long)now_ms, ELECTED_MS, "is ended at once: its joining would make an election");

	begin(&q);
	now_ms = ELECTED_MS;
	leads = true;
	look.formed = true;
	look.role = NEO4J_MASTER;
	look.master = 2;
	look.last_tx = 80;
	is_str(live(&q, &look, &now_ms, 3 * ELECTED_MS), "another one is the master",
		"a master that missed another one's election is ended, though its store is "
		"shorter");
	is_int((long)now_ms, ELECTED_MS + QUORUM_OVERRULED_MS, "when it had time to hear of it");
	/* It hangs, and all that is known of its store is the bound. */
	begin(&q);
	now_ms = ELECTED_MS;
	leads = true;
	q.d.basis = q.d.followed = q.d.touched = q.d.granted = of_3;
	look.role = NEO4J_DOWN;
	look.master = 0;
	look.last_tx = 130;
	is_str(live(&q, &look, &now_ms, 4 * ELECTED_MS), "",
		"a slave that hangs is not ended for what it may have become");
	begin(&q);
	now_ms = ELECTED_MS;
	leads = false;
	claims = false;
	is_str(live(&q, &look, &now_ms, 4 * ELECTED_MS), "the others follow another master",
		"a former master that hangs, when another one is elected with less,");
	is_int((long)now_ms, ELECTED_MS + QUORUM_OVERRULED_MS,
		"before it wakes and throws away what that one lacks");
	return done();
}

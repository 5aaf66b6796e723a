/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When may clients reach this node's Neo4j, and for how long if its agent hangs? */
// use: node-agent/quorum/quorum.c node-agent/quorum/propose.c node-agent/quorum/generation.c
// use: node-agent/quorum/decree.c node-agent/quorum/manifest.c node-agent/quorum/seats.c
// use: node-agent/quorum/stores.c node-agent/quorum/masters.c node-agent/quorum/start.c
#include "node-agent/quorum/quorum.h"
#include "tap.h"

#define TICK 500

static const struct mastership older = {1, 1, 3}, claim = {2, 1, 1};

static void begin(struct quorum *q, unsigned self)
{
	struct durable d = {.incarnation = 10 + self};
	struct manifest *m = &d.manifest;

	*m = (struct manifest){.epoch = 1, .run = 1, .n = 3};
	for (unsigned i = 0; i < 3; i++) {
		m->member[i] =
			(struct manifest_member){.id = (uint8_t)(i + 1), .incarnation = 11 + i};
		idset_add(&m->hosts, i + 1);
	}
	d.basis = d.followed = d.touched = d.granted = older;
	quorum_begin(q, self, m, &d, 0);
}

static struct word member_word(unsigned id, const struct mastership *follows)
{
	return (struct word){.incarnation = 10 + id,
		.epoch = 1,
		.run = 1,
		.neo4j_run = 1,
		.last_tx = 100,
		.told = true,
		.role = id == 1 ? NEO4J_MASTER : NEO4J_SLAVE,
		.master = 1,
		.formed = true,
		.whole = true,
		.fit = true,
		.lease = true,
		.leads = id == 1 && mastership_equal(follows, &claim),
		.bound = true,
		.granted = *follows,
		.basis = *follows,
		.followed = *follows,
		.touched = *follows,
		.claim = id == 1 ? claim : (struct mastership){0}};
}

static void hear(struct quorum *q, unsigned id, const struct mastership *follows, int64_t t)
{
	struct word w = member_word(id, follows);

	quorum_seen(q, id, t);
	q->now_ms = t;
	quorum_hear(q, id, &w, NULL, t);
}

static struct verdict look(struct quorum *q, int64_t t)
{
	struct quorum_look l = {.told = true,
		.whole = true,
		.fit = true,
		.neo4j_run = 1,
		.formed = true,
		.role = q->self == 1 ? NEO4J_MASTER : NEO4J_SLAVE,
		.master = 1,
		.last_tx = 100};
	struct verdict v;

	quorum_step(q, &l, t, &v);
	return v;
}

static void test_slave(void)
{
	static struct quorum q;
	struct verdict v;
	int64_t t = 0;

	begin(&q, 2);
	for (; t < 4000; t += TICK) {
		hear(&q, 1, &older, t);
		hear(&q, 3, &older, t);
		v = look(&q, t);
	}
	ok(q.lease && !v.open, "closed below a master that nobody follows yet");
	for (; t < 8000; t += TICK) {
		hear(&q, 1, &claim, t);
		hear(&q, 3, &older, t);
		v = look(&q, t);
	}
	ok(v.open && !v.writable, "open below one that leads");
	int64_t heard = t - TICK;
	for (; v.open && t < 60000; t += TICK) {
		hear(&q, 3, &older, t);
		v = look(&q, t);
	}
	ok(t - heard > QUORUM_PRESENT_MS + TICK && t - heard <= QUORUM_LEASE_MS + TICK,
		"for a while though it is not heard: reads go on");
	begin(&q, 2);
	hear(&q, 1, &claim, 0);
	hear(&q, 3, &claim, 0);
	v = look(&q, 0);
	ok(v.open, "another one");
	hear(&q, 1, &older, TICK);
	v = look(&q, TICK);
	ok(!v.open, "is closed when its master says that it leads no more");
	hear(&q, 1, &claim, 2 * TICK);
	v = look(&q, 2 * TICK);
	ok(v.open, "and open when it does again");
	struct word alone = member_word(1, &claim);
	alone.leads = false;
	quorum_hear(&q, 1, &alone, NULL, 3 * TICK);
	v = look(&q, 3 * TICK);
	ok(!v.open, "one whom no majority follows now is written to by nobody");
}

/* Node 1 is the master; 2 follows it, and 3 with all, else 3 only supports the run. */
static struct verdict lead(struct quorum *q, bool all, int64_t *t)
{
	struct verdict v;

	begin(q, 1);
	for (*t = 0; *t < 4000; *t += TICK) {
		const struct mastership *follows = q->claim.term ? &q->claim : &older;
		hear(q, 2, follows, *t);
		hear(q, 3, all ? follows : &older, *t);
		v = look(q, *t);
	}
	return v;
}

/* 2 follows this master and falls silent, 3 supports the run and grants nobody. */
static void test_hung(void)
{
	static struct quorum q;
	int64_t t;
	struct verdict v = lead(&q, false, &t);

	ok(v.writable, "a master that 2 follows");
	int64_t heard = t - TICK;
	for (; v.writable && t < 60000; t += TICK) {
		hear(&q, 3, &older, t);
		v = look(&q, t);
		if (v.writable)
			is_int(v.lease_ms, heard + QUORUM_LEASE_MS,
				"would be ended before 2 grants another one");
	}
	ok(q.lease && v.neo4j == NEO4J_AS_IT_IS, "closed in time, it lives on");
	ok(v.lease_ms > heard + QUORUM_LEASE_MS, "by the lease of the run");
}

/* Two data nodes and an arbiter: one goes, and what is left makes a majority alone. */
static void test_unknown_manifest(void)
{
	static struct quorum q;
	int64_t t;
	struct verdict v = lead(&q, true, &t);

	ok(v.writable, "a master that all follow");
	q.d.manifest.epoch = 2;
	v = look(&q, t);
	ok(v.open && !v.writable, "not written to while it alone knows what was decided");
	struct word w = member_word(3, &q.claim);
	w.epoch = 2;
	quorum_hear(&q, 3, &w, NULL, t);
	v = look(&q, t);
	ok(v.writable, "but when a majority does");
}

/* The first one up of new cards waits for the others' JVMs, and for a moment hears nobody. */
static void test_first(void)
{
	static struct quorum q;
	struct quorum_look l = {.fit = true,
		.neo4j_run = 1,
		.formed = true,
		.role = NEO4J_MASTER,
		.master = 1,
		.last_tx = 1,
		.told = true};
	struct verdict v;
	int64_t t = 0;

	begin(&q, 1);
	q.d.basis = q.d.followed = q.d.touched = q.d.granted = (struct mastership){0};
	for (; t < 4000; t += TICK) {
		for (unsigned id = 2; id <= 3; id++) {
			struct word w = {.incarnation = 10 + id, .epoch = 1, .run = 1, .fit = true};
			quorum_seen(&q, id, t);
			quorum_hear(&q, id, &w, NULL, t);
		}
		quorum_step(&q, &l, t, &v);
	}
	ok(v.neo4j == NEO4J_AS_IT_IS, "the first master has nothing in its store: %s", v.why);
	t += QUORUM_PRESENT_MS + TICK;
	quorum_step(&q, &l, t, &v);
	ok(v.neo4j == NEO4J_AS_IT_IS, "and is not ended for that when it hears nobody: %s", v.why);
}

int main(void)
{
	test_first();
	test_slave();
	test_hung();
	test_unknown_manifest();
	return done();
}

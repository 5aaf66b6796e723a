/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a node's store may hold that its agent did not see, and whose store is then put aside. */
// use: node-agent/quorum/quorum.c node-agent/quorum/propose.c node-agent/quorum/generation.c
// use: node-agent/quorum/decree.c node-agent/quorum/manifest.c node-agent/quorum/seats.c
// use: node-agent/quorum/stores.c node-agent/quorum/masters.c node-agent/quorum/start.c
#include "node-agent/quorum/quorum.h"
#include "tap.h"

#define HUNG_MS 20000 /* long enough for bramble-guard to end Neo4j */

static const struct mastership nobody, first_of_1 = {1, 1, 1}, second_of_1 = {2, 1, 1};
static const struct manifest expected = {
	.n = 3,
	.member = {{.id = 1}, {.id = 2}, {.id = 3}},
};

/* Node 2 of run 1, whose store follows m. */
static struct quorum *begin(const struct mastership *m)
{
	static struct quorum q;
	struct durable d = {.incarnation = 12, .manifest = expected};

	d.manifest.epoch = d.manifest.run = 1;
	for (unsigned i = 0; i < 3; i++) {
		d.manifest.member[i].incarnation = 11 + i;
		idset_add(&d.manifest.hosts, i + 1);
	}
	d.basis = d.followed = d.touched = d.granted = *m;
	quorum_begin(&q, 2, &expected, &d, 0);
	return &q;
}

/* The master 1, with 100 transactions, by that claim. */
static void hear_master(struct quorum *q, const struct mastership *claim, int64_t now_ms)
{
	struct word w = {.incarnation = 11,
		.epoch = 1,
		.run = 1,
		.neo4j_run = 1,
		.formed = true,
		.whole = true,
		.fit = true,
		.lease = true,
		.role = NEO4J_MASTER,
		.master = 1,
		.last_tx = 100,
		.told = true,
		.granted = *claim,
		.basis = *claim,
		.followed = *claim,
		.touched = *claim,
		.claim = *claim};

	quorum_seen(q, 1, now_ms);
	quorum_hear(q, 1, &w, NULL, now_ms);
}

/* Node 3, which has lost its master 1 and waits for another; it has one write less. */
static void hear_3(struct quorum *q, int64_t now_ms)
{
	struct word w = {.incarnation = 13,
		.epoch = 1,
		.run = 1,
		.neo4j_run = 1,
		.formed = true,
		.whole = true,
		.fit = true,
		.role = NEO4J_UNKNOWN,
		.last_tx = 99,
		.granted = first_of_1,
		.basis = first_of_1,
		.followed = first_of_1,
		.touched = first_of_1};

	quorum_seen(q, 3, now_ms);
	quorum_hear(q, 3, &w, NULL, now_ms);
}

static const struct quorum_look slave_of_1 = {.whole = true,
	.fit = true,
	.neo4j_run = 1,
	.formed = true,
	.role = NEO4J_SLAVE,
	.master = 1,
	.last_tx = 100,
	.told = true};
static const struct quorum_look ended = {.whole = true, .fit = true, .last_tx = 100};

/* 3 is there, 1 is not, and this node's Neo4j is ended: what becomes of its store? */
static struct verdict live_with_3(struct quorum *q, int64_t from_ms)
{
	struct verdict v = {.why = ""};

	for (int64_t t = from_ms; t < from_ms + 10000 && v.neo4j != NEO4J_START; t += 500) {
		hear_3(q, t);
		quorum_step(q, &ended, t, &v);
	}
	return v;
}

static void test_hung(void)
{
	struct quorum *q = begin(&nobody);
	struct verdict v;

	/* Its Neo4j is slave; the agent hangs before it hears that 1 is the master. */
	for (int64_t t = 0; t < 3000; t += 500) {
		hear_3(q, t);
		quorum_step(q, &slave_of_1, t, &v);
	}
	v = live_with_3(q, HUNG_MS);
	ok(v.neo4j != NEO4J_START && !v.aside, "a store that may hold the master's is kept");
	ok(v.why[0] != '\0', "and its agent says why it waits: %s", v.why);
	is_int((long)q->d.touched.run, 1, "it may follow any master of that run");

	q = begin(&nobody);
	v = live_with_3(q, HUNG_MS);
	ok(v.neo4j != NEO4J_START, "an agent that begins has seen nothing either");
}

/*
 * 1 has a new card, 3 has all, and this node had none that counts: it copies 3's, and all three
 * wait for one another for ever if what it has of that counts.
 */
static void test_emptied(void)
{
	struct quorum *q = begin(&nobody);
	struct quorum_look copies = {.fit = true, .neo4j_run = 1, .role = NEO4J_UNKNOWN};
	struct word blank = {.incarnation = 11, .epoch = 1, .run = 1, .fit = true};
	struct verdict v = {.why = ""};

	q->d.manifest.member[0].readmitted = true;
	for (int64_t t = 0; t < 20000 && v.neo4j != NEO4J_KILL; t += 500) {
		quorum_seen(q, 1, t);
		quorum_hear(q, 1, &blank, NULL, t);
		hear_3(q, t);
		quorum_step(q, &copies, t, &v);
	}
	is_int(v.neo4j, NEO4J_AS_IT_IS, "half a copy lives, and is missed by nobody: %s", v.why);
}

/* No Neo4j of its own has run for long: while the agent hangs nothing becomes of the store. */
static void test_at_rest(void)
{
	struct quorum *q = begin(&first_of_1);
	struct verdict v;
	int64_t t = 0;

	for (; t < QUORUM_OVER_MS + 1000; t += 500)
		quorum_step(q, &ended, t, &v);
	q->d.touched = first_of_1;
	quorum_step(q, &ended, t + HUNG_MS, &v);
	ok(mastership_equal(&q->d.touched, &first_of_1), "a store at rest is not suspected");
}

static void test_seen(void)
{
	struct quorum *q = begin(&first_of_1);
	struct verdict v;

	for (int64_t t = 0; t < 5000; t += 500) {
		hear_master(q, &first_of_1, t);
		quorum_step(q, &slave_of_1, t, &v);
	}
	ok(mastership_equal(&q->d.touched, &first_of_1), "what it sees it need not suspect");
	quorum_step(q, &slave_of_1, 5000 + QUORUM_BLIND_MS, &v);
	ok(q->d.touched.term == TERM_ANY, "until it was away for a while");
	hear_master(q, &first_of_1, 5500 + QUORUM_BLIND_MS);
	quorum_step(q, &slave_of_1, 5500 + QUORUM_BLIND_MS, &v);
	ok(mastership_equal(&q->d.touched, &first_of_1), "and hears the master again");
}

/* Steps from *now_ms, the master's second claim being heard, until the store follows it. */
static bool follows(
	struct quorum *q, const struct quorum_look *look, int64_t *now_ms, int64_t to_ms)
{
	struct verdict v;

	for (; *now_ms < to_ms && !mastership_equal(&q->d.basis, &second_of_1); *now_ms += 500) {
		hear_master(q, &second_of_1, *now_ms);
		quorum_step(q, look, *now_ms, &v);
	}
	return mastership_equal(&q->d.basis, &second_of_1);
}

static void test_frozen(void)
{
	struct quorum *q = begin(&first_of_1);
	struct quorum_look frozen = slave_of_1, thawed = slave_of_1;
	int64_t t = 0;
	struct verdict v;

	frozen.role = NEO4J_DOWN;
	thawed.last_tx = 90;
	ok(!follows(q, &frozen, &t, 10000), "a frozen Neo4j follows nobody");
	int64_t thaw_ms = t;
	quorum_step(q, &thawed, t, &v);
	ok(!mastership_equal(&q->d.basis, &second_of_1),
		"thawed it may still be the slave of before");
	t += 500;
	ok(!follows(q, &thawed, &t, thaw_ms + 5000), "as long as it lacks what its master had");
	thawed.last_tx = 100;
	ok(follows(q, &thawed, &t, thaw_ms + 6000), "and follows when it has caught up");

	q = begin(&first_of_1);
	thawed.last_tx = 90;
	thawed.told = false;
	t = 0;
	ok(follows(q, &thawed, &t, 2 * QUORUM_CAUGHT_UP_MS),
		"or, where nobody tells, has been slave for long");
	ok(t >= QUORUM_CAUGHT_UP_MS, "not before");
}

/* It lives as slave of 1 for ms, and gets a transaction now and then or none. */
static struct verdict lag(struct quorum *q, struct quorum_look look, int64_t ms, bool moves)
{
	struct verdict v = {.why = ""};

	for (int64_t t = 0; t < ms && v.neo4j != NEO4J_KILL; t += 500) {
		hear_master(q, &second_of_1, t);
		look.last_tx += moves && t % 30000 == 0;
		quorum_step(q, &look, t, &v);
	}
	return v;
}

/* The master's log does not go back to where it was when it went away: slave all the same. */
static void test_stuck(void)
{
	struct quorum *q = begin(&first_of_1);
	struct quorum_look behind = slave_of_1, copies;
	struct verdict v;

	behind.last_tx = 1;
	is_int(lag(q, behind, 300000, true).neo4j, NEO4J_AS_IT_IS, "one that gets more lives");
	q = begin(&first_of_1);
	copies = behind;
	copies.copies = true;
	is_int(lag(q, copies, 300000, false).neo4j, NEO4J_AS_IT_IS, "and one that writes");
	q = begin(&first_of_1);
	v = lag(q, behind, QUORUM_STUCK_MS - 500, false);
	is_int(v.neo4j, NEO4J_AS_IT_IS, "one that gets nothing waits for a while");
	ok(!mastership_equal(&q->d.basis, &second_of_1), "and is nobody's majority");
	q = begin(&first_of_1);
	v = lag(q, behind, QUORUM_STUCK_MS + 2000, false);
	is_int(v.neo4j, NEO4J_KILL, "then it is ended: %s", v.why);
	struct quorum_look rests = {.whole = true, .fit = true, .last_tx = 1};
	int64_t t = QUORUM_STUCK_MS + 2000;
	for (int i = 0; i < 3; i++, t += 500) {
		hear_master(q, &second_of_1, t);
		quorum_step(q, &rests, t, &v);
		is_int(v.neo4j, NEO4J_START, "and started again: %s", v.why);
		ok(v.aside, "without what it had");
	}
	behind.whole = false;
	behind.role = NEO4J_UNKNOWN;
	hear_master(q, &second_of_1, t);
	quorum_step(q, &behind, t, &v);
	is_int(v.neo4j, NEO4J_AS_IT_IS, "that one lives: %s", v.why);
}

/*
 * 1, 2, 3 and the arbiter 4. What 1 took was on 1 and 3. 1 gets a new card, 3 is no host of run 2:
 * of four voters these are no majority, of the three stores they are. May 2 begin?
 */
static enum neo4j_order begin_without_3(bool arbiter)
{
	static struct quorum q;
	struct durable d = {.incarnation = 12};
	struct verdict v = {.why = ""};
	struct manifest *m = &d.manifest;

	*m = (struct manifest){.epoch = 3, .run = 2, .n = 4};
	for (unsigned i = 0; i < 4; i++) {
		m->member[i] = (struct manifest_member){
			.id = (uint8_t)(i + 1), .incarnation = 11 + i, .readmitted = i == 0};
		if (i != 2)
			idset_add(&m->hosts, i + 1);
	}
	m->member[3].role = arbiter ? MANIFEST_ARBITER : MANIFEST_DATA;
	d.basis = d.followed = d.touched = d.granted = first_of_1;
	quorum_begin(&q, 2, m, &d, 0);
	for (int64_t t = 0; t < 5000 && v.neo4j != NEO4J_START; t += 500) {
		for (unsigned id = 1; id <= 4; id++) {
			struct mastership of = id == 1 ? nobody : first_of_1;
			struct word w = {.incarnation = 10 + id,
				.epoch = 3,
				.run = 2,
				.whole = id != 1,
				.fit = true,
				.last_tx = id == 1 ? 0 : 100,
				.granted = of,
				.basis = of,
				.followed = of,
				.touched = of};
			quorum_seen(&q, id, t);
			quorum_hear(&q, id, &w, NULL, t);
		}
		quorum_step(&q, &ended, t, &v);
	}
	return v.neo4j;
}

static void test_arbiter(void)
{
	is_int(begin_without_3(true), NEO4J_AS_IT_IS, "two of three stores are not begun without");
	is_int(begin_without_3(false), NEO4J_START, "two of four are");
}

/* The first word of a new master may be what its store had long ago; what it tells then counts. */
static void test_first_word(void)
{
	struct quorum *q = begin(&nobody);
	struct quorum_look lacks = slave_of_1;
	struct verdict v;

	lacks.last_tx = 90;
	for (int64_t t = 0; t < 20000; t += 500) {
		hear_master(q, &first_of_1, t);
		if (t < 1000) { /* as yet it has told nothing */
			q->seat[1].word.told = false;
			q->seat[1].word.last_tx = 10;
		}
		quorum_step(q, &lacks, t, &v);
	}
	ok(!mastership_equal(&q->d.basis, &first_of_1),
		"a slave that lacks what it told follows it not");
	for (int64_t t = 20000; t < 22000; t += 500) {
		hear_master(q, &first_of_1, t);
		quorum_step(q, &slave_of_1, t, &v);
	}
	ok(mastership_equal(&q->d.basis, &first_of_1), "until it has that");
}

/* It was away when 1 and 3 began run 2, and hears of that before anybody has looked for its Neo4j.
 */
static void test_away(bool unasked)
{
	struct quorum *q = begin(&first_of_1);
	struct quorum_look look = {.whole = true, .neo4j_run = UINT64_MAX, .unasked = unasked};
	struct manifest later = q->d.manifest;
	struct word w = {.incarnation = 13,
		.epoch = 2,
		.run = 2,
		.part = WORD_MANIFEST,
		.whole = true,
		.fit = true};
	struct verdict v;

	later.epoch = later.run = 2;
	w.granted = w.basis = w.followed = w.touched = (struct mastership){2, 2, 1};
	quorum_seen(q, 3, 500);
	quorum_hear(q, 3, &w, &later, 500);
	quorum_step(q, &look, 500, &v);
	is_int((long)q->d.manifest.run, 2, "it learns of run 2");
	is_int((long)q->d.touched.run, unasked ? 1 : 2,
		unasked ? "in which no Neo4j from before can have been"
			: "in which one that runs may be");
}

int main(void)
{
	test_first_word();
	test_away(true);
	test_away(false);
	test_arbiter();
	test_hung();
	test_emptied();
	test_at_rest();
	test_seen();
	test_frozen();
	test_stuck();
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A generation of the configuration is decided, withdrawn, and with it a voter comes or goes. */
// use: node-agent/quorum/quorum.c node-agent/quorum/propose.c node-agent/quorum/generation.c
// use: node-agent/quorum/decree.c node-agent/quorum/manifest.c node-agent/quorum/seats.c
// use: node-agent/quorum/stores.c node-agent/quorum/masters.c node-agent/quorum/start.c
#include <string.h>
#include "node-agent/quorum/quorum_private.h"
#include "tap.h"

#define ALL 5

static struct quorum q[ALL + 1];
static uint64_t stored[ALL + 1], failed[ALL + 1], runs[ALL + 1];
static int64_t now;
static bool at_rest;     /* all Neo4js */
static unsigned resting; /* this one's */
static unsigned copying; /* this one's is no slave yet */
static unsigned arbiter; /* runs, too */
static uint64_t tx[ALL + 1];
static unsigned silent; /* this one's does not tell how far it is */
static unsigned unfit;  /* this one could not start any */
static bool old_store;  /* the one at rest has one that is whole */
static bool stays;      /* one that is to go does not stop */
static unsigned apart;  /* bits of two that do not hear each other */
static struct verdict verdict[ALL + 1];

static bool is_there(const struct quorum *of, unsigned id)
{
	return quorum_near(of, id, QUORUM_PRESENT_MS);
}

static struct manifest members(unsigned n, unsigned without)
{
	struct manifest m = {0};

	for (unsigned id = 1; id <= n; id++) {
		if (id == without)
			continue;
		m.member[m.n].id = (uint8_t)id;
		snprintf(m.member[m.n++].name, MANIFEST_NAME, "pi%u", id);
	}
	return m;
}

/* 1 to 3 have formed under master 2; 4 is a new card. */
static void begin(void)
{
	struct manifest three = members(3, 0), five = members(5, 0);

	now = 1000;
	for (unsigned id = 1; id <= ALL; id++) {
		struct durable d = {.incarnation = 10 + id};
		stored[id] = failed[id] = 0;
		runs[id] = 1;
		if (id <= 3) {
			d.manifest = three;
			d.manifest.epoch = d.manifest.run = 1;
			for (unsigned i = 0; i < 3; i++) {
				d.manifest.member[i].incarnation = 11 + i;
				idset_add(&d.manifest.hosts, i + 1);
			}
			d.basis = d.followed = d.touched = d.granted = (struct mastership){1, 1, 2};
		}
		quorum_begin(&q[id], id, id <= 3 ? &three : &five, &d, now);
	}
}

static void look(unsigned id)
{
	bool leaves = quorum_is_leaving(&q[id]) && !stays;
	bool runs_neo4j =
		(id <= 3 || id == arbiter) && !at_rest && id != resting && id != unfit && !leaves;
	bool member = runs_neo4j && id != copying;
	struct quorum_look l = {.told = id != silent,
		.whole =
			(id <= 3 || id == arbiter) && (id != resting || old_store) && id != copying,
		.fit = id != unfit && !leaves,
		.neo4j_run = runs_neo4j,
		.formed = member,
		.role = !member   ? NEO4J_DOWN
			: id == 2 ? NEO4J_MASTER
				  : NEO4J_SLAVE,
		.master = member ? 2 : 0,
		.last_tx = tx[id],
		.stored = stored[id],
		.failed = failed[id],
		.runs = runs[id]};

	quorum_step(&q[id], &l, now, &verdict[id]);
}

/* Bits of who is there. */
static void live(unsigned there, int64_t ms)
{
	const struct manifest *value;
	struct word w;

	for (int64_t end = now + ms; now < end; now += 500) {
		for (unsigned id = 1; id <= ALL; id++) {
			if (!(there & 1u << id))
				continue;
			look(id);
			for (unsigned to = 1; to <= ALL; to++) {
				if (to == id || !(there & 1u << to) ||
					(apart & 1u << id && apart & 1u << to))
					continue;
				quorum_word(&q[id], to, &w, &value);
				quorum_seen(&q[to], id, now);
				q[to].now_ms = now;
				quorum_hear(&q[to], id, &w, value, now);
			}
		}
	}
}

static void give(unsigned id, const struct manifest *list, uint64_t generation)
{
	struct manifest offer = *list;

	offer.generation = stored[id] = generation;
	quorum_offer(&q[id], &offer);
}

/* 1 to 3 have it, and have come up with it. */
static void all_run(const struct manifest *list, uint64_t generation)
{
	for (unsigned id = 1; id <= 3; id++) {
		give(id, list, generation);
		runs[id] = generation;
	}
}

static const struct manifest *decided(unsigned id)
{
	return &q[id].d.manifest;
}

#define THREE 0x0e
#define FOUR 0x1e
#define FIVE 0x3e

static void test_decided(void)
{
	struct manifest three = members(3, 0);

	begin();
	live(THREE, 5000);
	give(1, &three, 2);
	live(THREE, 10000);
	is_int((long long)decided(1)->generation, 0, "one has it: that decides nothing");
	give(3, &three, 2);
	live(THREE, 10000);
	is_int((long long)decided(2)->generation, 2, "two of three have it: it is decided");
	is_int((long long)manifest_goal(decided(2)), 2, "for all");
	is_int((long long)decided(2)->run, 1, "and nobody's Neo4j begins anew");
	for (unsigned id = 1; id <= 3; id++)
		runs[id] = 2;
	live(THREE, 2000);
	give(1, &three, 1);
	give(2, &three, 1);
	live(THREE, 10000);
	is_int((long long)decided(2)->generation, 2, "an older one undoes nothing");
	give(1, &three, 3);
	give(2, &three, 3);
	live(THREE, 10000);
	ok(decided(3)->generation == 3 && decided(3)->before == 2, "the next one");
	failed[3] = 3;
	live(THREE, 10000);
	ok(decided(1)->withdrawn && decided(1)->generation == 3 && manifest_goal(decided(1)) == 2,
		"one that could not come up is withdrawn, for what a majority came up with");
	give(1, &three, 4);
	give(2, &three, 4);
	live(THREE, 10000);
	ok(!decided(1)->withdrawn && decided(1)->generation == 4 && decided(1)->before == 2,
		"and one after it is decided");
	give(1, &three, 5);
	give(2, &three, 5);
	live(THREE, 10000);
	ok(decided(1)->generation == 5 && decided(1)->before == 2,
		"one that was overtaken before anybody ran it is nothing to go back to");
}

static void test_newcomer(void)
{
	struct manifest four = members(4, 0);

	begin();
	for (unsigned id = 1; id <= 3; id++)
		give(id, &four, 2);
	live(FOUR, 10000);
	const struct manifest_member *m = manifest_member(decided(1), 4);
	ok(m && !m->incarnation && decided(1)->n == 4, "a newcomer is a member without a vote");
	is_int(manifest_majority(decided(1)), 2, "the others are three as before");
	is_int((long long)decided(4)->generation, 2, "it learns that");
	live(FOUR, 10000);
	ok(!manifest_member(decided(1), 4)->incarnation,
		"as long as not all run that generation, it stays so");
	runs[1] = runs[2] = runs[3] = 2;
	live(FOUR, 10000);
	is_int((long long)manifest_member(decided(1), 4)->incarnation, 14, "then it has a vote");
	is_int(manifest_majority(decided(1)), 3, "and three of four are a majority");
}

/* Of four three are a majority: with 3 away nothing could be written until 4 has the store. */
static void test_newcomer_waits(void)
{
	struct manifest four = members(4, 0);

	begin();
	live(THREE, 5000);
	all_run(&four, 2);
	live(THREE, 10000);
	live(0x06, 5000);
	live(0x16, 20000);
	is_int(decided(4)->n, 4, "a newcomer, while one is away");
	ok(!manifest_member(decided(1), 4)->incarnation, "waits for its vote");
	live(FOUR, 20000);
	ok(manifest_member(decided(1), 4)->incarnation, "until that one is back");
}

/* The one that came was followed by nobody yet, so what a majority is counts in both ways. */
static void test_newcomers(void)
{
	struct manifest four = members(4, 0), five = members(5, 0);

	begin();
	live(THREE, 5000);
	all_run(&four, 2);
	live(THREE, 10000);
	all_run(&five, 3);
	runs[4] = 3;
	live(THREE, 10000);
	is_int(decided(1)->n, 5, "two have been added, and neither has come");
	now += 500;
	for (int i = 0; i < 40 && manifest_majority(decided(1)) == 2; i++)
		live(FIVE, 500);
	ok(manifest_majority(decided(1)) == 3 && manifest_member(decided(1), 4)->incarnation &&
			!manifest_member(decided(1), 5)->incarnation,
		"both come: one of them has its vote");
	is_int(decided(1)->was_majority, 2, "and two of the others are what a majority was");
	ok(manifest_member(decided(1), 4)->newcomer, "without the new one");
	live(FIVE, 20000);
	ok(manifest_member(decided(1), 5)->incarnation, "the other one has its vote when the first "
							"three follow the master among four");
	live(FIVE, 20000);
	is_int(decided(1)->was_majority, 0, "and what was before counts no more");
	ok(!manifest_member(decided(1), 5)->newcomer, "nobody is new then");
}

/*
 * 3 was master of term 4, then 1 of term 5, followed by 2 alone; then the newcomer got its vote,
 * and the power went. Of the four term 5 was followed by two, who were a majority.
 */
static void test_last_of_three(void)
{
	struct manifest four = members(4, 0), m;

	begin();
	m = *decided(1);
	m.epoch = 3;
	m.n = 4;
	m.member[3] = (struct manifest_member){.id = 4, .incarnation = 14, .name = "pi4"};
	manifest_note_change(&m, decided(1));
	for (unsigned id = 1; id <= 4; id++) {
		struct durable d = {.incarnation = 10 + id, .manifest = m};
		if (id <= 3)
			d.basis = d.followed = d.granted = d.touched =
				(struct mastership){id == 3 ? 4 : 5, 1, id == 3 ? 3 : 1};
		quorum_begin(&q[id], id, &four, &d, now);
	}
	at_rest = true;
	live(FOUR, 5000);
	at_rest = false;
	is_int((long long)quorum_last(&q[3]).term, 5,
		"a newcomer makes no master one that never was");
	ok(!quorum_whole(&q[4], 4), "nor are all stores alike");
	live(0, 5000);
	at_rest = true;
	live(0x18, 5000); /* 3 and 4 */
	at_rest = false;
	ok(!quorum_accounted(&q[3], is_there), "without these two the others do not begin");
}

/* Where 1 has not followed the master yet, only 3 has what it took. */
static void test_last_remaining(void)
{
	struct manifest rest = members(3, 1);

	begin();
	q[3].d.basis = q[3].d.followed = q[3].d.touched = (struct mastership){0};
	q[3].d.granted = (struct mastership){0};
	copying = 3;
	live(THREE, 5000);
	for (unsigned id = 1; id <= 3; id++)
		give(id, &rest, 2);
	live(THREE, 10000);
	copying = 0;
	is_str(quorum_offer_obstacle(&q[2]),
		"of those who would remain no majority has what a master has",
		"who has what is written stays until others have it");
	is_int(decided(2)->n, 3, "it is not removed");
	live(THREE, 20000);
	is_int(decided(2)->n, 2, "then it is");
	ok(!decided(1)->was_majority || manifest_member(decided(1), 2), "by those who stay");
}

/* Of 2 alone two are to become: with the other's vote and without it nothing could be written. */
static void begin_with(unsigned other, enum manifest_role role)
{
	struct manifest two = members(3, 1), m;

	begin();
	two.member[1].id = (uint8_t)other;
	two.member[1].role = role;
	m = two;
	m.epoch = 2;
	m.run = 1;
	m.member[0].incarnation = 12;
	idset_add(&m.hosts, 2);
	for (unsigned i = 0; i < 2; i++) {
		unsigned id = i ? other : 2;
		struct durable d = {.incarnation = 10 + id, .manifest = m};
		if (id == 2)
			d.basis = d.followed = d.granted = d.touched = (struct mastership){1, 1, 2};
		quorum_begin(&q[id], id, &two, &d, now);
	}
}

static void begin_alone(void)
{
	begin_with(3, MANIFEST_DATA);
	resting = 3;
	live(0x0c, 5000);
	resting = 0;
}

static void test_learner(void)
{
	begin_alone();
	ok(verdict[3].neo4j == NEO4J_START && idset_has(&verdict[3].hosts, 2) &&
			idset_has(&verdict[3].hosts, 3),
		"a newcomer that has no vote yet starts, with the master's address and its own");
	copying = 3;
	for (int i = 0; i < 60; i++) {
		live(0x0c, 500);
		if (!verdict[2].writable || verdict[3].neo4j != NEO4J_AS_IT_IS)
			break;
	}
	ok(verdict[2].writable && verdict[3].neo4j == NEO4J_AS_IT_IS,
		"while it copies the store, the master takes writes");
	is_int(manifest_majority(decided(2)), 1, "it has no vote until then");
	copying = 0;
	live(0x0c, 10000);
	is_int(manifest_majority(decided(2)), 2, "then it has one");
	ok(verdict[2].writable && verdict[3].open, "and both serve");
}

/* An arbiter follows whom it hears, before its Neo4j is there. */
static void test_learning_arbiter(void)
{
	begin_with(4, MANIFEST_ARBITER);
	live(0x14, 10000);
	ok(verdict[4].neo4j == NEO4J_START && !verdict[4].aside && verdict[2].writable &&
			manifest_majority(decided(2)) == 1,
		"an arbiter that comes has no vote until its Neo4j has joined");
	arbiter = 4;
	live(0x14, 10000);
	ok(verdict[2].writable && manifest_majority(decided(2)) == 2, "then it has one");
	arbiter = 0;
}

/* 1 and 3 are to come to 2, and 1 cannot: 3 does not wait for it. */
static void test_unfit_learner(void)
{
	struct manifest three = members(3, 0), m = three;

	begin();
	m.epoch = 2;
	m.run = 1;
	m.member[1].incarnation = 12;
	idset_add(&m.hosts, 2);
	for (unsigned id = 1; id <= 3; id++) {
		struct durable d = {.incarnation = 10 + id, .manifest = m};
		if (id == 2)
			d.basis = d.followed = d.granted = d.touched = (struct mastership){1, 1, 2};
		quorum_begin(&q[id], id, &three, &d, now);
	}
	unfit = 1;
	resting = 3;
	live(THREE, 5000);
	ok(verdict[3].neo4j == NEO4J_START, "of two newcomers one that cannot start bars no other");
	unfit = resting = 0;
}

/* Given up, and back with what it had. */
static void test_stale_learner(void)
{
	begin_with(3, MANIFEST_DATA);
	resting = 3;
	old_store = true;
	live(0x0c, 5000);
	ok(verdict[3].neo4j == NEO4J_START && verdict[3].aside,
		"the store of one that was given up is put aside");
	resting = 0;
	old_store = false;
}

/* It may have the longest store, and counts for nothing: 10 s later the others elect. */
static void test_learner_alone(void)
{
	begin_alone();
	copying = 3;
	live(0x0c, 5000);
	resting = 2;
	for (int i = 0; i < 20 && verdict[3].neo4j != NEO4J_KILL; i++)
		live(0x0c, 500);
	resting = 0;
	is_str(verdict[3].why, "it has no vote, and copies from no master",
		"a newcomer that has no vote ends with its master");
	copying = 0;
}

/* 3 is slave of the master, and gets nothing from it: what is written is on 1 and 2. */
static void test_leaver_and_lag(void)
{
	struct manifest rest = members(3, 1);

	begin();
	live(THREE, 5000);
	tx[1] = tx[2] = 5;
	live(THREE, 10000);
	for (unsigned id = 1; id <= 3; id++)
		give(id, &rest, 2);
	live(THREE, 10000);
	is_int(decided(2)->n, 3, "one that has what another slave lacks is not removed");
	for (int i = 0; i < 60; i++) {
		tx[3] = tx[2];
		tx[1] = ++tx[2];
		live(THREE, 500);
	}
	is_int(decided(2)->n, 2, "until that one has caught up, if more is written all the while");
	memset(tx, 0, sizeof(tx));
}

/* As before, and 3 has just become slave again, and does not tell how far it is. */
static void test_leaver_and_silence(void)
{
	struct manifest rest = members(3, 1);

	begin();
	live(THREE, 5000);
	tx[1] = tx[2] = 5;
	copying = 3;
	live(THREE, 2000);
	copying = 0;
	silent = 3;
	for (unsigned id = 1; id <= 3; id++)
		give(id, &rest, 2);
	live(THREE, 8000);
	is_int(decided(2)->n, 3, "silence is no proof of having all");
	live(THREE, 20000);
	is_int(decided(2)->n, 2, "but of one that is slave for long it has to do");
	silent = 0;
	memset(tx, 0, sizeof(tx));
}

static void test_leaver(void)
{
	struct manifest rest = members(3, 3), none = members(3, 2), two = members(4, 3);

	begin();
	live(THREE, 5000);
	give(1, &none, 2);
	give(2, &none, 2);
	live(THREE, 10000);
	ok(decided(1)->n == 3, "the master is not removed");
	is_str(quorum_offer_obstacle(&q[1]),
		"the master is not removed; make another one master first", "which it says");
	give(1, &two, 2);
	give(2, &two, 2);
	live(THREE, 10000);
	is_str(quorum_offer_obstacle(&q[1]), "data nodes and arbiters come and go one at a time",
		"one for another in one step neither");
	for (unsigned id = 1; id <= 3; id++)
		give(id, &rest, 3);
	live(THREE, 25000);
	ok(decided(1)->n == 2 && !manifest_member(decided(1), 3), "a slave leaves");
	ok(!idset_has(&decided(1)->hosts, 3), "and is no host any more");
	is_int((long long)decided(3)->epoch, (long long)decided(1)->epoch, "it learns that");
	is_int(manifest_majority(decided(1)), 2, "two are left, and both are needed");
}

/* 4, an arbiter, is one of them: all follow master 2. */
static void begin_beside_arbiter(void)
{
	struct manifest four = members(4, 0), m;

	begin();
	m = *decided(1);
	m.n = 4;
	m.member[3] = (struct manifest_member){
		.id = 4, .role = MANIFEST_ARBITER, .incarnation = 14, .name = "pi4"};
	for (unsigned id = 1; id <= 4; id++) {
		struct durable d = {.incarnation = 10 + id, .manifest = m};
		d.basis = d.followed = d.granted = d.touched = (struct mastership){1, 1, 2};
		quorum_begin(&q[id], id, &four, &d, now);
	}
	arbiter = 4;
}

/* What the master took until then may be on 3 alone besides. */
static void test_leaver_stops(void)
{
	struct manifest rest = members(3, 3);

	begin();
	live(THREE, 5000);
	tx[1] = tx[2] = tx[3] = 5;
	live(THREE, 10000);
	stays = true;
	for (unsigned id = 1; id <= 3; id++)
		give(id, &rest, 2);
	live(THREE, 20000);
	ok(quorum_is_leaving(&q[3]) && !quorum_is_leaving(&q[1]) && !quorum_is_leaving(&q[2]),
		"one that is to go has to stop");
	is_str(quorum_offer_obstacle(&q[2]), "the Neo4j of the one that goes stops first",
		"which the others wait for");
	tx[2] = tx[3] = 6; /* and 1 hangs */
	live(THREE, 1000);
	stays = false;
	live(THREE, 20000);
	is_int(decided(2)->n, 3, "then one that stays has to have what the master had");
	ok(verdict[2].writable, "which takes writes all the while");
	live(0x0a, 10000);
	ok(!quorum_is_leaving(&q[3]), "if the master is lost now, the one to go stays");
	live(THREE, 5000);
	tx[1] = 6;
	live(THREE, 20000);
	is_int(decided(2)->n, 2, "it is removed when the other one has it all");
	memset(tx, 0, sizeof(tx));
}

/* 1 does not hear 3, which goes on below the master all the same. */
static void test_leaver_out_of_sight(void)
{
	struct manifest rest = members(3, 3);

	begin();
	live(THREE, 5000);
	apart = 0x0a;
	for (unsigned id = 1; id <= 3; id++)
		give(id, &rest, 2);
	live(THREE, 60000);
	is_int(decided(1)->n, 3, "that another one does not hear it is no proof of its end");
	ok(verdict[3].open, "its ports are open");
	apart = 0;
	live(THREE, 30000);
	is_int(decided(1)->n, 2, "it goes when all know that it has stopped");
}

/* Its two minutes are over while 1 is away and 3 runs: 1 has to have what was taken meanwhile. */
static void test_leaver_and_absence(void)
{
	struct manifest rest = members(3, 3);

	begin();
	live(THREE, 5000);
	for (unsigned id = 1; id <= 3; id++)
		give(id, &rest, 2);
	stays = true;
	live(THREE, 3000);
	live(0x0c, 2 * QUORUM_PARTING_MS);
	tx[2] = tx[3] = 9;
	live(0x0c, 5000);
	tx[1] = 8;
	live(THREE, 15000);
	is_int(decided(2)->n, 3, "only the time counts in which it was asked to stop");
	stays = false;
	tx[1] = 9;
	live(THREE, 40000);
	is_int(decided(2)->n, 2, "then it stops, and goes");
	memset(tx, 0, sizeof(tx));
}

/* 1 does not hear the arbiter 4, which 2 hears, the master: 3 need not stay for that. */
static void test_leaver_and_unheard_arbiter(void)
{
	struct manifest rest = members(4, 3);

	begin_beside_arbiter();
	rest.member[2].role = MANIFEST_ARBITER;
	live(FOUR, 5000);
	apart = 0x12;
	stays = true;
	for (unsigned id = 1; id <= 4; id++)
		give(id, &rest, 2);
	live(FOUR, 60000);
	is_int(decided(2)->n, 4, "one that stays and does not hear all does not decide");
	apart = 0;
	stays = false;
	live(FOUR, 40000);
	is_int(decided(2)->n, 3, "it goes when it has stopped");
	arbiter = 0;
}

/* One that cannot take the generation never learns that it is to stop. */
static void test_leaver_that_never_knows(void)
{
	struct manifest rest = members(3, 3);

	begin();
	live(THREE, 5000);
	give(1, &rest, 2);
	give(2, &rest, 2);
	live(THREE, QUORUM_PARTING_MS);
	is_int(decided(2)->n, 3, "one that does not stop is waited for");
	live(THREE, 5000);
	is_int(decided(2)->n, 2, "but not for ever");
}

static void test_dead_leaver(void)
{
	struct manifest rest = members(3, 3), other = members(3, 1);

	begin();
	live(THREE, 5000);
	live(0x06, 5000);
	give(1, &other, 2);
	give(2, &other, 2);
	live(0x06, 15000);
	is_str(quorum_offer_obstacle(&q[2]),
		"of those who would remain no majority has what a master has",
		"while one is dead, no other may leave");
	is_int(decided(1)->n, 3, "and does not");
	give(1, &rest, 3);
	give(2, &rest, 3);
	live(0x06, 15000);
	is_int(decided(1)->n, 2, "the dead one may");
}

/* 3 is off; what is written is on 1 and 2. The arbiter follows the master, and has nothing. */
static void test_leaver_and_arbiter(void)
{
	struct manifest rest = members(4, 1);

	begin_beside_arbiter();
	rest.member[2].role = MANIFEST_ARBITER;
	live(FOUR, 5000);
	live(0x16, 5000);
	for (unsigned id = 1; id <= 4; id++)
		give(id, &rest, 2);
	live(0x16, 10000);
	is_str(quorum_offer_obstacle(&q[2]),
		"of those who would remain no majority has what a master has",
		"an arbiter holds nothing: one of two with the last copies stays");
	live(FOUR, 20000);
	is_int(decided(2)->n, 3, "until the third has them");
	arbiter = 0;
}

/* Of two votes, one an arbiter's, a third was to come, and died while it copied the store. */
static void test_dead_newcomer(void)
{
	struct manifest all = members(4, 1), rest = members(4, 1), m, before;

	begin();
	rest.n--;
	rest.member[1] = rest.member[2];
	rest.member[1].role = all.member[2].role = MANIFEST_ARBITER;
	before = m = all;
	before.epoch = before.run = m.run = 1;
	m.epoch = 2;
	for (unsigned i = 0; i < 3; i++)
		before.member[i].incarnation = m.member[i].incarnation = 10 + m.member[i].id;
	before.member[1].incarnation = 0;
	manifest_note_change(&m, &before);
	is_int(m.was_majority, 2, "both votes were a majority");
	for (unsigned id = 2; id <= 4; id++) {
		struct durable d = {.incarnation = 10 + id, .manifest = m};
		d.basis = d.followed = d.granted = d.touched = (struct mastership){1, 1, 2};
		quorum_begin(&q[id], id, &all, &d, now);
	}
	arbiter = 4;
	live(0x14, 10000);
	for (unsigned id = 2; id <= 4; id++)
		give(id, &rest, 2);
	live(0x14, 10000);
	is_int(decided(2)->n, 2, "it is removed: nothing is on it alone");
	arbiter = 0;
}

/*
 * 1 was alone once, of which 4 knows, which was removed. Today 1, 2 and 3 are the cluster, and 4 is
 * to come back. 1 has a new card, and hears 4 first.
 */
static void test_stale(void)
{
	struct manifest four = members(4, 0), old = members(1, 0), today = members(4, 0);

	begin();
	old.epoch = old.run = 5;
	old.member[0].incarnation = 11;
	idset_add(&old.hosts, 1);
	today.epoch = 12;
	today.run = 9;
	for (unsigned i = 0; i < 3; i++)
		today.member[i].incarnation = 11 + i;
	for (unsigned id = 1; id <= 4; id++) {
		struct durable d = {.incarnation = id == 1 ? 99 : 10 + id};
		if (id > 1)
			d.manifest = id == 4 ? old : today;
		quorum_begin(&q[id], id, &four, &d, now);
	}
	at_rest = true;
	live(0x12, 10000);
	is_int((long long)decided(1)->epoch, 5, "it decides nothing by what one knew once");
	live(FOUR, 10000);
	ok(decided(1)->n == 4 && decided(2)->n == 4, "the cluster is as it was");
	at_rest = false;
}

int main(void)
{
	test_decided();
	test_newcomer();
	test_newcomer_waits();
	test_newcomers();
	test_last_of_three();
	test_last_remaining();
	test_learner();
	test_learner_alone();
	test_learning_arbiter();
	test_stale_learner();
	test_unfit_learner();
	test_leaver_and_arbiter();
	test_stale();
	test_dead_newcomer();
	test_leaver();
	test_leaver_and_lag();
	test_leaver_and_silence();
	test_leaver_stops();
	test_leaver_out_of_sight();
	test_leaver_and_absence();
	test_leaver_and_unheard_arbiter();
	test_leaver_that_never_knows();
	test_dead_leaver();
	return done();
}

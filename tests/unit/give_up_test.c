/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cards given up for lost by a person's word: what one node believes, and what it then decides. */
// use: node-agent/quorum/quorum.c node-agent/quorum/propose.c node-agent/quorum/generation.c
// use: node-agent/quorum/decree.c node-agent/quorum/manifest.c node-agent/quorum/seats.c
// use: node-agent/quorum/stores.c node-agent/quorum/masters.c node-agent/quorum/start.c
#include "node-agent/quorum/quorum.h"
#include "tap.h"

static const struct manifest expected = {
	.n = 3,
	.member = {{.id = 1}, {.id = 2}, {.id = 3}},
};
static const struct quorum_look at_rest = {.fit = true, .whole = true};

static struct idset set_of(unsigned a, unsigned b)
{
	struct idset s = {0};

	idset_add(&s, a);
	if (b)
		idset_add(&s, b);
	return s;
}

/* Memory of a member of a cluster that has formed, of which it followed the master 2. */
static struct durable memory(unsigned id)
{
	struct durable d = {.incarnation = 10 + id, .manifest = expected};

	d.manifest.epoch = d.manifest.run = 1;
	d.manifest.hosts = set_of(1, 2);
	idset_add(&d.manifest.hosts, 3);
	for (unsigned i = 0; i < 3; i++)
		d.manifest.member[i].incarnation = 11 + i;
	d.basis = d.followed = d.touched = d.granted = (struct mastership){1, 1, 2};
	return d;
}

static struct quorum *begin(unsigned id, const struct durable *d)
{
	static struct quorum q[2];

	quorum_begin(&q[id % 2], id, &expected, d, 0);
	return &q[id % 2];
}

/* Lets those of a and b that are not NULL step and hear each other. */
static void live(struct quorum *a, struct quorum *b, int64_t from_ms, int64_t to_ms)
{
	struct quorum *q[] = {a, b};
	const struct manifest *value;
	struct verdict v;
	struct word w;

	for (int64_t t = from_ms; t < to_ms; t += 500) {
		for (unsigned i = 0; i < 2; i++) {
			struct quorum *to = q[!i];
			if (!q[i])
				continue;
			quorum_step(q[i], &at_rest, t, &v);
			if (!to)
				continue;
			quorum_word(q[i], to->self, &w, &value);
			quorum_seen(to, q[i]->self, t);
			quorum_hear(to, q[i]->self, &w, value, t);
		}
	}
}

static bool is_lost(const struct quorum *q, unsigned id)
{
	return manifest_member(&q->d.manifest, id)->incarnation == 0;
}

static void test_majority(void)
{
	struct durable d1 = memory(1), d3 = memory(3);
	struct quorum *q1 = begin(1, &d1);
	struct idset two = set_of(2, 0);
	struct err e;

	/* 1 and 3 follow 2, so nothing is only there: 3 is away as well. */
	live(q1, NULL, 0, 5000);
	is_int(quorum_accept_loss(q1, &two, &e), 0, "a lost card is believed");
	live(q1, NULL, 5000, 30000);
	is_int((long)q1->d.manifest.epoch, 1, "one of three decides nothing by that");

	static struct quorum third;
	quorum_begin(&third, 3, &expected, &d3, 0);
	live(q1, &third, 30000, 40000);
	ok(q1->d.manifest.epoch >= 2, "two of three do");
	ok(is_lost(q1, 2) && is_lost(&third, 2), "and both know it");
	is_int((long)manifest_majority(&q1->d.manifest), 2, "it counts in no majority any more");
}

static void test_refused(void)
{
	struct durable d1 = memory(1), fresh = {.incarnation = 5};
	struct quorum *q = begin(1, &d1);
	struct idset self = set_of(1, 0), stranger = set_of(7, 0), two = set_of(2, 0);
	struct idset both = set_of(2, 3);
	struct err e;

	live(q, NULL, 0, 1000);
	is_int(quorum_accept_loss(q, &self, &e), -1, "a node does not give itself up");
	is_int(quorum_accept_loss(q, &stranger, &e), -1, "nor a stranger");
	is_int(quorum_form_without(q, &two, &e), -1, "nor is a cluster formed twice");
	q = begin(1, &fresh);
	live(q, NULL, 0, 1000);
	is_int(quorum_accept_loss(q, &two, &e), -1, "before there was a cluster nothing is lost");
	is_int(quorum_form_without(q, &both, &e), -1, "a minority forms none");
	is_int(quorum_form_without(q, &two, &e), 0, "a majority may");
}

static void test_all_others(void)
{
	struct durable d1 = memory(1);
	struct idset both = set_of(2, 3);
	struct err e;

	d1.touched = (struct mastership){2, 1, 3};
	struct quorum *q = begin(1, &d1);
	live(q, NULL, 0, 1000);
	is_int(quorum_accept_loss(q, &both, &e), 0, "all others may be lost");
	live(q, NULL, 1000, 10000);
	ok(q->d.manifest.epoch > 1 && is_lost(q, 2) && is_lost(q, 3), "then it decides alone");
	is_int((long)q->d.touched.term, 1, "what it saw of others' counts no more");
	is_int((long)q->d.basis.term, 1, "its own store does");
}

static void test_came_back(void)
{
	struct durable d1 = memory(1);
	struct quorum *q = begin(1, &d1);
	struct manifest m = d1.manifest;

	m.epoch = 5;
	m.member[0].incarnation = 0;
	struct word w = {.epoch = 5, .run = 1, .part = WORD_MANIFEST, .incarnation = 12};
	live(q, NULL, 0, 1000);
	quorum_hear(q, 2, &w, &m, 900);
	is_int((long)q->d.followed.term, 0,
		"who was given up and comes back forgets whom it followed");
	is_int((long)q->d.incarnation, 11, "its card remains its card");

	struct quorum_look running = {
		.fit = true, .whole = true, .neo4j_run = 1, .role = NEO4J_SLAVE};
	struct verdict v;
	quorum_step(q, &running, 1500, &v);
	is_int(v.neo4j, NEO4J_KILL, "and its Neo4j ends");
}

/* The only member that is left gets a new card: who was given up knows an older epoch at best. */
static void test_last_card(void)
{
	struct durable d1 = {.incarnation = 99, .manifest = memory(1).manifest};
	struct idset both = set_of(2, 3);
	struct err e;

	d1.manifest.member[1].incarnation = d1.manifest.member[2].incarnation = 0;
	struct quorum *q = begin(1, &d1);
	live(q, NULL, 0, 30000);
	is_int((long)q->d.manifest.epoch, 1, "the last member with a new card decides nothing");
	is_int(quorum_accept_loss(q, &both, &e), 0, "before a person says so");
	live(q, NULL, 30000, 40000);
	ok(q->d.manifest.epoch > 1000, "and then ahead of all it may have decided before");
}

/*
 * 3 is given up, 2 has a new card: what those two decided together 1 may not know, and a third that
 * was given up comes back all the same.
 */
static void test_silent(void)
{
	struct durable d1 = memory(1), d2 = {.incarnation = 99, .manifest = memory(2).manifest};
	struct quorum *q1 = begin(1, &d1), *q2 = begin(2, &d2);
	struct idset two = set_of(2, 0), three = set_of(3, 0);
	struct err e;

	live(q1, q2, 0, 1000);
	is_int(quorum_accept_loss(q1, &three, &e), 0, "one that is away is given up");
	live(q1, q2, 1000, 30000);
	is_int((long)q1->d.manifest.epoch, 1, "but beside a new card one node decides nothing");
	is_int(quorum_accept_loss(q1, &two, &e), 0, "before a person says that both are lost");
	live(q1, q2, 30000, 40000);
	ok(q1->d.manifest.epoch > 1000, "and then ahead of all those may have decided");
}

/* 1 has accepted that it is removed, by 2 and 3, whose cards are lost before 1 heard the outcome.
 */
static void test_accepted(void)
{
	struct durable d1 = memory(1);
	struct idset both = set_of(2, 3);
	struct err e;

	d1.acceptor.promised = d1.acceptor.accepted = ballot_above(0, 2);
	d1.acceptor.value = d1.manifest;
	d1.acceptor.value.epoch = 2;
	d1.acceptor.value.n = 2;
	d1.acceptor.value.member[0] = d1.manifest.member[1];
	d1.acceptor.value.member[1] = d1.manifest.member[2];
	struct quorum *q = begin(1, &d1);
	live(q, NULL, 0, 5000);
	is_int(quorum_accept_loss(q, &both, &e), 0, "one that was to go, and is all that is left");
	live(q, NULL, 5000, 20000);
	ok(manifest_member(&q->d.manifest, 1) && is_lost(q, 2) && is_lost(q, 3),
		"stays, and goes on");
}

int main(void)
{
	test_silent();
	test_majority();
	test_refused();
	test_all_others();
	test_came_back();
	test_last_card();
	test_accepted();
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody who writes to whatever master's port is open, and the book of what was acknowledged. */
#include "world.h"

static void add(struct writes *s, unsigned write)
{
	s->bits[write / 64] |= UINT64_C(1) << write % 64;
}

static bool has(const struct writes *s, unsigned write)
{
	return s->bits[write / 64] >> write % 64 & 1;
}

void writes_add_all(struct writes *s, const struct writes *more)
{
	for (unsigned k = 0; k < WRITES_WORDS; k++)
		s->bits[k] |= more->bits[k];
}

static void note_had(struct world *w)
{
	for (unsigned id = 1; id <= w->n; id++) {
		struct card *c = &w->node[id].card;
		writes_add_all(&c->had, &c->store.writes);
	}
}

/* Had once, on the cards there are now: what was put aside or overwritten since is lost. */
static struct writes had_by_members(const struct world *w)
{
	struct writes had = {0};

	for (unsigned id = 1; id <= w->n; id++) {
		if (world_member(w, id))
			writes_add_all(&had, &w->node[id].card.had);
	}
	return had;
}

/* On stores that count: one that is not marked whole yet may be discarded at any start. */
static unsigned counted_holders(const struct world *w, unsigned write)
{
	unsigned n = 0;

	for (unsigned id = 1; id <= w->n; id++) {
		const struct card *c = &w->node[id].card;
		n += world_voter(w, id) && c->served && has(&c->store.writes, write);
	}
	return n;
}

/* ha.tx_push_factor 1: the first slave that can is told at once. */
static void push(struct world *w, unsigned master, unsigned write)
{
	struct store *from = &w->node[master].card.store;

	for (unsigned id = 1; id <= w->n; id++) {
		struct neo4j_model *n = &w->node[id].neo4j;
		struct store *to = &w->node[id].card.store;
		if (id == master || w->node[id].arbiter || !world_reach(w, id, master) ||
			n->role != NEO4J_SLAVE || n->master != master || to->n + 1 != from->n ||
			w->now_ms < n->hung_ms || w->now_ms < n->lags_ms)
			continue;
		add(&to->writes, write);
		to->n++;
		return;
	}
}

static void must_have(struct world *w, unsigned master, const struct writes *all, const char *what)
{
	for (unsigned k = 0; k < WRITES_WORDS; k++) {
		uint64_t lost = all->bits[k] & ~w->node[master].card.store.writes.bits[k];
		if (lost)
			world_violated(w, "write %u was %s, and master %u has it not",
				64 * k + (unsigned)__builtin_ctzll(lost), what, master);
	}
}

/* Whatever a majority of the data nodes held once, and some card of theirs is there, the master
 * has. */
static void audit(struct world *w, unsigned master)
{
	struct writes had = had_by_members(w);

	for (unsigned k = 0; k < WRITES_WORDS; k++)
		had.bits[k] &= w->majority.bits[k];
	must_have(w, master, &had, "on a majority");
}

void writer_audit_all(struct world *w, unsigned master)
{
	must_have(w, master, &w->acked, "acknowledged");
}

static void commit(struct world *w, unsigned master)
{
	struct store *s = &w->node[master].card.store;

	w->masters_now++;
	if (s->n >= WRITES_MAX || w->writes >= WRITES_MAX)
		return;
	unsigned write = w->writes++;
	add(&s->writes, write);
	s->n++;
	push(w, master, write);
	add(&w->acked, write);
}

static void note_majorities(struct world *w)
{
	if (!w->newest.epoch)
		return;
	for (unsigned k = 0; k < WRITES_WORDS; k++) {
		uint64_t open = w->acked.bits[k] & ~w->majority.bits[k];
		for (; open; open &= open - 1) {
			unsigned write = 64 * k + (unsigned)__builtin_ctzll(open);
			if (counted_holders(w, write) >= manifest_data_majority(&w->newest))
				add(&w->majority, write);
		}
	}
}

/* A slave hands a write on to its master, whose own port may be closed. */
static unsigned master_through(const struct world *w, unsigned slave)
{
	const struct node *n = &w->node[slave];
	unsigned master = n->neo4j.master;

	if (!n->open || n->arbiter || n->neo4j.role != NEO4J_SLAVE ||
		w->now_ms < n->neo4j.hung_ms || !world_reach(w, slave, master))
		return 0;
	return neo4j_commits(w, master) ? master : 0;
}

static bool is_written_through(const struct world *w, unsigned master)
{
	for (unsigned id = 1; id <= w->n; id++) {
		if (id != master && master_through(w, id) == master)
			return true;
	}
	return false;
}

void writer_tick(struct world *w)
{
	w->masters_now = 0;
	note_had(w);
	for (unsigned id = 1; id <= w->n; id++) {
		if (!neo4j_commits(w, id) || !(w->node[id].writable || is_written_through(w, id)))
			continue;
		audit(w, id);
		commit(w, id);
	}
	note_majorities(w);
	if (w->masters_now > 1)
		world_violated(w, "%u masters take writes", w->masters_now);
}

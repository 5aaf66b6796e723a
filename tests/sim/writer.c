/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Somebody who writes to whatever master's port is open, and the book of what was acknowledged. */
#include "world.h"

/* Writes are numbered as they come, so that a store's are in ascending order. */
bool writer_has(const struct store *s, unsigned write)
{
	unsigned from = 0, to = s->n;

	while (from < to) {
		unsigned middle = (from + to) / 2;
		if (s->write[middle] < write)
			from = middle + 1;
		else
			to = middle;
	}
	return from < s->n && s->write[from] == write;
}

static void note_had(struct world *w)
{
	for (unsigned id = 1; id <= w->n; id++) {
		struct card *c = &w->node[id].card;
		for (unsigned i = 0; i < c->store.n; i++)
			c->had[c->store.write[i]] = true;
	}
}

/* Had it once, on the card it has now: what was put aside or overwritten since is lost. */
static unsigned holders(const struct world *w, unsigned write)
{
	unsigned n = 0;

	for (unsigned id = 1; id <= w->n; id++)
		n += world_member(w, id) && w->node[id].card.had[write];
	return n;
}

/* On stores that count: one that is not marked whole yet may be discarded at any start. */
static unsigned counted_holders(const struct world *w, unsigned write)
{
	unsigned n = 0;

	for (unsigned id = 1; id <= w->n; id++) {
		const struct card *c = &w->node[id].card;
		n += world_voter(w, id) && c->served && writer_has(&c->store, write);
	}
	return n;
}

/* ha.tx_push_factor 1: the first slave that can is told at once. */
static void push(struct world *w, unsigned master)
{
	struct store *from = &w->node[master].card.store;

	for (unsigned id = 1; id <= w->n; id++) {
		struct neo4j_model *n = &w->node[id].neo4j;
		struct store *to = &w->node[id].card.store;
		if (id == master || w->node[id].arbiter || !world_reach(w, id, master) ||
			n->role != NEO4J_SLAVE || n->master != master || to->n + 1 != from->n ||
			w->now_ms < n->hung_ms || w->now_ms < n->lags_ms)
			continue;
		to->write[to->n++] = from->write[from->n - 1];
		return;
	}
}

/* Whatever a majority of the data nodes held once, and some card of theirs is there, the master
 * has. */
static void audit(struct world *w, unsigned master)
{
	for (unsigned i = 0; i < w->writes; i++) {
		if (w->majority[i] && !writer_has(&w->node[master].card.store, i) && holders(w, i))
			world_violated(w, "write %u was on a majority, and master %u has it not", i,
				master);
	}
}

static void commit(struct world *w, unsigned master)
{
	struct store *s = &w->node[master].card.store;

	w->masters_now++;
	if (s->n >= WRITES_MAX || w->writes >= WRITES_MAX)
		return;
	unsigned write = w->writes++;
	s->write[s->n++] = (uint16_t)write;
	push(w, master);
	w->acked[write] = true;
}

static void note_majorities(struct world *w)
{
	if (!w->newest.epoch)
		return;
	for (unsigned i = w->forgiven; i < w->writes; i++) {
		if (!w->majority[i] && w->acked[i])
			w->majority[i] =
				counted_holders(w, i) >= manifest_data_majority(&w->newest);
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

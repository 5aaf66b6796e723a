/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Generations of the configuration: the owner's PC leaves one on one card and goes; the agents hand
 * it on, decide it, install it, and withdraw one that does not come up.
 */
#include "world.h"

#define FETCH_ONE_IN 6   /* rounds until a node has taken a generation from another one */
#define INSTALL_ONE_IN 8 /* ... until it is its turn */

void generation_offer(struct world *w, unsigned id)
{
	uint64_t number = w->generations + 1;

	if (number >= GENERATIONS_MAX || !w->node[id].on)
		return;
	w->generations = number;
	w->bad[number] = world_random(w, 3) == 0;
	w->node[id].card.stored = number;
	w->had[number] = UINT64_C(1) << id;
	world_log(w, "%u is given generation %u, which is %s", id, (unsigned)number,
		w->bad[number] ? "bad" : "good");
}

/* From somebody who is heard and says that it has it. */
static void fetch(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];

	for (unsigned from = 1; from <= w->n; from++) {
		uint64_t stored = n->quorum.seat[from].word.stored;
		if (from == id || !world_reach(w, id, from) || stored <= n->card.stored ||
			w->node[from].card.stored < stored || world_random(w, FETCH_ONE_IN))
			continue;
		n->card.stored = stored;
		w->had[stored] |= UINT64_C(1) << id;
		return;
	}
}

static void install(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];
	const struct manifest *m = &n->quorum.d.manifest;
	uint64_t goal = manifest_goal(m);
	bool back = m->withdrawn && n->card.runs == m->generation;

	if (n->card.failed == goal || (!back && goal <= n->card.runs) ||
		world_random(w, INSTALL_ONE_IN))
		return;
	if (!back && w->bad[goal])
		n->card.failed = goal;
	else
		n->card.runs = goal;
	world_log(w, "%u %s generation %u", id, n->card.failed == goal ? "cannot run" : "runs",
		(unsigned)goal);
}

void generation_round(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];

	fetch(w, id);
	install(w, id);
	if (n->quorum.offer.generation == n->card.stored)
		return;
	struct manifest offer = w->expected;
	for (unsigned i = 0; i < offer.n; i++)
		offer.member[i].incarnation = 0;
	offer.generation = n->card.stored;
	quorum_offer(&n->quorum, &offer);
}

static unsigned count(uint64_t bits)
{
	return (unsigned)__builtin_popcountll(bits);
}

/* Where a person gave cards up, what only they had is lost. */
static void check_order(struct world *w, const struct manifest *m)
{
	if (m->epoch > w->top_epoch && m->generation < w->top_generation)
		world_violated(w, "generation %u after %u", (unsigned)m->generation,
			(unsigned)w->top_generation);
	else if (m->epoch < w->top_epoch && m->generation > w->top_generation)
		world_violated(w, "generation %u was undone", (unsigned)m->generation);
	else if (m->generation && count(w->had[m->generation]) < w->n / 2 + 1)
		world_violated(w, "generation %u, which no majority had", (unsigned)m->generation);
}

/* A manifest is decided: its generation is no older than that of any before, and many had it. */
void generation_check(struct world *w, const struct manifest *m)
{
	if (m->generation > w->generations)
		world_violated(w, "a generation nobody offered");
	else if (m->withdrawn && !w->bad[m->generation])
		world_violated(w, "generation %u was good", (unsigned)m->generation);
	else if (!w->told)
		check_order(w, m);
	if (m->epoch > w->top_epoch) {
		w->top_epoch = m->epoch;
		w->top_generation = m->generation;
	}
}

/*
 * After all is well for a while: does everybody run the newest one? Where that was bad, what was
 * before; some may have come up with one that was overtaken since.
 */
bool generation_settled(const struct world *w)
{
	for (unsigned id = 1; id <= w->n; id++) {
		const struct card *c = &w->node[id].card;
		const struct manifest *m = &c->durable.manifest;
		bool runs = m->withdrawn ? c->runs >= m->before && c->runs != m->generation
					 : c->runs == m->generation;
		if (m->generation < c->stored || !runs || w->bad[m->generation] != m->withdrawn)
			return false;
	}
	return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Generations of the configuration: the owner's PC leaves one on one card and goes; the agents hand
 * it on, decide it, install it, and withdraw one that does not come up.
 */
#include "world.h"

#define FETCH_ONE_IN 6   /* rounds until a node has taken a generation from another one */
#define INSTALL_ONE_IN 8 /* ... until it is its turn */

static uint64_t bit(unsigned id)
{
	return UINT64_C(1) << id;
}

/* Whom the card knows as members. */
static uint64_t members_at(const struct world *w, unsigned id)
{
	return world_bits(quorum_members(&w->node[id].quorum));
}

static bool is_room(const struct world *w, unsigned id)
{
	return w->generations + 1 < GENERATIONS_MAX && w->node[id].on && !w->node[id].retired;
}

static void give(struct world *w, unsigned id, uint64_t list, bool bad)
{
	uint64_t number = ++w->generations;

	w->bad[number] = bad;
	w->list[number] = list;
	w->node[id].card.stored = number;
	w->had[number] = bit(id);
	world_log(w, "%u is given generation %u, which is %s, for %llx", id, (unsigned)number,
		bad ? "bad" : "good", (unsigned long long)list);
}

void generation_offer(struct world *w, unsigned id)
{
	if (is_room(w, id))
		give(w, id, members_at(w, id), world_random(w, 3) == 0);
}

/* `bramble node add` and `remove` go to a cluster that is there. */
static bool is_changeable(const struct world *w, unsigned id)
{
	return is_room(w, id) && w->node[id].card.durable.manifest.epoch;
}

static bool has_arbiter(const struct world *w)
{
	for (unsigned id = 1; id <= w->n; id++) {
		if (w->node[id].arbiter)
			return true;
	}
	return false;
}

/* One that was removed is a member again, with its old card or a new one. */
static bool come_back(struct world *w, unsigned id)
{
	unsigned back = 1 + (unsigned)world_random(w, w->n);

	if (!w->node[back].retired || members_at(w, id) & bit(back) || world_random(w, 2))
		return false;
	if (world_random(w, 2))
		node_wipe(w, back);
	give(w, id, members_at(w, id) | bit(back), false);
	return true;
}

void generation_grow(struct world *w, unsigned id)
{
	if (!is_changeable(w, id) || come_back(w, id) || w->n == NODES)
		return;
	w->node[w->n + 1].arbiter = !has_arbiter(w) && world_random(w, 5) == 0;
	uint64_t list = members_at(w, id) | bit(++w->n);
	world_list(w, list, &w->node[w->n].expected);
	give(w, id, list, false);
	if (world_random(w, 2))
		node_boot(w, w->n);
}

void generation_shrink(struct world *w, unsigned id)
{
	unsigned gone = 1 + (unsigned)world_random(w, w->n);

	if (is_changeable(w, id) && gone != id && members_at(w, id) & bit(gone) &&
		!w->node[id].arbiter)
		give(w, id, members_at(w, id) & ~bit(gone), false);
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
	struct manifest offer;
	world_list(w, w->list[n->card.stored], &offer);
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
	else if (m->generation > w->top_generation &&
		 count(w->had[m->generation]) < manifest_majority(m))
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
		if (world_member(w, id) && m->was_majority)
			return false;
		if (world_member(w, id) && w->node[id].quorum.parting.now)
			return false;
		if (!world_member(w, id) || quorum_offer_obstacle(&w->node[id].quorum))
			continue;
		bool runs = m->withdrawn ? c->runs >= m->before && c->runs != m->generation
					 : c->runs == m->generation;
		if (m->generation < c->stored || !runs || w->bad[m->generation] != m->withdrawn)
			return false;
	}
	return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "world.h"

#define FAILED_MS 10000 /* ha.heartbeat_timeout */
#define AVAILABLE_MS 1000

static struct neo4j_model *neo(struct world *w, unsigned id)
{
	return &w->node[id].neo4j;
}

/* Do two running Neo4js hear each other? */
static bool meets(const struct world *w, unsigned a, unsigned b)
{
	const struct neo4j_model *x = &w->node[a].neo4j, *y = &w->node[b].neo4j;

	return world_reach(w, a, b) && x->phase >= NEO4J_SEEKING && y->phase >= NEO4J_SEEKING &&
	       w->now_ms >= x->hung_ms && w->now_ms >= y->hung_ms;
}

/* Did the voters agree on this list? */
static bool is_decided(const struct world *w, unsigned id, uint64_t run, const struct idset *list)
{
	const struct manifest *m = &w->node[id].card.durable.manifest;

	return m->run == run && memcmp(&m->hosts, list, sizeof(*list)) == 0;
}

void neo4j_start(struct world *w, unsigned id, uint64_t run, const struct idset *list)
{
	*neo(w, id) = (struct neo4j_model){.phase = NEO4J_BOOTING,
		.role = NEO4J_DOWN,
		.run = run,
		.list = *list,
		.ready_ms = w->now_ms + 2000 + (int64_t)world_random(w, 10000)};
	world_log(w, "%u starts Neo4j for run %u with %llx", id, (unsigned)run,
		(unsigned long long)list->bits[0]);
	if (w->n > 1 && idset_count(list) < 2 && !is_decided(w, id, run, list))
		world_violated(w, "node %u starts with a list of one", id);
}

void neo4j_kill(struct world *w, unsigned id)
{
	if (neo(w, id)->phase != NEO4J_OFF)
		world_log(w, "%u: Neo4j is gone", id);
	*neo(w, id) = (struct neo4j_model){0};
}

void neo4j_leave(struct world *w, unsigned id)
{
	for (unsigned k = 1; k <= w->n; k++) {
		if (k != id && meets(w, id, k) && idset_has(&neo(w, k)->members, id))
			idset_remove(&neo(w, k)->members, id);
	}
	neo4j_kill(w, id);
}

/* Whom id has not met for long enough, and how many are to say so until somebody is failed. */
static unsigned suspect(struct world *w, unsigned id)
{
	struct neo4j_model *n = neo(w, id);

	n->suspects = (struct idset){0};
	for (unsigned k = 1; k <= w->n; k++) {
		if (k == id || !idset_has(&n->members, k))
			continue;
		if (meets(w, id, k) && idset_has(&neo(w, k)->members, id))
			n->met_ms[k] = w->now_ms;
		else if (!n->blind && w->now_ms - n->met_ms[k] >= FAILED_MS)
			idset_add(&n->suspects, k);
	}
	return (idset_count(&n->members) - idset_count(&n->suspects)) / 2 + 1;
}

/*
 * Whom id takes for alive: all but those whom more than half of the members that it does not itself
 * suspect do (HeartbeatContextImpl.isFailed).
 */
static void look_around(struct world *w, unsigned id, struct idset *alive)
{
	unsigned needed = suspect(w, id), by[NODES + 1] = {0};

	*alive = neo(w, id)->members;
	for (unsigned k = 1; k <= w->n; k++) {
		const struct neo4j_model *n = neo(w, k);
		if (!idset_has(alive, k) || !idset_count(&n->suspects) ||
			(k != id && !meets(w, id, k)))
			continue;
		for (unsigned j = 1; j <= w->n; j++)
			by[j] += idset_has(&n->suspects, j);
	}
	for (unsigned k = 1; k <= w->n; k++) {
		if (k != id && by[k] >= needed)
			idset_remove(alive, k);
	}
	idset_add(alive, id);
}

/* Whom the one that took part in the latest election takes for it. */
static unsigned current_master(struct world *w, unsigned id, const struct idset *alive)
{
	unsigned latest = 0, master = 0;

	for (unsigned k = 1; k <= w->n; k++) {
		if (idset_has(alive, k) && (k == id || meets(w, id, k)) &&
			neo(w, k)->election >= latest && neo(w, k)->master) {
			latest = neo(w, k)->election;
			master = neo(w, k)->master;
		}
	}
	return master;
}

/* The highest last transaction, then who is master already, then the lowest id. */
static unsigned favourite(struct world *w, unsigned id, const struct idset *alive)
{
	unsigned best = 0, current = current_master(w, id, alive);

	for (unsigned k = 1; k <= w->n; k++) {
		if (!idset_has(alive, k) || w->node[k].arbiter || (k != id && !meets(w, id, k)))
			continue;
		unsigned have = w->node[k].card.store.n,
			 most = best ? w->node[best].card.store.n : 0;
		if (!best || have > most || (have == most && k == current))
			best = k;
	}
	return best;
}

static void become(struct world *w, unsigned id, enum neo4j_role role, unsigned master)
{
	struct neo4j_model *n = neo(w, id);

	if (n->role != role || n->master != master)
		world_log(w, "%u: Neo4j is %s of %u", id, neo4j_role_name(role), master);
	if (n->role != role && role == NEO4J_MASTER)
		n->available_ms = w->now_ms + AVAILABLE_MS;
	if (n->master != master || role == NEO4J_MASTER)
		n->caught_up = role == NEO4J_MASTER;
	if (role == NEO4J_UNKNOWN)
		n->ready_ms = w->now_ms + 500 + (int64_t)world_random(w, 3000);
	if (role == NEO4J_UNKNOWN && id > w->expected.n) /* a newcomer has all to copy */
		n->ready_ms += (int64_t)world_random(w, 40000);
	n->role = role;
	n->master = master;
}

/*
 * Paxos among the members: a majority of them must take part, and all those vote who are not taken
 * for failed (ElectionContextImpl.getNeededVoteCount); while one of them does not there is no
 * outcome.
 */
static void elect(struct world *w, unsigned id, const struct idset *alive)
{
	unsigned best = favourite(w, id, alive), met = 0, election = 0;

	for (unsigned k = 1; k <= w->n; k++) {
		if (!idset_has(alive, k) || (k != id && !meets(w, id, k)))
			continue;
		met++;
		if (neo(w, k)->election > election)
			election = neo(w, k)->election;
	}
	if (!best || met < idset_count(alive) || met < idset_count(&neo(w, id)->members) / 2 + 1)
		return;
	for (unsigned k = 1; k <= w->n; k++) {
		if (!idset_has(alive, k) || (k != id && !meets(w, id, k)))
			continue;
		neo(w, k)->members = neo(w, id)->members;
		neo(w, k)->election = election + 1;
		if (k == best)
			become(w, k, NEO4J_MASTER, best);
		else if (neo(w, k)->master != best)
			become(w, k, NEO4J_UNKNOWN, best);
	}
}

/*
 * Who enters where a master is available is to be its slave at once, and of no account in the
 * election that it asks for, unless that is quicker: Neo4j 3.5's votes name such a one as not
 * electable. What it has and that master has not is a branch then. No number is drawn for it: the
 * schedules stay as they are.
 */
static bool enters_below(const struct world *w, unsigned id, unsigned master)
{
	return master && meets(w, id, master) && w->node[master].neo4j.role == NEO4J_MASTER &&
	       w->now_ms >= w->node[master].neo4j.available_ms &&
	       ((uint64_t)w->now_ms * 2654435761u >> 7 & 1);
}

/* Everybody who is met learns of the new member, and a new master may be better. */
static void join(struct world *w, unsigned id, unsigned to)
{
	struct idset alive, members = neo(w, to)->members;

	idset_add(&members, id);
	neo(w, id)->phase = NEO4J_MEMBER;
	for (unsigned k = 1; k <= w->n; k++) {
		neo(w, id)->met_ms[k] = w->now_ms; /* it has missed nobody yet */
		if (k == id || (idset_has(&members, k) && meets(w, to, k) && meets(w, id, k))) {
			neo(w, k)->members = members;
			neo(w, k)->met_ms[id] = w->now_ms;
		}
	}
	bool below = enters_below(w, id, neo(w, to)->master);
	become(w, id, NEO4J_UNKNOWN, below ? neo(w, to)->master : 0);
	look_around(w, id, &alive);
	world_log(w, "%u: Neo4j joins %u's cluster, now %llx%s", id, to,
		(unsigned long long)members.bits[0], below ? ", below its master" : "");
	if (below)
		neo(w, id)->election = neo(w, to)->election;
	else if (idset_count(&alive) >= idset_count(&members) / 2 + 1)
		elect(w, id, &alive);
}

static void create(struct world *w, unsigned id)
{
	struct neo4j_model *n = neo(w, id);

	world_log(w, "%u: Neo4j creates a cluster", id);
	n->phase = NEO4J_MEMBER;
	idset_add(&n->members, id);
	become(w, id, NEO4J_MASTER, id);
}

/* Does k's request for a cluster come to id? */
static bool asks(const struct world *w, unsigned k, unsigned id)
{
	const struct neo4j_model *n = &w->node[k].neo4j;

	return n->phase == NEO4J_SEEKING && !w->node[id].shut && meets(w, id, k) &&
	       idset_has(&n->list, id);
}

/* A member that is asked answers; else the lowest of those that ask creates one, if all listed do.
 */
static void seek(struct world *w, unsigned id)
{
	struct neo4j_model *n = neo(w, id);
	unsigned seen = 0, lowest = 0;

	for (unsigned k = 1; k <= w->n; k++) {
		if (k != id && idset_has(&n->list, k) && meets(w, id, k) && !w->node[k].shut &&
			neo(w, k)->phase == NEO4J_MEMBER) {
			if (w->now_ms >= w->node[id].joins_ms || idset_count(&n->members))
				join(w, id, k);
			return;
		}
		if (k == id ? idset_has(&n->list, id) : asks(w, k, id)) {
			seen++;
			lowest = lowest ? lowest : k;
		}
	}
	/* An arbiter may create one, but has nothing to be master of. */
	if (!seen || seen < idset_count(&n->list))
		return;
	if ((lowest == id && !w->node[id].arbiter) || w->node[lowest].arbiter)
		create(w, id);
}

/* Has b all of a, and else only later ones? */
static bool is_prefix(const struct writes *a, const struct writes *b)
{
	unsigned k = 0;

	while (k < WRITES_WORDS && a->bits[k] == b->bits[k])
		k++;
	if (k == WRITES_WORDS)
		return true;
	uint64_t differ = a->bits[k] ^ b->bits[k], first = differ & -differ;
	if (a->bits[k] >= first)
		return false;
	while (++k < WRITES_WORDS) {
		if (a->bits[k])
			return false;
	}
	return true;
}

/* A slave pulls; what it has and the master has not is a branch, and goes. */
static void follow(struct world *w, unsigned id)
{
	struct neo4j_model *n = neo(w, id);
	struct store *own = &w->node[id].card.store;

	if (n->master == id || !n->master || !meets(w, id, n->master) ||
		neo(w, n->master)->role != NEO4J_MASTER || w->now_ms < n->ready_ms ||
		(n->role == NEO4J_SLAVE && w->now_ms < n->lags_ms))
		return;
	if (w->node[id].arbiter) {
		n->role = NEO4J_SLAVE;
		return;
	}
	const struct store *master = &w->node[n->master].card.store;
	if (!is_prefix(&own->writes, &master->writes))
		world_log(w, "%u: branched, copies the store of %u", id, n->master);
	*own = *master;
	n->caught_up = true;
	if (n->role != NEO4J_SLAVE)
		become(w, id, NEO4J_SLAVE, n->master);
}

/* Somebody knows of a later election: its outcome counts. */
static void hear_of_elections(struct world *w, unsigned id)
{
	struct neo4j_model *n = neo(w, id);

	for (unsigned k = 1; k <= w->n; k++) {
		if (k == id || !meets(w, id, k) || !idset_has(&n->members, k) ||
			neo(w, k)->election <= n->election)
			continue;
		n->election = neo(w, k)->election;
		idset_add(&neo(w, k)->members, id);
		n->members = neo(w, k)->members;
		become(w, id, NEO4J_UNKNOWN, neo(w, k)->master == id ? 0 : neo(w, k)->master);
	}
}

static void live(struct world *w, unsigned id)
{
	struct neo4j_model *n = neo(w, id);
	struct idset alive;

	hear_of_elections(w, id);
	look_around(w, id, &alive);
	unsigned needed = idset_count(&n->members) / 2 + 1, all = idset_count(&n->members);
	bool enough = idset_count(&alive) >= needed;
	bool lost = !n->master || !idset_has(&alive, n->master) ||
		    (n->master != id && meets(w, id, n->master) &&
			    neo(w, n->master)->master != n->master);
	if (enough && lost)
		elect(w, id, &alive);
	else if (!enough && !(all == 2 && n->role == NEO4J_MASTER) && n->role != NEO4J_UNKNOWN)
		become(w, id, NEO4J_UNKNOWN, 0);
	follow(w, id);
}

void neo4j_tick(struct world *w, unsigned id)
{
	struct neo4j_model *n = neo(w, id);

	if (w->now_ms < n->hung_ms)
		return;
	if (n->phase == NEO4J_BOOTING && w->now_ms >= n->ready_ms) {
		n->phase = NEO4J_SEEKING;
		n->role = NEO4J_UNKNOWN;
	} else if (n->phase == NEO4J_SEEKING) {
		seek(w, id);
	} else if (n->phase == NEO4J_MEMBER) {
		live(w, id);
	}
}

bool neo4j_commits(const struct world *w, unsigned id)
{
	const struct neo4j_model *n = &w->node[id].neo4j;

	return w->node[id].on && n->phase == NEO4J_MEMBER && n->role == NEO4J_MASTER &&
	       w->now_ms >= n->hung_ms;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Neo4j below no master is begun again; on a board that needs minutes to elect one, in the end it
 * is not. */
// use: node-agent/quorum/quorum.c node-agent/quorum/propose.c node-agent/quorum/generation.c
// use: node-agent/quorum/decree.c node-agent/quorum/manifest.c node-agent/quorum/seats.c
// use: node-agent/quorum/stores.c node-agent/quorum/masters.c node-agent/quorum/start.c
#include "node-agent/quorum/quorum.h"
#include "tap.h"

#define STEP_MS 500

static const struct manifest expected = {.n = 1, .member = {{.id = 1}}};

/* A cluster of one, formed long ago: whatever happens is this Neo4j's doing. */
static void begin(struct quorum *q)
{
	struct durable d = {.incarnation = 11, .manifest = expected};

	d.manifest.epoch = d.manifest.run = 1;
	d.manifest.member[0].incarnation = 11;
	idset_add(&d.manifest.hosts, 1);
	quorum_begin(q, 1, &expected, &d, 0);
}

/*
 * Neo4j is started as the quorum says, is master for leads_ms and then in look's role until the
 * quorum has it killed, which is where *now_ms stands then: how long that took. 0: longer than
 * most_ms.
 */
static int64_t life_of(struct quorum *q, struct quorum_look *look, int64_t leads_ms,
	int64_t *now_ms, int64_t most_ms)
{
	struct quorum_look rests = {.whole = true, .fit = true, .last_tx = 5};
	enum neo4j_role then = look->role;
	struct verdict v;

	for (;; *now_ms += STEP_MS) {
		quorum_step(q, &rests, *now_ms, &v);
		if (v.neo4j == NEO4J_START)
			break;
	}
	look->neo4j_run = v.run;
	for (int64_t from_ms = *now_ms; *now_ms - from_ms <= most_ms; *now_ms += STEP_MS) {
		look->role = *now_ms - from_ms < leads_ms ? NEO4J_MASTER : then;
		quorum_step(q, look, *now_ms, &v);
		if (v.neo4j != NEO4J_KILL)
			continue;
		is_str(v.why, "it has had no master for too long", "it is ended");
		/* The word stands until the process is gone. */
		*now_ms += STEP_MS;
		quorum_step(q, look, *now_ms, &v);
		is_int(v.neo4j, NEO4J_KILL, "until it is gone");
		return *now_ms - STEP_MS - from_ms - leads_ms;
	}
	return 0;
}

static int64_t life(struct quorum *q, enum neo4j_role role, int64_t *now_ms, int64_t most_ms)
{
	struct quorum_look look = {.whole = true, .fit = true, .role = role, .last_tx = 5};

	return life_of(q, &look, 0, now_ms, most_ms);
}

/* Of a run that had a master: to elect another one takes less than to begin. */
static void test_lost_master(struct quorum *q, int64_t *now_ms)
{
	struct quorum_look look = {.whole = true, .fit = true, .role = NEO4J_UNKNOWN, .last_tx = 5};

	is_int((long)life_of(q, &look, 60000, now_ms, 4 * QUORUM_WEDGE_MAX_MS),
		QUORUM_REELECT_MS - STEP_MS, "one that was master waits less for another one");
}

static void test_copy(struct quorum *q, int64_t *now_ms)
{
	struct quorum_look look = {
		.whole = true, .fit = true, .role = NEO4J_UNKNOWN, .last_tx = 5, .copies = true};

	is_int((long)life_of(q, &look, 0, now_ms, 4 * QUORUM_WEDGE_MAX_MS), 0,
		"one that copies a store has all the time it takes");
}

/* Of a keeper, whose followers stopped because it told them to: it waits for one that is away. */
static void test_parting(struct quorum *q, int64_t *now_ms)
{
	struct quorum_look look = {
		.whole = true, .fit = true, .role = NEO4J_UNKNOWN, .last_tx = 5, .parts = true};

	is_int((long)life_of(q, &look, 60000, now_ms, 4 * QUORUM_WEDGE_MAX_MS), 0,
		"one that the others have left by agreement is not ended");
}

int main(void)
{
	static struct quorum q;
	int64_t now_ms = 0;

	begin(&q);
	is_int((long)life(&q, NEO4J_UNKNOWN, &now_ms, 4 * QUORUM_WEDGE_MAX_MS), QUORUM_WEDGE_MS,
		"without a master for long it is begun again");
	is_int((long)life(&q, NEO4J_UNKNOWN, &now_ms, 4 * QUORUM_WEDGE_MAX_MS), 2 * QUORUM_WEDGE_MS,
		"the next one gets twice the time");
	is_int((long)life(&q, NEO4J_UNKNOWN, &now_ms, 4 * QUORUM_WEDGE_MAX_MS), QUORUM_WEDGE_MAX_MS,
		"and the one after that");
	is_int((long)life(&q, NEO4J_UNKNOWN, &now_ms, 4 * QUORUM_WEDGE_MAX_MS), QUORUM_WEDGE_MAX_MS,
		"but not without end");
	is_int((long)life(&q, NEO4J_MASTER, &now_ms, 2 * QUORUM_WEDGE_MAX_MS), 0,
		"a master is left alone");
	is_int((long)life(&q, NEO4J_UNKNOWN, &now_ms, 4 * QUORUM_WEDGE_MAX_MS), QUORUM_WEDGE_MS,
		"and after one the time is the first again");
	for (int i = 0; i < 2; i++)
		is_int((long)life(&q, NEO4J_SLAVE, &now_ms, 4 * QUORUM_WEDGE_MAX_MS),
			QUORUM_WEDGE_MS, "below one that never leads it is always that");
	test_lost_master(&q, &now_ms);
	test_copy(&q, &now_ms);
	test_parting(&q, &now_ms);
	return done();
}

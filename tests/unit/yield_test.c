/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node makes way for another one: never before that one has all, never for long. */
// use: node-agent/control/yield.c node-agent/drain.c
#include "node-agent/control/yield.h"
#include "tap.h"

#define READY_MS (DRAIN_LEAST_MS + DRAIN_SETTLE_MS)

static const struct member pi3 = {.name = "pi3", .id = 3, .roles = ROLE_DATA};
static struct yield y;
static struct yield_look look;

/* A slave that has all, and a Neo4j that runs here. */
static void begin(void)
{
	look = (struct yield_look){.now_ms = 1000,
		.last_tx = 50,
		.process = true,
		.to_present = true,
		.to_role = NEO4J_SLAVE,
		.to_tx = 50};
	yield_begin(&y, &pi3, look.now_ms);
}

static enum yield_phase after(int64_t ms)
{
	for (int64_t left = ms; left > 0; left -= 500) {
		look.now_ms += left < 500 ? left : 500;
		look.told_ms = look.now_ms;
		yield_step(&y, &look);
	}
	return y.phase;
}

static void rests(void)
{
	begin();
	ok(after(READY_MS) == YIELD_RESTS, "it rests");
}

static void test_waits(void)
{
	begin();
	ok(yield_is_closed(&y) && !yield_rests(&y), "it takes no writes, and runs");
	is_int(after(READY_MS - 1), YIELD_WAITS, "what it says of itself may be old");
	is_int(after(1), YIELD_RESTS, "then it rests");
	ok(yield_is_closed(&y) && yield_rests(&y), "and takes no writes");

	begin();
	look.to_tx = 49;
	is_int(after(READY_MS), YIELD_WAITS, "not while one transaction is missing");
	look.to_tx = 51;
	is_int(after(1), YIELD_RESTS, "but when none is");
}

static void test_drains(void)
{
	begin();
	after(DRAIN_LEAST_MS - 1);
	ok(yield_is_closed(&y) && !yield_is_shut(&y), "what is under way may finish");
	after(1);
	ok(yield_is_shut(&y), "then nobody comes in");
	after(DRAIN_SETTLE_MS);
	ok(yield_rests(&y) && yield_is_shut(&y), "nor where it rests");
	look.to_present = false;
	after(500);
	ok(!yield_is_shut(&y), "until that is over");
}

static void test_last_writers(void)
{
	begin();
	look.master = true;
	after(DRAIN_LEAST_MS - 1);
	look.last_tx = look.to_tx = 51;
	after(1);
	ok(!yield_is_shut(&y), "a master waits for those who were writing");
	after(DRAIN_SETTLE_MS);
	ok(yield_is_shut(&y) && y.phase == YIELD_WAITS, "until it is quiet");
	is_int(after(DRAIN_SETTLE_MS), YIELD_RESTS, "and then for what it told last");
	begin();
	look.master = true;
	for (int i = 0; i < DRAIN_QUIET_MS / 500 - 1; i++) {
		look.last_tx = ++look.to_tx;
		after(500);
	}
	ok(!yield_is_shut(&y), "somebody goes on writing");
	look.last_tx = ++look.to_tx;
	after(500);
	ok(yield_is_shut(&y), "it does not wait for ever");
	is_int(after(DRAIN_SETTLE_MS), YIELD_RESTS, "then either");
}

static void test_unknown(void)
{
	begin();
	look.last_tx = TX_UNKNOWN;
	is_int(after(READY_MS), YIELD_WAITS, "who does not know what it has waits");
	begin();
	look.to_tx = TX_UNKNOWN;
	is_int(after(READY_MS), YIELD_WAITS, "as for one who does not tell");
	is_int(after(YIELD_CATCH_UP_MS), YIELD_NONE, "and not for ever");
	is_str(y.why, "pi3 does not catch up", "for a reason");
}

static void test_gone(void)
{
	begin();
	look.to_present = false;
	is_int(after(500), YIELD_NONE, "not for one that is not there");
	begin();
	look.to_role = NEO4J_UNKNOWN;
	is_int(after(500), YIELD_NONE, "nor for no slave");
	is_str(y.why, "pi3 is no slave", "and says so");
	rests();
	look.to_present = false;
	is_int(after(500), YIELD_NONE, "not when it goes");
}

static void test_elected(void)
{
	rests();
	look.to_role = NEO4J_MASTER;
	is_int(after(500), YIELD_RESTS, "it stops first, whatever is heard");
	look.process = false;
	look.to_role = NEO4J_SLAVE;
	is_int(after(500), YIELD_RESTS, "rests");
	look.to_role = NEO4J_MASTER;
	is_int(after(500), YIELD_NONE, "until the chosen one is master");
	is_str(y.why, "", "as it should be");
	ok(!yield_is_closed(&y) && !yield_rests(&y), "and starts again");
}

static void test_never_elected(void)
{
	rests();
	look.process = false;
	is_int(after(YIELD_REST_MS - 1), YIELD_RESTS, "nobody is elected");
	is_int(after(1), YIELD_NONE, "it comes back all the same");
	is_str(y.why, "pi3 has not become master", "and says why");
}

int main(void)
{
	test_waits();
	test_drains();
	test_last_writers();
	test_unknown();
	test_gone();
	test_elected();
	test_never_elected();
	return done();
}

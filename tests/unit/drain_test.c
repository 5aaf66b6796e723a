/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A drain that is asked for again lasts as long as the first time. */
// use: node-agent/drain.c
#include "node-agent/drain.h"
#include "node-agent/hello.h"
#include "tap.h"

/* What Neo4j told before it was shut, or does not tell for a moment, is not what it has. */
static void test_told(void)
{
	struct drain d = {0}, refuses = {0};
	int64_t ms = 1000;

	drain_begin(&d, ms);
	for (; ms <= 20000; ms += 500)
		drain_step(&d, true, 50, 1000, ms);
	ok(drain_is_quiet(&d, ms) && !drain_is_done(&d, ms), "what it told before is no word");
	drain_step(&d, true, 50, ms, ms);
	ok(drain_is_done(&d, ms), "what it tells now is");
	drain_step(&d, true, TX_UNKNOWN, ms, ms + 500);
	ok(!drain_is_done(&d, ms + 500), "not while it has to tell it again");
	drain_step(&d, true, 51, ms + 600, ms + 700);
	ok(drain_is_done(&d, ms + 700), "but when it has");
	drain_begin(&refuses, 1000);
	for (ms = 1000; ms <= 20000; ms += 500)
		drain_step(&refuses, true, TX_UNKNOWN, 0, ms);
	ok(drain_is_done(&refuses, ms), "one that never tells is drained by time alone");
}

int main(void)
{
	struct drain d = {0};

	drain_ask(&d, 1000);
	ok(drain_is_closed(&d), "it takes no writes");
	for (int64_t ms = 1000; ms <= 113000; ms += 500)
		drain_step(&d, true, 50, ms, ms);
	ok(drain_is_done(&d, 113000) && !drain_is_over(&d, 113000), "done, and not over");
	drain_ask(&d, 113000); /* a bramble poweroff that was broken off is said again */
	ok(drain_is_done(&d, 113000), "what was drained is");
	ok(!drain_is_over(&d, 1000 + DRAIN_REST_MS), "the first one's time is nobody's any more");
	ok(drain_is_over(&d, 113000 + DRAIN_REST_MS), "this one's is over later");
	test_told();
	return done();
}

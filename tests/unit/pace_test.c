/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a client's body may take, and its answer. */
// use: proxy/http/pace.c
#include "proxy/http/pace.h"
#include "tap.h"

#define START_MS 1000

static struct pace p;

static void start(void)
{
	pace_start(&p, PACE_MS);
	pace_note(&p, 0, true, START_MS);
}

/* An answer, of which the client's system takes what it has room for. */
static void start_answer(uint64_t room)
{
	pace_start(&p, PACE_ANSWER_MS);
	pace_note(&p, room, true, START_MS);
}

/* n bytes every so many ms: after how long it is too slow, 0 if not within limit_ms. */
static int64_t send(uint64_t n, int64_t every_ms, int64_t limit_ms)
{
	uint64_t bytes = p.bytes;
	int64_t from_ms = p.since_ms;

	for (int64_t ms = every_ms; ms <= limit_ms; ms += every_ms) {
		if (pace_too_slow(&p, from_ms + ms))
			return ms;
		pace_note(&p, bytes += n, true, from_ms + ms);
	}
	return 0;
}

static void test_slow(void)
{
	start();
	ok(!pace_too_slow(&p, START_MS + PACE_MS - 1), "it has its time");
	ok(pace_too_slow(&p, START_MS + PACE_MS), "and no more");
	start();
	is_int(send(1, 4000, 3600000), 8000, "a byte now and then does not prolong it");
	start();
	is_int(send(PACE_MIN_RATE * 4, 4000, 3600000), 0, "the least rate is enough for ever");
	start();
	is_int(send(PACE_MIN_RATE * 3, 4000, 3600000), 8000, "less is not");
	start();
	is_int(send(PACE_MIN_RATE - 50, 1000, 3600000), 41000, "by little: a little later");
	start();
	pace_note(&p, 100 << 20, true, START_MS + 1);
	is_int(send(1, 4000, 3600000), 8000, "what was quick once may not drip for ever after");
}

static void test_answer(void)
{
	start_answer(0);
	ok(pace_too_slow(&p, START_MS + PACE_MS), "an answer has no more time at first");
	start_answer(PACE_MIN_RATE * 10);
	ok(!pace_too_slow(&p, START_MS + PACE_MS + 9999), "what was taken is worth its time");
	ok(pace_too_slow(&p, START_MS + PACE_MS + 10000), "and no more");
	start_answer(65536);
	is_int(send(65536, 13000, 3600000), 0, "5 kB/s, seen in steps of a whole buffer");
	start_answer(100 << 20);
	is_int(send(1 << 20, PACE_ANSWER_MS - 1, 3600000), 0, "larger steps yet");
	start_answer(100 << 20);
	ok(pace_too_slow(&p, START_MS + PACE_ANSWER_MS), "nothing is worth more than the most");
	start_answer(100 << 20);
	is_int(send(1, 10000, 3600000), 50000, "nor is the most given for a byte");
}

static void test_whose(void)
{
	start();
	pace_note(&p, 10, false, START_MS + 1000);
	ok(!pace_too_slow(&p, START_MS + 3600000),
		"while the member is waited for it has all time");
	pace_note(&p, 10, true, START_MS + 3600000);
	ok(!pace_too_slow(&p, START_MS + 3604000), "and then what was left of its own");
	ok(pace_too_slow(&p, START_MS + 3604020), "with what its bytes are worth");
	pace_note(&p, 10, true, START_MS + 7200000);
	ok(pace_too_slow(&p, START_MS + 7200000), "one that nobody minded for an hour");
	pace_note(&p, 10 + PACE_MIN_RATE, true, START_MS + 7200001);
	ok(!pace_too_slow(&p, START_MS + 7201000), "may be quick at any time");
}

int main(void)
{
	test_slow();
	test_answer();
	test_whose();
	return done();
}

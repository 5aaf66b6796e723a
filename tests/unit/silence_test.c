/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom a master's Neo4j is not to wait for. */
// use: node-agent/silence.c
#include "node-agent/silence.h"
#include "tap.h"

#define NOW 100000
#define LATELY (NOW - SILENCE_MS + 1)
#define LONG_AGO (NOW - SILENCE_MS)
#define SLAVE(heard)                     \
	{                                \
		NULL, heard, true, false \
	}
#define JOINS(heard)                      \
	{                                 \
		NULL, heard, false, false \
	}

/* The others, and which of them are silent to a master: "10" is the first. */
static void is_marked(struct silence_peer *peer, size_t n, const char *want, const char *name)
{
	char got[8] = "";

	silence_mark(peer, n, true, NOW);
	for (size_t i = 0; i < n; i++)
		got[i] = peer[i].silent ? '1' : '0';
	is_str(got, want, "%s", name);
}

static void test_three(void)
{
	struct silence_peer whole[] = {SLAVE(LATELY), SLAVE(LATELY)};
	struct silence_peer one[] = {SLAVE(LONG_AGO), SLAVE(LATELY)};
	struct silence_peer both[] = {SLAVE(LONG_AGO), SLAVE(LONG_AGO)};
	struct silence_peer joins[] = {SLAVE(LONG_AGO), JOINS(LATELY)};

	is_marked(whole, 2, "00", "three: all are heard");
	is_marked(one, 2, "10", "one is not, the other has all commits");
	is_marked(both, 2, "00", "none is: a commit is to wait, for nobody else would have it");
	is_marked(joins, 2, "00", "one is not, the other has yet to join");
	silence_mark(one, 2, false, NOW);
	ok(!one[0].silent, "whoever is no master pushes to nobody");
}

static void test_others(void)
{
	struct silence_peer two[] = {SLAVE(LONG_AGO)};
	struct silence_peer four[] = {SLAVE(LATELY), SLAVE(LONG_AGO), SLAVE(LATELY)};
	struct silence_peer half[] = {SLAVE(LATELY), SLAVE(LONG_AGO), SLAVE(LONG_AGO)};
	struct silence_peer five[] = {
		SLAVE(LONG_AGO), SLAVE(LATELY), SLAVE(LONG_AGO), SLAVE(LATELY)};

	is_marked(two, 1, "0", "two: the only slave is waited for, even where an arbiter is heard");
	is_marked(four, 3, "010", "four: the other two make a majority");
	is_marked(half, 3, "000", "one more is none");
	is_marked(five, 4, "1010", "five: two others do");
	silence_mark(NULL, 0, true, NOW);
}

static void test_members(void)
{
	struct member a = {.id = 1}, b = {.id = 2}, c = {.id = 3};
	struct silence_peer peer[] = {{.member = &a, .heard_ms = LONG_AGO},
		{.member = &b, .heard_ms = LATELY, .slave = true}};

	silence_mark(peer, 2, true, NOW);
	ok(silence_is_marked(peer, 2, &a), "a member that is silent");
	ok(!silence_is_marked(peer, 2, &b), "one that is heard");
	ok(!silence_is_marked(peer, 2, &c), "one that is none of the others");
}

int main(void)
{
	test_three();
	test_others();
	test_members();
	return done();
}

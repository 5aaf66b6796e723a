// use: proxy/members/election.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy/members/election.h"
#include "tap.h"
#include "util.h"

/*
 * Each step: "member=role" or "timeout", and what must come of it: the phase, the member that
 * takes writes, and the actions. Letters: P probe, T timer, A adopt.
 */
struct step {
	int member; /* -1: timeout */
	enum neo4j_role role;
	enum election_phase phase;
	int master;
	const char *actions;
};

#define TIMEOUT (-1), NEO4J_DOWN

struct story {
	const char *name;
	struct step steps[8];
};

static const struct story stories[] = {
	{"start", {{0, NEO4J_SLAVE, ELECTION_NONE, -1, ""},
			  {1, NEO4J_MASTER, ELECTION_SERVING, 1, "A1"},
			  {1, NEO4J_MASTER, ELECTION_SERVING, 1, ""},
			  {0, NEO4J_SLAVE, ELECTION_SERVING, 1, ""}}},
	{"the master steps down, another one follows",
		{{0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"},
			{0, NEO4J_UNKNOWN, ELECTION_NONE, -1, ""},
			{1, NEO4J_MASTER, ELECTION_SERVING, 1, "A1"}}},
	{"the master dies", {{0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"},
				    {0, NEO4J_DOWN, ELECTION_NONE, -1, ""},
				    {0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"}}},
	{"a switch-over seen from the new side first",
		{{0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"},
			{1, NEO4J_MASTER, ELECTION_CHALLENGED, -1, "P0T"},
			{0, NEO4J_SLAVE, ELECTION_SERVING, 1, "A1"},
			{TIMEOUT, ELECTION_SERVING, 1, ""}}},
	{"the old master is dead", {{0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"},
					   {1, NEO4J_MASTER, ELECTION_CHALLENGED, -1, "P0T"},
					   {0, NEO4J_DOWN, ELECTION_SERVING, 1, "A1"}}},
	{"the old master is silent, then comes back with its claim",
		{{0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"},
			{1, NEO4J_MASTER, ELECTION_CHALLENGED, -1, "P0T"},
			{TIMEOUT, ELECTION_SERVING, 1, "A1"},
			{0, NEO4J_MASTER, ELECTION_CHALLENGED, -1, "P1T"},
			{1, NEO4J_MASTER, ELECTION_CONTESTED, -1, ""}}},
	{"two masters until one gives in",
		{{0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"},
			{1, NEO4J_MASTER, ELECTION_CHALLENGED, -1, "P0T"},
			{0, NEO4J_MASTER, ELECTION_CONTESTED, -1, ""},
			{1, NEO4J_MASTER, ELECTION_CONTESTED, -1, ""},
			{TIMEOUT, ELECTION_CONTESTED, -1, ""},
			{2, NEO4J_SLAVE, ELECTION_CONTESTED, -1, ""},
			{0, NEO4J_SLAVE, ELECTION_SERVING, 1, "A1"}}},
	{"two masters until both give in",
		{{0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"},
			{1, NEO4J_MASTER, ELECTION_CHALLENGED, -1, "P0T"},
			{0, NEO4J_MASTER, ELECTION_CONTESTED, -1, ""},
			{0, NEO4J_DOWN, ELECTION_SERVING, 1, "A1"},
			{1, NEO4J_UNKNOWN, ELECTION_NONE, -1, ""}}},
	{"the challenger takes it back", {{0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"},
						 {1, NEO4J_MASTER, ELECTION_CHALLENGED, -1, "P0T"},
						 {1, NEO4J_SLAVE, ELECTION_SERVING, 0, ""},
						 {TIMEOUT, ELECTION_SERVING, 0, ""}}},
	{"three claim it", {{0, NEO4J_MASTER, ELECTION_SERVING, 0, "A0"},
				   {1, NEO4J_MASTER, ELECTION_CHALLENGED, -1, "P0T"},
				   {2, NEO4J_MASTER, ELECTION_CONTESTED, -1, ""},
				   {0, NEO4J_SLAVE, ELECTION_CONTESTED, -1, ""},
				   {1, NEO4J_DOWN, ELECTION_SERVING, 2, "A2"}}},
	{"the 64th member", {{63, NEO4J_MASTER, ELECTION_SERVING, 63, "A63"},
				    {31, NEO4J_MASTER, ELECTION_CHALLENGED, -1, "P63T"},
				    {63, NEO4J_SLAVE, ELECTION_SERVING, 31, "A31"}}},
};

static void describe(struct election_actions a, char *text, size_t size)
{
	size_t n = 0;

	text[0] = '\0';
	if (a.probe >= 0)
		n += (size_t)snprintf(text + n, size - n, "P%d", a.probe);
	if (a.arm_timer)
		n += (size_t)snprintf(text + n, size - n, "T");
	if (a.adopt >= 0)
		snprintf(text + n, size - n, "A%d", a.adopt);
}

static void tell(const struct story *story)
{
	struct election s;

	election_init(&s);
	for (size_t i = 0; story->steps[i].actions; i++) {
		const struct step *step = &story->steps[i];
		char actions[32];
		struct election_actions a = step->member < 0
						    ? election_timeout(&s)
						    : election_heard(&s, step->member, step->role);
		describe(a, actions, sizeof(actions));
		is_int(s.phase, step->phase, "%s, step %zu: phase", story->name, i + 1);
		is_int(election_master(&s), step->master, "%s, step %zu: master", story->name,
			i + 1);
		is_str(actions, step->actions, "%s, step %zu: actions", story->name, i + 1);
	}
}

/*
 * Whatever is heard in whatever order: a change of the master is always announced by adopt (which
 * fences the others), and while a second member claims it too, nobody takes writes.
 */
static void test_random(void)
{
	uint32_t seed = 7;
	struct election s;
	int announced = -1, wrong = 0;

	election_init(&s);
	for (int i = 0; i < 200000; i++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t dice = seed >> 24;
		struct election_actions a = dice < 20 ? election_timeout(&s)
						      : election_heard(&s, (int)(dice % 3),
								(enum neo4j_role)(seed >> 16 & 3));
		if (a.adopt >= 0)
			announced = a.adopt;
		int master = election_master(&s);
		wrong += master >= 0 && master != announced;
		wrong += master >= 0 && s.claims != UINT64_C(1) << master;
		wrong += s.phase == ELECTION_CONTESTED && __builtin_popcountll(s.claims) < 2;
		wrong += s.phase == ELECTION_NONE && s.claims != 0;
	}
	is_int(wrong, 0,
		"200000 random answers: who takes writes is announced and claims it alone");
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++)
		tell(&stories[i]);
	test_random();
	return done();
}

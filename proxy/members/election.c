/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "election.h"

static const struct election_actions nothing = {.probe = -1, .adopt = -1};

void election_init(struct election *s)
{
	*s = (struct election){.phase = ELECTION_NONE, .master = -1, .challenger = -1};
}

static void enter(struct election *s, enum election_phase phase, int master, int challenger)
{
	s->phase = phase;
	s->master = master;
	s->challenger = challenger;
}

static struct election_actions adopt(struct election *s, int member)
{
	enter(s, ELECTION_SERVING, member, -1);
	return (struct election_actions){.probe = -1, .adopt = member};
}

static struct election_actions contest(struct election *s)
{
	enter(s, ELECTION_CONTESTED, -1, -1);
	return nothing;
}

static bool claims_alone(const struct election *s, int member)
{
	return s->claims == UINT64_C(1) << member;
}

static struct election_actions heard_serving(struct election *s, int member, bool claims)
{
	if (member == s->master && !claims) {
		enter(s, ELECTION_NONE, -1, -1);
		return nothing;
	}
	if (member == s->master || !claims)
		return nothing;
	enter(s, ELECTION_CHALLENGED, s->master, member);
	return (struct election_actions){.probe = s->master, .arm_timer = true, .adopt = -1};
}

static struct election_actions heard_challenged(struct election *s, int member, bool claims)
{
	if (member == s->master)
		return claims ? contest(s) : adopt(s, s->challenger);
	if (member != s->challenger)
		return claims ? contest(s) : nothing;
	if (!claims)
		enter(s, ELECTION_SERVING, s->master, -1);
	return nothing;
}

static struct election_actions heard_contested(struct election *s)
{
	if (!s->claims) {
		enter(s, ELECTION_NONE, -1, -1);
		return nothing;
	}
	int only = __builtin_ctzll(s->claims);
	return claims_alone(s, only) ? adopt(s, only) : nothing;
}

struct election_actions election_heard(struct election *s, int member, enum neo4j_role role)
{
	bool claims = role == NEO4J_MASTER;
	uint64_t bit = UINT64_C(1) << member;

	s->claims = claims ? s->claims | bit : s->claims & ~bit;
	switch (s->phase) {
	case ELECTION_NONE:
		return claims ? adopt(s, member) : nothing;
	case ELECTION_SERVING:
		return heard_serving(s, member, claims);
	case ELECTION_CHALLENGED:
		return heard_challenged(s, member, claims);
	case ELECTION_CONTESTED:
		return heard_contested(s);
	}
	return nothing;
}

/* The silent master's old claim no longer counts. */
struct election_actions election_timeout(struct election *s)
{
	if (s->phase != ELECTION_CHALLENGED)
		return nothing;
	s->claims &= ~(UINT64_C(1) << s->master);
	return adopt(s, s->challenger);
}

int election_master(const struct election *s)
{
	return s->phase == ELECTION_SERVING ? s->master : -1;
}

const char *election_why_none(const struct election *s)
{
	static const char *const why[] = {
		[ELECTION_NONE] = "no member is master",
		[ELECTION_SERVING] = "the master does not answer",
		[ELECTION_CHALLENGED] = "a new master is being confirmed",
		[ELECTION_CONTESTED] = "more than one member claims to be master",
	};

	return why[s->phase];
}

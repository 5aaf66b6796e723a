/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fitness.h"

/* An arbiter has no role to tell: that it serves is all there is. */
static bool is_serving(const struct peer *p)
{
	return p->last.role == NEO4J_MASTER || p->last.role == NEO4J_SLAVE ||
	       ((p->member->roles & ROLE_ARBITER) && p->last.state == NODE_SERVING);
}

static void count(const struct peer *p, struct health_others *o)
{
	if (!peer_present(p) || !is_serving(p))
		return;
	o->serving++;
	o->master |= p->last.role == NEO4J_MASTER;
	if (p->last.state != NODE_SERVING)
		return;
	o->fit++;
	o->heirs += p->last.role == NEO4J_SLAVE;
}

struct health_others fitness_others(const struct peers *p)
{
	struct health_others o = {.voters = 1};

	for (size_t i = 0; i < p->n; i++) {
		if (!(p->peer[i].member->roles & ROLE_VOTER))
			continue;
		o.voters++;
		count(&p->peer[i], &o);
	}
	return o;
}

void fitness_look(
	struct card *c, const struct peers *p, bool p3, int64_t pid, struct formation_input *in)
{
	if (!in->voter)
		return;
	struct health_others others = fitness_others(p);
	card_allow(c, p3, in->service != SERVICE_STOPPED, pid);
	in->health = &c->health;
	health_decide(&c->health, &c->facts, in->role, &others, &in->order);
}

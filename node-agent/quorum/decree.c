/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "decree.h"

bool acceptor_promise(struct acceptor *a, ballot_t b)
{
	if (b <= a->promised)
		return false;
	a->promised = b;
	return true;
}

bool acceptor_accept(struct acceptor *a, ballot_t b, const struct manifest *value)
{
	if (b < a->promised || b == a->accepted)
		return false;
	a->promised = a->accepted = b;
	a->value = *value;
	return true;
}

void proposer_prepare(struct proposer *p, ballot_t b)
{
	p->phase = DECREE_PREPARE;
	p->ballot = b;
	p->yes = (struct idset){0};
	p->best = 0;
}

void proposer_promised(
	struct proposer *p, unsigned id, ballot_t accepted, const struct manifest *value)
{
	idset_add(&p->yes, id);
	if (accepted > p->best) {
		p->best = accepted;
		p->value = *value;
	}
}

bool proposer_propose(struct proposer *p, const struct manifest *wish)
{
	if (!p->best && !wish)
		return false;
	if (!p->best)
		p->value = *wish;
	p->phase = DECREE_ACCEPT;
	p->yes = (struct idset){0};
	return true;
}

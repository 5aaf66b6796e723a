/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "budget.h"

void budget_hold(struct budget *b, size_t *counted, size_t n)
{
	b->used -= *counted;
	*counted = n > BUDGET_FREE ? n - BUDGET_FREE : 0;
	b->used += *counted;
}

bool budget_half(const struct budget *b)
{
	return b->used >= BUDGET_MAX / 2;
}

bool budget_spent(const struct budget *b)
{
	return b->used >= BUDGET_MAX;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ages of a set, by which removed users leave it: account.h. */
#include <sodium.h>
#include <string.h>
#include "account_private.h"

#define AGES 2

uint32_t account_next_change(const struct accounts *a, uint32_t change)
{
	uint32_t first = a->age << ACCOUNTS_AGE_SHIFT;

	return change + 1 > first ? change + 1 : first;
}

/* The agents' own user and its password are everybody's, whatever one set says. */
static bool may_leave(const struct account *x)
{
	return x->kind == ACCOUNT_ROLE ||
	       (x->kind == ACCOUNT_USER && strcmp(x->name, ACCOUNT_SELF) != 0);
}

bool account_has_left(const struct account *x, uint32_t age)
{
	return may_leave(x) && (x->change >> ACCOUNTS_AGE_SHIFT) + AGES <= age;
}

static bool is_removed(const struct account *x)
{
	return may_leave(x) && !x->value.there;
}

void accounts_forget(struct accounts *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct account *x = &a->of[i];
		if (is_removed(x) && !x->waits && account_has_left(x, a->age))
			continue;
		if (n != i)
			a->of[n] = a->of[i];
		n++;
	}
	if (n < a->n)
		sodium_memzero(&a->of[n], (a->n - n) * sizeof(*a->of));
	a->n = n;
}

bool accounts_grow_older(struct accounts *a)
{
	bool any = false;

	for (size_t i = 0; i < a->n; i++)
		any |= is_removed(&a->of[i]);
	if (!any || a->age >= ACCOUNTS_AGE_MAX)
		return false;
	a->age++;
	accounts_forget(a);
	return true;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "members/roster.h"

const struct roster_row *roster_find(const struct roster *r, unsigned id)
{
	for (size_t i = 0; i < r->n; i++) {
		if (r->rows[i].id == id)
			return &r->rows[i];
	}
	return NULL;
}

static bool same_name(const struct roster_row *a, const struct roster_row *b)
{
	return strcmp(a->name, b->name) == 0;
}

static bool same_address(const struct roster_row *a, const struct roster_row *b)
{
	return a->address.s_addr == b->address.s_addr;
}

bool roster_means(const struct roster_row *a, const struct roster_row *b)
{
	return a->id == b->id && (same_name(a, b) || (a->address.s_addr && same_address(a, b)));
}

/* How many tell of that one; of those, how many know where it is, and that it is there. */
struct count {
	size_t tell, know, agree;
};

static struct count count_votes(const struct roster_votes *v, const struct roster_row *row)
{
	struct count c = {0};

	for (size_t i = 0; i < v->n; i++) {
		const struct roster_row *r = v->says[i] ? roster_find(v->says[i], row->id) : NULL;
		if (!r || !same_name(r, row))
			continue;
		c.tell++;
		c.know += r->address.s_addr != 0;
		c.agree += same_address(r, row);
	}
	return c;
}

static void consider(const struct roster_votes *v, const struct roster_row *row, struct roster *to)
{
	struct roster_row *found = (struct roster_row *)roster_find(to, row->id);
	struct count c = count_votes(v, row);

	if (2 * c.tell <= v->n)
		return;
	if (!found && to->n < MEMBERS_MAX) {
		found = &to->rows[to->n++];
		*found = *row;
		found->address.s_addr = 0;
	}
	if (found && row->address.s_addr && 2 * c.agree > c.know)
		found->address = row->address;
}

void roster_decide(const struct roster_votes *v, struct roster *to)
{
	to->n = 0;
	for (size_t i = 0; i < v->n; i++) {
		for (size_t k = 0; v->says[i] && k < v->says[i]->n; k++)
			consider(v, &v->says[i]->rows[k], to);
	}
}

bool roster_denies(const struct roster_votes *v, const struct roster_row *who)
{
	size_t without = 0;

	for (size_t i = 0; i < v->n; i++) {
		const struct roster_row *r = v->says[i] ? roster_find(v->says[i], who->id) : NULL;
		without += v->says[i] && (!r || !roster_means(r, who));
	}
	return 2 * without > v->n;
}

bool roster_same(const struct roster *a, const struct roster *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct roster_row *r = roster_find(b, a->rows[i].id);
		if (!r || !same_name(r, &a->rows[i]) || !same_address(r, &a->rows[i]))
			return false;
	}
	return true;
}

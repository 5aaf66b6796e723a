/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "members/member.h"
#include "route.h"

static const struct {
	const char *method;
	bool safe;
} idempotent[] = {
	{"GET", true},
	{"HEAD", true},
	{"OPTIONS", true},
	{"PUT", false},
	{"DELETE", false},
};

bool route_is_write(const struct proxy *p, const struct http_head *h, const struct tx_target *t)
{
	for (size_t i = 0; i < h->nfields; i++) {
		if (slice_ieq(h->fields[i].name, "X-Write") && slice_eq(h->fields[i].value, "1"))
			return true;
	}
	const struct http_field *mode = http_find(h, "access-mode");
	if (mode)
		return slice_ieq(mode->value, "WRITE");
	return !dialect_slaves_write(p->dialect) && (t->kind == TX_BEGIN || t->one_shot);
}

bool route_is_safe(struct slice method)
{
	for (size_t i = 0; i < ARRAY_SIZE(idempotent); i++) {
		if (slice_eq(method, idempotent[i].method))
			return idempotent[i].safe;
	}
	return false;
}

bool route_is_idempotent(struct slice method)
{
	for (size_t i = 0; i < ARRAY_SIZE(idempotent); i++) {
		if (slice_eq(method, idempotent[i].method))
			return true;
	}
	return false;
}

/* By requests in flight for each share: a member of weight 2 is as loaded by two as one of 1 by
 * one. */
static bool less_loaded(const struct member *a, const struct member *b)
{
	return a->busy.len * b->weight < b->busy.len * a->weight;
}

/* Both ways start behind the last one chosen, so that equals take turns. */
struct member *route_read(const struct proxy *p)
{
	struct member *best = NULL;

	for (size_t i = 0; i < p->nmembers; i++) {
		struct member *m = &p->members[(p->next_read + i) % p->nmembers];
		if (!m->weight || !member_usable(m) || !member_has_room(m))
			continue;
		if (!best || less_loaded(m, best))
			best = m;
		if (p->conf->balance == BALANCE_ROUNDROBIN)
			break;
	}
	return best;
}

void route_chosen(struct proxy *p, const struct member *m)
{
	bool same = p->next_read % p->nmembers == (size_t)m->index;

	p->turns = same ? p->turns + 1 : 1;
	bool over = p->conf->balance != BALANCE_ROUNDROBIN || p->turns >= m->weight;
	p->next_read = (size_t)m->index + over;
	if (over)
		p->turns = 0;
}

bool route_possible(struct proxy *p, bool write)
{
	if (write)
		return members_master(p) != NULL;
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (m->weight && member_usable(m))
			return true;
	}
	return false;
}

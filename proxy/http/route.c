/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "members/member.h"
#include "members/tx_watch.h"
#include "route.h"

bool route_is_write(const struct proxy *p, const struct http_head *h, const struct tx_target *t)
{
	const struct http_field *f = http_find(h, FIELD_X_WRITE);

	for (; f; f = http_find_next(h, f)) {
		if (slice_eq(f->value, "1"))
			return true;
	}
	const struct http_field *mode = http_find(h, FIELD_ACCESS_MODE);
	if (mode)
		return slice_ieq(mode->value, "WRITE");
	return !dialect_slaves_write(p->dialect) && (t->kind == TX_BEGIN || t->one_shot);
}

bool route_is_safe(struct slice method)
{
	static const char *const safe[] = {"GET", "HEAD", "OPTIONS", "TRACE"};

	for (size_t i = 0; i < ARRAY_SIZE(safe); i++) {
		if (slice_eq(method, safe[i]))
			return true;
	}
	return false;
}

/* By requests in flight for each share: a member of weight 2 is as loaded by two as one of 1 by
 * one. */
static bool less_loaded(const struct member *a, const struct member *b)
{
	return a->busy.len * member_pull(b) < b->busy.len * member_pull(a);
}

static bool takes_read(const struct member *m)
{
	return m->weight && member_usable(m);
}

#define ANY_TIME INT64_MIN

/* Both ways start behind the last one chosen, so that equals take turns. */
static struct member *choose(const struct proxy *p, int64_t since_ms)
{
	struct member *best = NULL;

	for (size_t i = 0; i < p->nmembers; i++) {
		struct member *m = &p->members[(p->next_read + i) % p->nmembers];
		if (!takes_read(m) || !member_has_read_room(m) ||
			(since_ms != ANY_TIME && !tx_watch_has(m, since_ms)))
			continue;
		if (!best || less_loaded(m, best))
			best = m;
		if (p->conf->balance == BALANCE_ROUNDROBIN)
			break;
	}
	return best;
}

struct member *route_read(const struct proxy *p)
{
	return choose(p, ANY_TIME);
}

struct member *route_read_since(struct proxy *p, int64_t since_ms)
{
	struct member *m = choose(p, since_ms), *master = m ? NULL : members_master(p);

	return master && member_has_room(master) ? master : m;
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
		if (takes_read(m))
			return true;
	}
	return false;
}

bool route_possible_since(struct proxy *p, int64_t since_ms)
{
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (takes_read(m) && tx_watch_has(m, since_ms))
			return true;
	}
	return members_master(p) != NULL;
}

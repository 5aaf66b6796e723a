/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include "members/member.h"
#include "stats/page.h"

const char *stats_card_class(const struct stats_row *r)
{
	const struct member *m = r->member;

	if (m->admin == MEMBER_DRAIN)
		return "warn";
	if (!r->up)
		return m->role == NEO4J_DOWN || m->admin == MEMBER_MAINT ? "down" : "warn";
	return members_master(m->proxy) == m ? "master" : "slave";
}

const char *stats_card_word(const struct stats_row *r)
{
	const struct member *m = r->member;

	if (m->state == MEMBER_LEAVING)
		return "leaving";
	if (m->admin != MEMBER_READY)
		return m->admin == MEMBER_DRAIN ? "draining" : "maintenance";
	if (m->role == NEO4J_DOWN)
		return m->last_probe_ms ? "down" : "not heard yet";
	if (m->fails)
		return "silent";
	if (m->role == NEO4J_UNKNOWN)
		return "electing or joining";
	if (m->role == NEO4J_MASTER)
		return members_master(m->proxy) == m ? "master" : "claims to be master";
	return "slave";
}

void stats_behind(const struct stats_row *r, char text[static STATS_BEHIND])
{
	if (r->lag < 0)
		snprintf(text, STATS_BEHIND, "not known");
	else if (r->lag == 0)
		snprintf(text, STATS_BEHIND, "nothing");
	else
		snprintf(text, STATS_BEHIND, "%" PRId64 " transaction%s", r->lag,
			r->lag == 1 ? "" : "s");
}

void stats_duration(struct buf *out, int64_t ms)
{
	int64_t s = ms / 1000;

	if (s >= 86400)
		buf_printf(out, "%" PRId64 "d %" PRId64 "h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		buf_printf(out, "%" PRId64 "h %" PRId64 "m", s / 3600, s / 60 % 60);
	else if (s >= 60)
		buf_printf(out, "%" PRId64 "m %" PRId64 "s", s / 60, s % 60);
	else
		buf_printf(out, "%" PRId64 "s", s);
}

static size_t usable(const struct stats_row *rows, size_t n)
{
	size_t up = 0;

	for (size_t i = 0; i < n; i++)
		up += rows[i].member && rows[i].up;
	return up;
}

static bool is_in(const struct stats_row *r)
{
	return r->member && r->member->state == MEMBER_IN;
}

/* "2 of 3 members serve: pi3 is down." */
static void describe_serving(
	const struct stats_row *rows, size_t n, size_t up, size_t all, struct stats_summary *s)
{
	size_t len = 0, size = sizeof(s->detail);
	char others[160] = "";

	for (size_t i = 0; i < n; i++) {
		if (rows[i].member && !rows[i].up && len < sizeof(others))
			len += (size_t)snprintf(others + len, sizeof(others) - len, "%s %s is %s",
				len ? "," : ":", rows[i].name, stats_card_word(&rows[i]));
	}
	if (up == all)
		snprintf(s->detail, size, "All %zu members serve.", all);
	else
		snprintf(s->detail, size, "%zu of %zu members serve%s.", up, all, others);
}

void stats_summarize(
	struct proxy *p, const struct stats_row *rows, size_t n, struct stats_summary *s)
{
	struct member *master = members_master(p);
	size_t up = usable(rows, n), held = p->queue.writes.len, all = 0;

	for (size_t i = 0; i < n; i++)
		all += is_in(&rows[i]);

	if (master) {
		snprintf(s->headline, sizeof(s->headline), "%s is the master", master->conf->name);
		describe_serving(rows, n, up, all, s);
		s->level = up == all ? "ok" : "warn";
		return;
	}
	snprintf(s->headline, sizeof(s->headline), "Writes wait: %s", members_why_no_master(p));
	snprintf(s->detail, sizeof(s->detail),
		"%zu write%s held, each for up to %" PRId64 " s. %zu of %zu members serve reads.",
		held, held == 1 ? " is" : "s are", p->conf->hold_ms / 1000, up, all);
	s->level = "bad";
}

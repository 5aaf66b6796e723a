/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose stores hold what, and may anything be on others? */
#include "quorum_private.h"

bool mastership_later(const struct mastership *a, const struct mastership *b)
{
	return a->term != b->term ? a->term > b->term : a->id > b->id;
}

bool mastership_equal(const struct mastership *a, const struct mastership *b)
{
	return a->term == b->term && a->id == b->id;
}

/* Whoever is not heard may know of anything, who lost p3 has forgotten it, and a lost card tells
 * nothing. */
static bool is_blank(const struct quorum *q, unsigned id)
{
	const struct manifest_member *m = manifest_member(quorum_members(q), id);

	return quorum_is_lost(q, id) || !quorum_near(q, id, QUORUM_PRESENT_MS) ||
	       ((m->readmitted || !quorum_votes(q, id)) && !quorum_said(q, id)->followed.term);
}

/* May its store hold what m took? */
static bool may_have_followed(const struct quorum *q, unsigned id, const struct mastership *m)
{
	const struct mastership *t = &quorum_said(q, id)->touched;

	if (is_blank(q, id))
		return true;
	return m->term && (t->term == TERM_ANY ? m->run <= t->run : !mastership_later(m, t));
}

/*
 * The latest that its agent may have followed. What its Neo4j did behind the agent's back made
 * nobody writable.
 */
static const struct mastership *latest_of(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	return w->touched.term == TERM_ANY ? &w->followed : &w->touched;
}

static unsigned may_follow(const struct quorum *q, const struct mastership *m)
{
	const struct manifest *all = quorum_members(q);
	unsigned n = 0;

	for (unsigned i = 0; i < all->n; i++) {
		unsigned id = all->member[i].id;
		n += is_blank(q, id) || !mastership_later(m, latest_of(q, id));
	}
	return n;
}

struct mastership quorum_last(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	struct mastership last = {0};

	for (unsigned i = 0; i < m->n; i++) {
		const struct mastership *b = &quorum_said(q, m->member[i].id)->followed;
		if (!is_blank(q, m->member[i].id) && mastership_later(b, &last) &&
			may_follow(q, b) >= manifest_majority(m))
			last = *b;
	}
	return last;
}

bool quorum_was_last(const struct quorum *q)
{
	struct mastership last = quorum_last(q);

	return last.term && last.id == q->self && mastership_equal(&last, &q->d.basis);
}

bool quorum_behind(const struct quorum *q, unsigned id)
{
	struct mastership last = quorum_last(q);

	return mastership_later(&last, &quorum_said(q, id)->basis);
}

bool quorum_astray(const struct quorum *q, unsigned id)
{
	const struct mastership *b = &quorum_said(q, id)->basis;
	struct mastership last = quorum_last(q);

	return last.term && id != last.id && (b->term != last.term || b->id != last.id);
}

/* Does its store follow the last master, or is it that one's? One begun since follows nobody yet.
 */
static bool holds(const struct quorum *q, unsigned id, const struct mastership *last)
{
	const struct word *w = quorum_said(q, id);

	return w->whole && w->basis.term &&
	       (id == last->id || (w->basis.term == last->term && w->basis.id == last->id));
}

/* May it have followed a later one than m? */
static bool may_have_left(const struct quorum *q, unsigned id, const struct mastership *m)
{
	return is_blank(q, id) || mastership_later(latest_of(q, id), m);
}

/* A master that a majority followed has all it took, and all that was before. */
static bool has_last_master(
	const struct quorum *q, const struct mastership *last, member_test *test)
{
	return last->term && quorum_votes(q, last->id) && holds(q, last->id, last) &&
	       mastership_equal(&quorum_said(q, last->id)->basis, last) && test(q, last->id);
}

struct idset quorum_elsewhere(const struct quorum *q, member_test *test)
{
	const struct manifest *m = quorum_members(q);
	struct mastership last = quorum_last(q);
	struct idset s = {0};

	bool master = has_last_master(q, &last, test);

	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->member[i].id;
		bool here = holds(q, id, &last) && test(q, id);
		if (quorum_is_lost(q, id))
			continue;
		if (master ? may_have_left(q, id, &last) : may_have_followed(q, id, &last) && !here)
			idset_add(&s, id);
	}
	return s;
}

/* A write is acknowledged when it is on a majority of the data nodes: arbiters hold nothing. */
bool quorum_accounted(const struct quorum *q, member_test *test)
{
	const struct manifest *m = quorum_members(q);
	struct mastership last = quorum_last(q);
	struct idset s = quorum_elsewhere(q, test);
	unsigned data = 0;

	for (unsigned i = 0; i < m->n; i++)
		data += m->member[i].role == MANIFEST_DATA && idset_has(&s, m->member[i].id);
	return idset_count(&s) < manifest_majority(m) &&
	       (data < manifest_data_majority(m) || has_last_master(q, &last, test));
}

static bool never(const struct quorum *q, unsigned id)
{
	(void)q;
	(void)id;
	return false;
}

bool quorum_is_new(const struct quorum *q)
{
	return quorum_last(q).term == 0 && quorum_accounted(q, never);
}

bool quorum_whole(const struct quorum *q, unsigned id)
{
	return quorum_said(q, id)->whole || quorum_is_new(q);
}

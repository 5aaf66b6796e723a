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

/* Whoever is not heard may know of anything, and who lost p3 has forgotten it. */
static bool is_blank(const struct quorum *q, unsigned id)
{
	if (!quorum_near(q, id, QUORUM_PRESENT_MS))
		return true;
	if (quorum_said(q, id)->followed.term)
		return false;
	return manifest_member(quorum_members(q), id)->readmitted || !quorum_votes(q, id);
}

/* A master was writable by a majority of today's voters, or of those before a change of them. */
static bool is_voter(const struct quorum *q, const struct manifest_member *k)
{
	return !quorum_is_lost(q, k->id);
}

static bool was_voter(const struct quorum *q, const struct manifest_member *k)
{
	return !quorum_is_lost(q, k->id) && !k->newcomer;
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

static bool may_follow(const struct quorum *q, unsigned id, const struct mastership *m)
{
	return is_blank(q, id) || !mastership_later(m, latest_of(q, id));
}

/* May m ever have been writable? */
static bool may_have_led(const struct quorum *q, const struct mastership *m)
{
	const struct manifest *all = quorum_members(q);
	unsigned now = 0, before = 0;

	for (unsigned i = 0; i < all->n; i++) {
		const struct manifest_member *k = &all->member[i];
		bool may = may_follow(q, k->id, m);
		now += may && is_voter(q, k);
		before += may && was_voter(q, k);
	}
	return now >= manifest_majority(all) || (all->was_majority && before >= all->was_majority);
}

struct mastership quorum_last(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	struct mastership last = {0};

	for (unsigned i = 0; i < m->n; i++) {
		const struct mastership *b = &quorum_said(q, m->member[i].id)->followed;
		if (mastership_later(b, &last) && is_voter(q, &m->member[i]) &&
			!is_blank(q, m->member[i].id) && may_have_led(q, b))
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

unsigned quorum_most(const struct quorum *q, member_test *test)
{
	const struct manifest *m = quorum_members(q);
	struct mastership last = quorum_last(q);
	unsigned best = 0;

	if (has_last_master(q, &last, test))
		return last.id;
	for (unsigned i = 0; last.term && i < m->n; i++) {
		unsigned id = m->member[i].id;
		if (m->member[i].role == MANIFEST_DATA && holds(q, id, &last) && test(q, id) &&
			(!best || quorum_said(q, id)->last_tx > quorum_said(q, best)->last_tx))
			best = id;
	}
	return best;
}

unsigned quorum_beginner(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;
	struct mastership last = quorum_last(q);

	if (idset_count(&m->hosts) != 1 || !last.term || last.run == m->run ||
		q->d.followed.run == m->run)
		return 0;
	unsigned i = 0;
	while (i < m->n && !idset_has(&m->hosts, m->member[i].id))
		i++;
	return i < m->n ? m->member[i].id : 0;
}

bool quorum_is_covered(const struct quorum *q, unsigned id)
{
	unsigned beginner = quorum_beginner(q);

	return quorum_is_host(q, id) ||
	       (beginner && quorum_near(q, id, QUORUM_PRESENT_MS) &&
		       quorum_said(q, id)->last_tx <= quorum_said(q, beginner)->last_tx);
}

bool quorum_falls_short(const struct quorum *q, unsigned id)
{
	unsigned beginner = quorum_beginner(q);
	const struct word *w = quorum_said(q, id);

	return beginner && beginner != id &&
	       (!w->told || w->last_tx < quorum_said(q, beginner)->last_tx);
}

bool quorum_has_as_much(const struct quorum *q, unsigned id)
{
	return quorum_is_master(q, id) && !quorum_falls_short(q, id);
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

struct majority {
	unsigned voters, data;
};

/* Are these too few to hold what such a majority held? */
static bool is_fewer(const struct quorum *q, const struct idset *s,
	bool (*counts)(const struct quorum *q, const struct manifest_member *k),
	const struct majority *than, bool any_data)
{
	const struct manifest *m = quorum_members(q);
	unsigned voters = 0, data = 0;

	for (unsigned i = 0; i < m->n; i++) {
		const struct manifest_member *k = &m->member[i];
		bool is = idset_has(s, k->id) && counts(q, k);
		voters += is;
		data += is && k->role == MANIFEST_DATA;
	}
	return voters < than->voters && (any_data || data < than->data);
}

/* Has any data node that passes the test what the last master took? */
static bool has_holder(const struct quorum *q, const struct mastership *last, member_test *test)
{
	const struct manifest *m = quorum_members(q);

	for (unsigned i = 0; i < m->n; i++) {
		const struct manifest_member *k = &m->member[i];
		if (k->role == MANIFEST_DATA && holds(q, k->id, last) && test(q, k->id))
			return true;
	}
	return false;
}

/* A write is acknowledged when it is on a majority of the data nodes: arbiters hold nothing. */
bool quorum_accounted(const struct quorum *q, member_test *test)
{
	const struct manifest *m = quorum_members(q);
	const struct majority now = {manifest_majority(m), manifest_data_majority(m)},
			      before = {m->was_majority, m->was_data_majority};
	struct mastership last = quorum_last(q);
	struct idset s = quorum_elsewhere(q, test);
	bool master = has_last_master(q, &last, test);

	return (!last.term || has_holder(q, &last, test)) &&
	       is_fewer(q, &s, is_voter, &now, master) &&
	       (!m->was_majority || is_fewer(q, &s, was_voter, &before, master));
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

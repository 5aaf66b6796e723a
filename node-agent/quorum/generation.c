/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which generation of the configuration all are to run, and who comes and goes with it. */
#include <string.h>
#include "quorum_private.h"

/* --- one that did not come up is withdrawn */

static bool could_not(const struct quorum *q, unsigned id)
{
	return quorum_voter_here(q, id) && quorum_said(q, id)->failed == q->d.manifest.generation;
}

bool quorum_has_failed(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	return m->generation && !m->withdrawn && quorum_count_of(q, could_not);
}

bool quorum_wish_withdrawn(const struct quorum *q, struct manifest *m, const char **why)
{
	(void)why;
	*m = q->d.manifest;
	m->epoch++;
	m->withdrawn = true;
	return true;
}

/* --- a newer one is decided */

void quorum_offer(struct quorum *q, const struct manifest *offer)
{
	q->offer = *offer;
}

static bool is_same(const struct manifest_member *a, const struct manifest_member *b)
{
	return a && b && a->role == b->role && strcmp(a->name, b->name) == 0;
}

/* A newcomer has no vote: nobody has seen its card yet. */
static void merge(const struct quorum *q, struct manifest *m)
{
	const struct manifest *offer = &q->offer;

	m->n = offer->n;
	for (unsigned i = 0; i < offer->n; i++) {
		const struct manifest_member *new = &offer->member[i];
		const struct manifest_member *old = manifest_member(&q->d.manifest, new->id);
		m->member[i] = *new;
		m->member[i].incarnation = is_same(old, new) ? old->incarnation : 0;
		m->member[i].readmitted = is_same(old, new) && old->readmitted;
		m->member[i].newcomer = is_same(old, new) && old->newcomer;
	}
	for (unsigned i = 0; i < q->d.manifest.n; i++) {
		unsigned id = q->d.manifest.member[i].id;
		if (!manifest_member(m, id))
			idset_remove(&m->hosts, id);
	}
	manifest_note_change(m, &q->d.manifest);
}

/* How many of a's voters are not b's. */
static unsigned count_missing(const struct manifest *a, const struct manifest *b)
{
	unsigned n = 0;

	for (unsigned i = 0; i < a->n; i++)
		n += !is_same(&a->member[i], manifest_member(b, a->member[i].id));
	return n;
}

static bool loses_leader(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		if (quorum_leads(q, m->member[i].id) &&
			!manifest_member(&q->offer, m->member[i].id))
			return true;
	}
	return false;
}

static bool loses_voter(const struct quorum *q, bool newcomer)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		const struct manifest_member *k = &m->member[i];
		if (k->incarnation && (newcomer || !k->newcomer) &&
			!is_same(k, manifest_member(&q->offer, k->id)))
			return true;
	}
	return false;
}

/* Would a majority of the voters then have what the master has? */
static bool keeps_majority(const struct quorum *q)
{
	struct manifest m = q->d.manifest;

	merge(q, &m);
	return quorum_majority_pulled(q, &m, 0);
}

/* --- one that goes stops first */

/*
 * What the master takes may be on it and one other only, until the voters have changed: that one
 * might be the one that goes. It stops its Neo4j before that is decided, and those who stay have to
 * have what the master had after that.
 */
static const struct manifest_member *leaver(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		const struct manifest_member *k = &m->member[i];
		if (k->incarnation && k->role == MANIFEST_DATA &&
			!is_same(k, manifest_member(&q->offer, k->id)))
			return k;
	}
	return NULL;
}

static bool stays(const struct quorum *q, unsigned id)
{
	const struct mastership *claim = quorum_claim_of(q, quorum_leader(q));

	return is_same(manifest_member(&q->d.manifest, id), manifest_member(&q->offer, id)) &&
	       quorum_voter_here(q, id) && quorum_has_joined(q, id) &&
	       mastership_equal(&quorum_said(q, id)->basis, claim);
}

/* A master that has all by itself loses nothing with it. */
static bool takes_along(const struct quorum *q)
{
	struct manifest m = q->d.manifest;

	merge(q, &m);
	return leaver(q) && manifest_data_majority(&m) > 1;
}

/*
 * -1: it may run. If the master has not heard it for so long, nothing has come from there; others
 * may only have lost sight of it.
 */
static int64_t at_rest_since(const struct quorum *q, unsigned id)
{
	int64_t over_ms = q->seat[id].seen_ms + QUORUM_LEASE_MS + QUORUM_STOP_MS;

	if (quorum_near(q, id, QUORUM_PRESENT_MS))
		return q->seat[id].rest_ms;
	return quorum_leads(q, q->self) && q->now_ms >= over_ms ? over_ms : -1;
}

/*
 * What a master told may have been so old, and so long on its way; older where its Neo4j answers
 * for its role, but not for its transactions.
 */
#define TOLD_MS (QUORUM_PULLED_MS + QUORUM_PRESENT_MS)

static bool has_rested(const struct quorum *q)
{
	struct manifest m = q->d.manifest;
	int64_t since_ms = at_rest_since(q, leaver(q)->id);

	merge(q, &m);
	return since_ms >= 0 && quorum_majority_pulled(q, &m, since_ms + TOLD_MS);
}

/* Has it had its time? */
static bool is_overdue(const struct quorum *q)
{
	return q->parting.id == leaver(q)->id && q->parting.generation == q->offer.generation &&
	       q->parting.asked_ms >= QUORUM_PARTING_MS;
}

/*
 * Without it this master has no majority until the voters have changed, and that for a while.
 * Another one may only not hear who stays.
 */
static bool is_needed(const struct quorum *q)
{
	return quorum_leads(q, q->self) && q->needed_ms >= 0 &&
	       q->now_ms - q->needed_ms >= QUORUM_LEASE_MS + QUORUM_STOP_MS;
}

static bool has_parted(const struct quorum *q)
{
	return !takes_along(q) || is_overdue(q) || is_needed(q) || has_rested(q);
}

static bool is_newer(const struct quorum *q)
{
	return q->d.manifest.epoch && q->offer.generation > q->d.manifest.generation;
}

/* Nothing that the one that goes could do about. */
static const char *obstacle(const struct quorum *q)
{
	unsigned gone = count_missing(&q->d.manifest, &q->offer),
		 new = count_missing(&q->offer, &q->d.manifest);

	if (gone + new > 1)
		return "data nodes and arbiters come and go one at a time";
	/* A newcomer was in no majority before: it may have died with its copy half-made. */
	if (gone && loses_voter(q, false) && q->d.manifest.was_majority)
		return "no master has led since the members changed last";
	if (gone && loses_leader(q))
		return "the master is not removed; make another one master first";
	if (gone && loses_voter(q, true) && !keeps_majority(q))
		return "of those who would remain no majority has what a master has";
	return NULL;
}

static bool has_it(const struct quorum *q, unsigned id)
{
	return quorum_voter_here(q, id) && quorum_said(q, id)->stored == q->offer.generation;
}

const char *quorum_offer_obstacle(const struct quorum *q)
{
	const char *why = is_newer(q) ? obstacle(q) : NULL;

	if (is_newer(q) && !why && quorum_majority_of(q, has_it) && !has_parted(q))
		why = "the Neo4j of the one that goes stops first";
	return why;
}

bool quorum_has_offer(const struct quorum *q)
{
	return is_newer(q) && quorum_majority_of(q, has_it) && !quorum_offer_obstacle(q);
}

/* An agent that has not read its memory yet does not know what runs. */
static void watch_rest(struct quorum *q, unsigned id)
{
	struct seat *s = &q->seat[id];

	if (!quorum_near(q, id, QUORUM_PRESENT_MS) || !quorum_votes(q, id) ||
		quorum_said(q, id)->neo4j_run)
		s->rest_ms = -1;
	else if (s->rest_ms < 0)
		s->rest_ms = q->now_ms;
}

/* Only the time counts in which it is asked, and this agent looks: it may run in between. */
static void ask_to_part(struct quorum *q, unsigned id)
{
	bool same = q->parting.id == id && q->parting.generation == q->offer.generation;
	int64_t ms = q->now_ms - q->parting.seen_ms;

	if (!same)
		q->parting.asked_ms = 0;
	else if (q->parting.now && ms < QUORUM_BLIND_MS)
		q->parting.asked_ms += ms;
	q->parting.id = id;
	q->parting.generation = q->offer.generation;
	q->parting.seen_ms = q->now_ms;
	q->parting.now = true;
}

void quorum_watch_parting(struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	bool waits = is_newer(q) && !obstacle(q) && quorum_majority_of(q, has_it) && takes_along(q);

	for (unsigned i = 0; i < m->n; i++)
		watch_rest(q, m->member[i].id);
	if (!waits || quorum_majority_of(q, stays))
		q->needed_ms = -1;
	else if (q->needed_ms < 0)
		q->needed_ms = q->now_ms;
	if (waits && q->needed_ms < 0)
		ask_to_part(q, leaver(q)->id);
	else
		q->parting.now = false;
}

bool quorum_is_leaving(const struct quorum *q)
{
	return q->parting.now && q->parting.id == q->self;
}

/* Has it come up? One that was overtaken before is nothing to go back to. */
static bool runs_goal(const struct quorum *q, unsigned id)
{
	return quorum_near(q, id, QUORUM_PRESENT_MS) &&
	       quorum_said(q, id)->runs == manifest_goal(&q->d.manifest);
}

bool quorum_wish_offer(const struct quorum *q, struct manifest *m, const char **why)
{
	*why = "a newer configuration cannot be decided";
	if (!quorum_has_offer(q))
		return false;
	*m = q->d.manifest;
	m->epoch++;
	if (quorum_majority_of(q, runs_goal))
		m->before = manifest_goal(&q->d.manifest);
	m->generation = q->offer.generation;
	m->withdrawn = false;
	merge(q, m);
	/* Who is to go may be gone before it has told anybody: one that stays decides it. */
	return manifest_member(m, q->self) != NULL;
}

/* --- who has come with it */

static bool is_late(const struct quorum *q, unsigned id)
{
	const struct manifest *m = &q->d.manifest;
	uint64_t runs = quorum_said(q, id)->runs;

	if (!quorum_votes(q, id) || !quorum_near(q, id, QUORUM_PRESENT_MS))
		return false;
	return runs < manifest_goal(m) || (m->withdrawn && runs == m->generation);
}

bool quorum_may_come(const struct quorum *q, unsigned id)
{
	const struct manifest_member *k = manifest_member(&q->d.manifest, id);

	return k && (k->incarnation || !quorum_count_of(q, is_late));
}

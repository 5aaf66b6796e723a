/* SPDX-License-Identifier: GPL-3.0-or-later */
/* May this node's Neo4j start, and with whom? */
#include "quorum_private.h"

/* The members' Neo4js that might still live in an older run. */
static bool is_over(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	return quorum_in_run(q, id, QUORUM_PRESENT_MS) &&
	       (!w->neo4j_run || w->neo4j_run == q->d.manifest.run);
}

static bool older_runs_over(const struct quorum *q)
{
	return q->now_ms - q->learned_ms >= QUORUM_OVER_MS ||
	       quorum_count_of(q, is_over) == q->d.manifest.n;
}

static bool is_ready_host(const struct quorum *q, unsigned id)
{
	return quorum_is_host(q, id) && quorum_votes(q, id) && quorum_said(q, id)->fit;
}

static bool joined_or_me(const struct quorum *q, unsigned id)
{
	const struct manifest_member *m = manifest_member(&q->d.manifest, id);

	return m->role == MANIFEST_DATA && quorum_said(q, id)->whole && quorum_votes(q, id) &&
	       (id == q->self || quorum_joined(q, id));
}

/* Would the store win the election that a joining member causes, though it is a branch? */
static bool would_usurp(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		const struct word *w = quorum_said(q, m->member[i].id);
		if (m->member[i].id != q->self && quorum_is_leading(q, m->member[i].id) &&
			q->mine.last_tx > w->last_tx && mastership_later(&w->claim, &q->d.basis))
			return true;
	}
	return false;
}

/* One that does not answer may hang, and takes part in no election. */
static bool answers(const struct quorum *q, unsigned id)
{
	return quorum_joined(q, id) && quorum_said(q, id)->role != NEO4J_DOWN;
}

/* May it come up with others that do, who follow the last master or are it? */
static bool is_of_last(const struct quorum *q)
{
	return quorum_is_arbiter(q) ||
	       (q->mine.whole && q->d.basis.term && !quorum_astray(q, q->self));
}

/* Has one begun alone, though it may not have all, and not told yet how much? */
static bool begins_untold(const struct quorum *q)
{
	unsigned beginner = quorum_beginner(q);

	return beginner && beginner != quorum_last(q).id && quorum_joined(q, beginner) &&
	       !quorum_said(q, beginner)->told;
}

/* One has begun alone, and with it and those that have no more all is there: they may join it. */
static bool has_begun(const struct quorum *q)
{
	unsigned beginner = quorum_beginner(q);

	return beginner && quorum_joined(q, beginner) && quorum_accounted(q, quorum_is_covered);
}

/*
 * Into a run that lives. Not while it would be ended at once (why_die); it may not be, its agent
 * might hang. With a master that has the lease anybody may come. Without one Neo4j will
 * elect among those who are there: then they must hold whole stores of a majority, or all that one
 * may have held. Not below one that is master already and has less, though nobody follows it: it
 * may stay master, and this store would lose what that one has not.
 */
static bool may_join(const struct quorum *q, bool *aside)
{
	if (quorum_count_of(q, quorum_joined) == 0)
		return false;
	*aside = would_usurp(q);
	if (!*aside && quorum_others_follow_later(q))
		return false;
	if (quorum_count_of(q, quorum_is_leading) > 0)
		return true;
	if (begins_untold(q))
		return false;
	bool lesser = !quorum_astray(q, q->self) && quorum_count_of(q, quorum_lacks_mine);
	if ((has_begun(q) && is_of_last(q)) ||
		(q->mine.whole && !quorum_behind(q, q->self) &&
			quorum_count_of(q, joined_or_me) >= manifest_data_majority(&q->d.manifest)))
		return !lesser;
	*aside = quorum_astray(q, q->self);
	if (lesser)
		return false;
	/* One that was elected with nothing in its store would be again, of two alike. */
	return q->mine.fit && quorum_accounted(q, answers);
}

/*
 * Where the last master begins alone, those that follow it start at the same time. Their list is of
 * that one: they create nothing, and wait for it. Neo4j creates a cluster alone only while it has
 * heard of no other one (3.5, ClusterState): they start when its port is shut for them.
 */
static bool may_come_along(const struct quorum *q)
{
	unsigned beginner = quorum_beginner(q);
	const struct word *w = quorum_said(q, beginner);

	return beginner && beginner == quorum_last(q).id && w->shut &&
	       w->neo4j_run == q->d.manifest.run && is_of_last(q);
}

static bool another_runs(const struct quorum *q, unsigned id)
{
	return id != q->self && quorum_runs(q, id);
}

/* Out of nothing: alone, or, the first time, together with the run's other hosts. */
static bool may_begin(const struct quorum *q, const char **why)
{
	const struct manifest *m = &q->d.manifest;

	*why = "waits for the run's other hosts";
	if (!q->mine.fit || !(idset_has(&m->hosts, q->self) || may_come_along(q)) ||
		quorum_last(q).run == m->run ||
		quorum_count_of(q, is_ready_host) < idset_count(&m->hosts))
		return false;
	*why = "waits until nobody waits for it any more";
	if (quorum_beginner(q) == q->self && quorum_count_of(q, another_runs))
		return false;
	*why = "held: stores that may hold acknowledged writes are missing";
	if (!quorum_has_data_host(q) || !quorum_accounted(q, quorum_is_covered))
		return false;
	*why = "waits until older runs are over for sure";
	return older_runs_over(q);
}

/* All that have come, and itself: not everybody knows yet where a newcomer is. */
static void all_ids(const struct quorum *q, struct idset *s)
{
	const struct manifest *m = &q->d.manifest;

	*s = (struct idset){0};
	for (unsigned i = 0; i < m->n; i++) {
		if (m->member[i].incarnation || m->member[i].id == q->self)
			idset_add(s, m->member[i].id);
	}
}

static bool could_come(const struct quorum *q, unsigned id)
{
	return quorum_is_lost(q, id) && quorum_near(q, id, QUORUM_PRESENT_MS) &&
	       quorum_said(q, id)->fit;
}

static bool is_first_to_come(const struct quorum *q, unsigned id)
{
	const struct manifest *m = &q->d.manifest;
	unsigned i = 0;

	while (i < m->n && !could_come(q, m->member[i].id))
		i++;
	return i < m->n && m->member[i].id == id;
}

/*
 * Where one node is to become two, the newcomer copies the store of the master that leads before it
 * has a vote (why_die ends it). Only there: Neo4j counts it as a member, and of more than two it
 * wants a majority, which would hang on this one.
 */
static bool may_learn(const struct quorum *q)
{
	return is_first_to_come(q, q->self) && manifest_majority(&q->d.manifest) == 1 &&
	       quorum_may_come(q, q->self) && quorum_count_of(q, quorum_is_leading);
}

/*
 * One given up that comes back is taken for emptied: its store may be as long as the master's. Also
 * when it has its vote again before it starts.
 */
static bool is_stale(const struct quorum *q)
{
	return !quorum_is_arbiter(q) && q->mine.whole && !q->d.basis.term && quorum_last(q).term;
}

void quorum_forget_store(struct quorum *q)
{
	q->d.basis = q->mine.basis = (struct mastership){0};
	q->dirty = true;
}

void quorum_decide_start(struct quorum *q, bool fit, struct verdict *v)
{
	const char *why = begins_untold(q) ? "waits for the master to tell how much it has"
					   : "waits for a master that holds all";

	bool may = quorum_votes(q, q->self) || may_learn(q);
	if (!may && !v->why[0] && manifest_member(&q->d.manifest, q->self))
		v->why = "waits for its vote";
	if (!fit || !may || !q->lease)
		return;
	/* The one that begins does so with nobody in its list, also after an end of its Neo4j. */
	bool begins = quorum_beginner(q) == q->self && !quorum_count_of(q, quorum_has_as_much);
	if (!begins && may_join(q, &v->aside)) {
		all_ids(q, &v->hosts);
		v->aside |= quorum_is_spare(q) || is_stale(q);
	} else if (quorum_count_of(q, quorum_joined) == 0 && may_begin(q, &why)) {
		v->hosts = q->d.manifest.hosts;
		v->aside = quorum_astray(q, q->self);
	} else {
		v->why = v->why[0] ? v->why : why;
		v->aside = false;
		return;
	}
	if (v->aside)
		quorum_forget_store(q);
	v->neo4j = NEO4J_START;
	v->run = q->d.manifest.run;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the next manifest is needed, what it should say, and its way through the decree. */
#include <string.h>
#include "quorum_private.h"

/*
 * A reason for a new manifest, the first that holds. wish fills it from the members' words, or
 * says why it cannot be; until then nothing is proposed.
 */
struct reason {
	bool (*holds)(const struct quorum *q);
	/* absent members are waited for that long */
	int64_t patience_ms;
	bool (*wish)(const struct quorum *q, struct manifest *m, const char **why);
};

static bool here(const struct quorum *q, unsigned id)
{
	return quorum_near(q, id, QUORUM_PRESENT_MS) &&
	       quorum_said(q, id)->epoch == q->d.manifest.epoch;
}

static bool voter_here(const struct quorum *q, unsigned id)
{
	return here(q, id) && quorum_votes(q, id);
}

static bool all_here(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);

	for (unsigned i = 0; i < m->n; i++) {
		if (!here(q, m->member[i].id) || !quorum_said(q, m->member[i].id)->fit)
			return false;
	}
	return true;
}

static bool enough_here(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++)
		n += voter_here(q, m->member[i].id);
	return n >= quorum_needed(q);
}

static uint64_t incarnation(const struct quorum *q, unsigned id)
{
	return quorum_said(q, id)->incarnation;
}

/* --- the first manifest: all expected are here and were built with the same list */

static bool is_first(const struct quorum *q)
{
	return q->d.manifest.epoch == 0;
}

static bool wish_first(const struct quorum *q, struct manifest *m, const char **why)
{
	*m = q->expected;
	m->epoch = m->run = 1;
	for (unsigned i = 0; i < m->n; i++) {
		struct manifest_member *k = &m->member[i];
		*why = "waits for all members, as it is the first time";
		if (!here(q, k->id) || !quorum_said(q, k->id)->fit)
			return false;
		*why = "a member was built with another list of members";
		if (quorum_said(q, k->id)->expected != manifest_digest(&q->expected))
			return false;
		k->incarnation = incarnation(q, k->id);
		idset_add(&m->hosts, k->id);
	}
	return true;
}

/* --- a member that lost p3 gets its vote back */

static bool has_forgetful(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		if (here(q, m->member[i].id) && !quorum_votes(q, m->member[i].id))
			return true;
	}
	return false;
}

static bool wish_readmitted(const struct quorum *q, struct manifest *m, const char **why)
{
	(void)why;
	*m = q->d.manifest;
	m->epoch++;
	for (unsigned i = 0; i < m->n; i++) {
		if (here(q, m->member[i].id))
			m->member[i].incarnation = incarnation(q, m->member[i].id);
	}
	return true;
}

/* --- a new run: no Neo4j has formed, and this manifest's hosts cannot begin */

static bool any_formed(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		if (quorum_near(q, m->member[i].id, QUORUM_PRESENT_MS) &&
			quorum_said(q, m->member[i].id)->formed)
			return true;
	}
	return false;
}

static bool hosts_here(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->member[i].id;
		if (idset_has(&m->hosts, id) &&
			!(here(q, id) && quorum_said(q, id)->fit && quorum_whole(q, id)))
			return false;
	}
	return true;
}

static bool needs_run(const struct quorum *q)
{
	return !any_formed(q) && (quorum_last(q).run == q->d.manifest.run || !hosts_here(q));
}

static bool is_candidate(const struct quorum *q, unsigned id)
{
	return voter_here(q, id) && quorum_said(q, id)->fit && quorum_whole(q, id);
}

/* Would Neo4j elect it before the last master, though its store may lack what that one took? */
static bool is_ahead_and_wrong(const struct quorum *q, unsigned id, const struct mastership *last)
{
	const struct word *w = quorum_said(q, id), *master = quorum_said(q, last->id);

	if (!last->term || (w->basis.term == last->term && w->basis.id == last->id))
		return false;
	if (w->last_tx == master->last_tx && w->tx_sum == master->tx_sum && w->tx_sum)
		return false;
	return w->last_tx >= master->last_tx;
}

static bool wish_run(const struct quorum *q, struct manifest *m, const char **why)
{
	struct mastership last = quorum_last(q);

	*m = q->d.manifest;
	m->run = ++m->epoch;
	m->hosts = (struct idset){0};
	*why = "held: the last master is missing, or its store is";
	if (last.term && !is_candidate(q, last.id))
		return false;
	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->member[i].id;
		if (is_candidate(q, id) && !is_ahead_and_wrong(q, id, &last))
			idset_add(&m->hosts, id);
	}
	*why = "held: whole stores of a majority are missing";
	return idset_count(&m->hosts) >= manifest_majority(m);
}

static const struct reason reasons[] = {
	{is_first, 0, wish_first},
	{has_forgetful, 0, wish_readmitted},
	{needs_run, QUORUM_GRACE_MS, wish_run},
};

static const struct reason *find_reason(const struct quorum *q)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].holds(q))
			return &reasons[i];
	}
	return NULL;
}

/* Lower ids go first: so there is hardly ever more than one proposer. */
static int64_t head_start_ms(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	int64_t ms = 0;

	for (unsigned i = 0; i < m->n && m->member[i].id < q->self; i++)
		ms += voter_here(q, m->member[i].id) ? QUORUM_RANK_MS : 0;
	return ms;
}

static void vote_for_self(struct quorum *q)
{
	struct proposer *p = &q->proposer;

	if (p->phase == DECREE_PREPARE) {
		acceptor_promise(&q->d.acceptor, p->ballot);
		proposer_promised(p, q->self, q->d.acceptor.accepted, &q->d.acceptor.value);
	} else {
		acceptor_accept(&q->d.acceptor, p->ballot, &p->value);
		if (q->d.acceptor.accepted == p->ballot)
			idset_add(&p->yes, q->self);
	}
	q->dirty = true;
}

void quorum_propose(struct quorum *q, const char **why)
{
	const struct reason *r = find_reason(q);
	struct manifest wish;

	if (!r || !enough_here(q) || !quorum_votes(q, q->self)) {
		if (r)
			*why = is_first(q) ? "waits for all members, as it is the first time"
					   : "waits for a majority of the members";
		q->quiet_ms = -1;
		return;
	}
	if (q->quiet_ms < 0)
		q->quiet_ms = q->now_ms;
	if (q->proposer.phase != DECREE_IDLE || q->now_ms < q->retry_ms)
		return;
	*why = "waits for absent members";
	int64_t patience = all_here(q) ? 0 : r->patience_ms;
	if (q->now_ms - q->quiet_ms < patience + head_start_ms(q) || !r->wish(q, &wish, why))
		return;
	*why = "";
	ballot_t above = q->d.acceptor.promised;
	if (q->proposer.ballot > above)
		above = q->proposer.ballot;
	proposer_prepare(&q->proposer, ballot_above(above, q->self));
	vote_for_self(q);
	q->retry_ms = q->now_ms + 4 * QUORUM_RANK_MS;
	quorum_count(q);
}

static void give_up(struct quorum *q)
{
	q->proposer.phase = DECREE_IDLE;
	q->retry_ms = q->now_ms + QUORUM_RANK_MS;
}

static void try_to_propose(struct quorum *q)
{
	const struct reason *r = find_reason(q);
	struct manifest wish;
	const char *why;
	bool wanted = r && r->wish(q, &wish, &why);

	if (!proposer_propose(&q->proposer, wanted ? &wish : NULL))
		give_up(q);
	else
		vote_for_self(q);
}

void quorum_count(struct quorum *q)
{
	struct proposer *p = &q->proposer;

	if (p->phase == DECREE_PREPARE && idset_count(&p->yes) >= quorum_needed(q))
		try_to_propose(q);
	if (p->phase == DECREE_ACCEPT && idset_count(&p->yes) >= quorum_needed(q)) {
		struct manifest decided = p->value;
		quorum_adopt(q, &decided);
	} else if (p->phase != DECREE_IDLE && q->now_ms >= q->retry_ms) {
		give_up(q);
	}
}

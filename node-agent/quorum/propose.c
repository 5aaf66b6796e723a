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

bool quorum_here(const struct quorum *q, unsigned id)
{
	return quorum_near(q, id, QUORUM_PRESENT_MS) &&
	       quorum_said(q, id)->epoch == q->d.manifest.epoch;
}

bool quorum_voter_here(const struct quorum *q, unsigned id)
{
	return quorum_here(q, id) && quorum_votes(q, id);
}

static bool is_given_up(const struct quorum *q, unsigned id)
{
	return idset_has(&q->give_up, id) || quorum_is_lost(q, id);
}

static bool all_here(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);

	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->member[i].id;
		if (!is_given_up(q, id) && !(quorum_here(q, id) && quorum_said(q, id)->fit))
			return false;
	}
	return true;
}

/* Members, but for those to be given up, that pass the test. */
static struct idset rest_of(const struct quorum *q, member_test *test)
{
	const struct manifest *m = quorum_members(q);
	struct idset s = {0};

	for (unsigned i = 0; i < m->n; i++) {
		if (!is_given_up(q, m->member[i].id) && test(q, m->member[i].id))
			idset_add(&s, m->member[i].id);
	}
	return s;
}

static bool always(const struct quorum *q, unsigned id)
{
	(void)q;
	(void)id;
	return true;
}

/*
 * Will it not tell what it may have decided? A new card has forgotten it. One that a person just
 * gave up may know it, and come back all the same.
 */
static bool is_silent(const struct quorum *q, unsigned id)
{
	return !quorum_is_lost(q, id) && (is_given_up(q, id) || !quorum_voter_here(q, id));
}

/*
 * Everybody is here but for those given up, and the silent ones are too few to have decided
 * anything: the others know of every decree. With two members that is one of them.
 */
static bool others_know_all(const struct quorum *q)
{
	struct idset rest = rest_of(q, always), present = rest_of(q, quorum_here);

	return idset_equal(&present, &rest) &&
	       quorum_count_of(q, is_silent) < manifest_majority(&q->d.manifest);
}

/*
 * Is it all there is, on a new card? Nobody is left who could be asked or given up. Not while one
 * that the card was built with is away: that one may know of a later manifest.
 */
static bool is_reborn(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	if (m->n != 1 || m->member[0].id != q->self || quorum_votes(q, q->self))
		return false;
	for (unsigned i = 0; i < q->expected.n; i++) {
		if (!quorum_here(q, q->expected.member[i].id))
			return false;
	}
	return true;
}

/*
 * Is this node the only one that is not given up? Then a person's word makes up for the vote that
 * a new card has not. Without one it waits: it may have decided what nobody else knows.
 */
static bool is_alone(const struct quorum *q)
{
	struct idset rest = rest_of(q, always);

	return q->d.manifest.epoch && idset_count(&rest) == 1 && idset_has(&rest, q->self) &&
	       (quorum_votes(q, q->self) || idset_count(&q->give_up) || is_reborn(q));
}

/*
 * Are these enough to decide? A majority of the voters; all others, where they know all. The first
 * time, and where a person says that so many cards are lost that no majority can be had, all that
 * are left.
 */
static bool is_enough(const struct quorum *q, const struct idset *voters)
{
	struct idset rest = rest_of(q, always);

	if (q->d.manifest.epoch && idset_count(&rest) >= manifest_majority(&q->d.manifest)) {
		if (idset_count(voters) >= manifest_majority(&q->d.manifest))
			return true;
		if (!others_know_all(q))
			return false;
		rest = rest_of(q, quorum_voter_here);
	}
	return idset_within(&rest, voters);
}

static struct idset voters_here(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	struct idset s = {0};

	for (unsigned i = 0; i < m->n; i++) {
		if (quorum_voter_here(q, m->member[i].id) ||
			(m->member[i].id == q->self && is_alone(q)))
			idset_add(&s, m->member[i].id);
	}
	return s;
}

static bool enough_here(const struct quorum *q)
{
	struct idset s = voters_here(q);

	return is_enough(q, &s);
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
		if (is_given_up(q, k->id))
			continue;
		*why = "waits for all members, as it is the first time";
		if (!quorum_here(q, k->id) || !quorum_said(q, k->id)->fit)
			return false;
		*why = "a member was built with another list of members";
		if (quorum_said(q, k->id)->expected != q->expected_digest)
			return false;
		k->incarnation = incarnation(q, k->id);
		idset_add(&m->hosts, k->id);
	}
	return true;
}

/* --- a card is given up for lost, by a person's word */

static bool has_given_up(const struct quorum *q)
{
	return idset_count(&q->give_up) > 0 || is_reborn(q);
}

/* Ahead of whatever a majority that is not lost after all may decide in the meantime. */
#define EPOCHS_AHEAD 1000000

/*
 * One at a time where a majority is left: of two at once the others, if they are not lost after
 * all, and a voter that has not heard of it yet might be a majority as before.
 */
static bool wish_given_up(const struct quorum *q, struct manifest *m, const char **why)
{
	struct idset rest = rest_of(q, always);
	bool majority =
		quorum_votes(q, q->self) && idset_count(&rest) >= manifest_majority(&q->d.manifest);
	unsigned gone = 0;

	(void)why;
	*m = q->d.manifest;
	m->epoch += majority ? 1 : EPOCHS_AHEAD;
	for (unsigned i = 0; i < m->n; i++) {
		struct manifest_member *k = &m->member[i];
		if (idset_has(&q->give_up, k->id) && !(majority && gone)) {
			k->incarnation = 0;
			idset_remove(&m->hosts, k->id);
			gone++;
		}
		/* The only one that is left: its store is what the cluster goes on from. */
		if (k->id == q->self && is_alone(q))
			k->incarnation = q->d.incarnation;
		if (!k->incarnation || idset_count(&rest) == 1)
			k->readmitted = false;
	}
	manifest_note_change(m, &q->d.manifest);
	return true;
}

static int check_given_up(const struct quorum *q, const struct idset *ids, struct err *e)
{
	const struct manifest *m = quorum_members(q);
	unsigned known = 0, data = 0;

	if (idset_has(ids, q->self))
		return err_set(e, "a node does not give itself up; ask one that is left");
	for (unsigned i = 0; i < m->n; i++) {
		const struct manifest_member *k = &m->member[i];
		known += idset_has(ids, k->id);
		data += k->role == MANIFEST_DATA && !idset_has(ids, k->id) &&
			!is_given_up(q, k->id);
	}
	if (known < idset_count(ids))
		return err_set(e, "not all of them are voters of this cluster");
	return data ? 0 : err_set(e, "no data node would be left");
}

int quorum_accept_loss(struct quorum *q, const struct idset *ids, struct err *e)
{
	struct idset before = q->give_up;

	if (!q->d.manifest.epoch)
		return err_set(e, "no cluster was ever formed; it may be formed without a node");
	if (quorum_any_formed(q))
		return err_set(e, "a cluster is there, nothing has to be given up for it");
	if (check_given_up(q, ids, e) < 0)
		return -1;
	idset_add_all(&q->give_up, ids);
	if (quorum_votes(q, q->self) || is_alone(q))
		return 0;
	q->give_up = before;
	return err_set(e, "this node's card is new and has no vote; all others must be given up");
}

int quorum_form_without(struct quorum *q, const struct idset *ids, struct err *e)
{
	struct idset before = q->give_up;

	if (q->d.manifest.epoch)
		return err_set(e, "the cluster was formed already");
	if (check_given_up(q, ids, e) < 0)
		return -1;
	idset_add_all(&q->give_up, ids);
	struct idset rest = rest_of(q, always);
	if (idset_count(&rest) >= manifest_majority(&q->expected))
		return 0;
	q->give_up = before;
	return err_set(e, "only %u of %u voters would be left, which is no majority",
		idset_count(&rest), q->expected.n);
}

/* --- a member that lost p3 gets its vote back */

/*
 * With a new voter more are a majority: those who follow the master must be one all the same, or
 * nothing is written until it does. Where there is one voter it takes the new one for that, which
 * copies the store first (may_learn).
 */
static bool spares_master(const struct quorum *q, unsigned id)
{
	struct manifest m = q->d.manifest;

	for (unsigned i = 0; i < m.n; i++) {
		if (m.member[i].id == id)
			m.member[i].incarnation = incarnation(q, id);
	}
	return quorum_majority_led(q, &m);
}

/* A new voter makes another majority: one at a time, and none while the last one is so new. */
static bool may_vote(const struct quorum *q, unsigned id)
{
	if (!quorum_here(q, id) || quorum_votes(q, id) || !quorum_may_come(q, id))
		return false;
	return !quorum_is_lost(q, id) || (!q->d.manifest.was_majority && spares_master(q, id));
}

static bool has_forgetful(const struct quorum *q)
{
	return quorum_count_of(q, may_vote) > 0;
}

static bool wish_readmitted(const struct quorum *q, struct manifest *m, const char **why)
{
	bool grown = false;

	(void)why;
	*m = q->d.manifest;
	m->epoch++;
	for (unsigned i = 0; i < m->n; i++) {
		struct manifest_member *k = &m->member[i];
		bool new = !k->incarnation;
		if (!may_vote(q, k->id) || (new &&grown))
			continue;
		grown |= new;
		/* What a lost card held nobody waits for any more. */
		k->readmitted = !new;
		k->incarnation = incarnation(q, k->id);
	}
	manifest_note_change(m, &q->d.manifest);
	return true;
}

/* --- the voters have changed, and a majority of them follows a master */

static bool has_settled(const struct quorum *q)
{
	return q->d.manifest.was_majority && quorum_majority_pulled(q, &q->d.manifest, 0);
}

static bool wish_settled(const struct quorum *q, struct manifest *m, const char **why)
{
	(void)why;
	*m = q->d.manifest;
	m->epoch++;
	m->was_majority = m->was_data_majority = 0;
	for (unsigned i = 0; i < m->n; i++)
		m->member[i].newcomer = false;
	return true;
}

/* --- a new run: no Neo4j has formed, and this manifest's hosts cannot begin */

bool quorum_any_formed(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		if (quorum_near(q, m->member[i].id, QUORUM_PRESENT_MS) &&
			quorum_said(q, m->member[i].id)->formed)
			return true;
	}
	return false;
}

static bool is_candidate(const struct quorum *q, unsigned id)
{
	return quorum_voter_here(q, id) && quorum_said(q, id)->fit && quorum_whole(q, id);
}

/* Of a list with a store that does not count the first Neo4j up would be master all the same. */
static bool hosts_here(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->member[i].id;
		if (idset_has(&m->hosts, id) && !is_candidate(q, id))
			return false;
	}
	return true;
}

/* Its store follows the last master; at first nobody's does, and all are alike. */
static bool is_holder(const struct quorum *q, unsigned id)
{
	return is_candidate(q, id) && !quorum_astray(q, id);
}

/*
 * A store that counts and may be longer than that of the one that begins: its Neo4j does not start
 * below that one (may_join). With more than the last master has it cannot be.
 */
static bool has_longer(const struct quorum *q, unsigned id)
{
	unsigned beginner = quorum_beginner(q);

	return beginner && beginner != quorum_last(q).id && is_holder(q, id) &&
	       manifest_member(&q->d.manifest, id)->role == MANIFEST_DATA &&
	       !quorum_is_covered(q, id);
}

/* Decided when nobody who was there knew that there had been a master. */
static bool begins_wrong(const struct quorum *q)
{
	return QUORUM_BEGINS_ALONE && quorum_last(q).term && idset_count(&q->d.manifest.hosts) > 1;
}

static bool needs_run(const struct quorum *q)
{
	return !quorum_any_formed(q) &&
	       (!quorum_has_data_host(q) || begins_wrong(q) ||
		       quorum_last(q).run == q->d.manifest.run || !hosts_here(q) ||
		       !quorum_accounted(q, quorum_is_covered) || quorum_count_of(q, has_longer));
}

static bool is_able(const struct quorum *q, unsigned id)
{
	return quorum_voter_here(q, id) && quorum_said(q, id)->fit;
}

/*
 * One alone: whoever enters where a master is available loses what that one has not (Neo4j 3.5 lets
 * it be no candidate any more). The last master, where it is here: nobody has more, and the others
 * start with it and join it (may_come_along). Else the one with the longest store that follows it;
 * none with more joins that one (may_join). The very first time all.
 */
static bool wish_run(const struct quorum *q, struct manifest *m, const char **why)
{
	unsigned able = 0;
	unsigned beginner = QUORUM_BEGINS_ALONE ? quorum_most(q, is_candidate) : 0;
	bool data = false;

	*m = q->d.manifest;
	m->run = ++m->epoch;
	m->hosts = (struct idset){0};
	*why = "held: stores that may hold acknowledged writes are missing";
	if (!quorum_accounted(q, is_candidate))
		return false;
	for (unsigned i = 0; i < m->n; i++) {
		const struct manifest_member *k = &m->member[i];
		able += is_able(q, k->id);
		if (!is_holder(q, k->id) || (beginner && k->id != beginner))
			continue;
		idset_add(&m->hosts, k->id);
		data |= k->role == MANIFEST_DATA;
	}
	if (!data)
		return false;
	*why = "waits for a majority of the members";
	return able >= manifest_majority(m);
}

static const struct reason reasons[] = {
	{is_first, 0, wish_first},
	{has_given_up, 0, wish_given_up},
	{quorum_has_failed, 0, quorum_wish_withdrawn},
	{quorum_has_offer, 0, quorum_wish_offer},
	{has_forgetful, 0, wish_readmitted},
	{has_settled, 0, wish_settled},
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
		ms += quorum_voter_here(q, m->member[i].id) ? QUORUM_RANK_MS : 0;
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

static bool not_voter_here(const struct quorum *q, unsigned id)
{
	return !quorum_voter_here(q, id);
}

/* What somebody has to know who may have to give them up. */
static struct idset missing(const struct quorum *q)
{
	if (!enough_here(q))
		return rest_of(q, not_voter_here);
	if (q->d.manifest.epoch && !quorum_accounted(q, is_candidate))
		return quorum_elsewhere(q, is_candidate);
	return (struct idset){0};
}

static unsigned all_voters(const struct quorum *q)
{
	struct idset rest = rest_of(q, always);

	return idset_count(&rest);
}

/* Whatever epoch it has: while one is decided not all have the same. */
static bool is_near(const struct quorum *q, unsigned id)
{
	return quorum_near(q, id, QUORUM_PRESENT_MS) && quorum_votes(q, id);
}

/*
 * Since when a majority has been there without those that are away now. Whatever ran meanwhile:
 * who was waited for once is not waited for again.
 */
static int64_t away_since(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	int64_t since = q->gathered_ms;

	for (unsigned i = 0; i < m->n; i++) {
		const struct seat *s = &q->seat[m->member[i].id];
		if (not_voter_here(q, m->member[i].id) && s->heard_ms >= 0 && s->seen_ms > since)
			since = s->seen_ms;
	}
	return since < q->quiet_ms ? since : q->quiet_ms;
}

/* Has everybody that is not there, or not fit, had the time to be? */
static bool has_waited(const struct quorum *q, int64_t patience_ms)
{
	unsigned here = quorum_count_of(q, quorum_voter_here);
	int64_t unfit_ms = patience_ms < QUORUM_UNFIT_MS ? patience_ms : QUORUM_UNFIT_MS;

	if (all_here(q))
		return true;
	if (quorum_count_of(q, is_able) < here && q->now_ms - q->quiet_ms < unfit_ms)
		return false;
	return here == all_voters(q) || q->now_ms - away_since(q) >= patience_ms;
}

void quorum_propose(struct quorum *q, struct verdict *v)
{
	const struct reason *r = find_reason(q);
	const char **why = &v->why;
	struct manifest wish;

	if (r)
		v->missing = missing(q);
	bool enough = enough_here(q);
	quorum_note_since(q, quorum_majority_of(q, is_near), &q->gathered_ms);
	if (!r || !enough || !(quorum_votes(q, q->self) || is_alone(q))) {
		if (r)
			*why = is_first(q) ? "waits for all members, as it is the first time"
			       : enough    ? "waits for its vote"
					   : "waits for a majority of the members";
		q->quiet_ms = -1;
		return;
	}
	if (q->quiet_ms < 0)
		q->quiet_ms = q->now_ms;
	if (q->proposer.phase != DECREE_IDLE || q->now_ms < q->retry_ms)
		return;
	*why = "waits for absent members";
	if (q->now_ms - q->quiet_ms < head_start_ms(q) || !has_waited(q, r->patience_ms) ||
		!r->wish(q, &wish, why))
		return;
	*why = "";
	ballot_t above = q->d.acceptor.promised;
	if (q->proposer.ballot > above)
		above = q->proposer.ballot;
	proposer_prepare(&q->proposer, ballot_above(above, q->self));
	vote_for_self(q);
	q->retry_ms = q->now_ms + 4 * QUORUM_RANK_MS;
	quorum_conclude(q);
}

static void give_up(struct quorum *q)
{
	q->proposer.phase = DECREE_IDLE;
	q->retry_ms = q->now_ms + QUORUM_RANK_MS;
}

/* It has accepted that it is removed, and all who could decide that are lost. */
static bool is_last_left(const struct quorum *q)
{
	return q->proposer.best && is_alone(q) && !manifest_member(&q->proposer.value, q->self);
}

static void try_to_propose(struct quorum *q)
{
	const struct reason *r = find_reason(q);
	struct manifest wish;
	const char *why;
	bool wanted = r && r->wish(q, &wish, &why);

	if (wanted && is_last_left(q))
		q->proposer.best = 0;
	if (!proposer_propose(&q->proposer, wanted ? &wish : NULL)) {
		give_up(q);
	} else if (!manifest_member(&q->proposer.value, q->self)) {
		/* One that is to go leaves it to the others, as in quorum_wish_offer. */
		give_up(q);
		q->retry_ms = q->now_ms + QUORUM_GRACE_MS;
	} else {
		vote_for_self(q);
	}
}

void quorum_conclude(struct quorum *q)
{
	struct proposer *p = &q->proposer;

	if (p->phase == DECREE_PREPARE && is_enough(q, &p->yes))
		try_to_propose(q);
	if (p->phase == DECREE_ACCEPT && is_enough(q, &p->yes)) {
		struct manifest decided = p->value;
		quorum_adopt(q, &decided);
	} else if (p->phase != DECREE_IDLE && q->now_ms >= q->retry_ms) {
		give_up(q);
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is heard, what is told, the lease, and what follows for this node's Neo4j. */
#include <string.h>
#include "quorum_private.h"

void quorum_begin(struct quorum *q, unsigned self, const struct manifest *expected,
	const struct durable *d, int64_t now_ms)
{
	*q = (struct quorum){.self = self,
		.expected = *expected,
		.expected_digest = manifest_digest(expected),
		.d = *d,
		.now_ms = now_ms,
		.led_ms = now_ms,
		.leading_ms = now_ms,
		.lag_ms = now_ms,
		.patience_ms = QUORUM_WEDGE_MS,
		.learned_ms = now_ms,
		.quiet_ms = -1,
		.gathered_ms = -1,
		.overruled_ms = -1,
		.rival_ms = -1,
		.outdone_ms = -1,
		.needed_ms = -1,
		.hollow_ms = -1,
		.slave_ms = -1,
		.stepped_ms = -1,
		.ran = d->manifest.run,
		.ran_ms = now_ms};
	for (size_t i = 0; i <= MANIFEST_MAX; i++)
		q->seat[i] = (struct seat){.heard_ms = -1,
			.seen_ms = now_ms,
			.slave_ms = -1,
			.mark_ms = -1,
			.pulled_ms = -1,
			.rest_ms = -1};
}

static bool is_voter(const struct quorum *q, unsigned id)
{
	return !quorum_is_lost(q, id);
}

/*
 * A card given up for lost forgets all: nobody reckons with it. If this is the only one left, what
 * it may have seen besides its own store counts no more, nor what a store was to become that is
 * half a copy: there is no other.
 */
static void forget(struct quorum *q)
{
	if (quorum_is_lost(q, q->self))
		q->d.granted = q->d.basis = (struct mastership){0};
	else if (quorum_count_of(q, is_voter) > 1 || q->d.manifest.n == 1)
		return;
	else if (!q->mine.whole)
		q->d.basis = (struct mastership){0};
	q->d.followed = q->d.touched = q->d.basis;
}

void quorum_adopt(struct quorum *q, const struct manifest *m)
{
	if (m->run != q->d.manifest.run) {
		q->learned_ms = q->now_ms;
		q->lease_ms = 0;
	}
	q->d.manifest = *m;
	q->d.acceptor = (struct acceptor){0};
	q->proposer = (struct proposer){0};
	for (unsigned id = 1; id <= MANIFEST_MAX; id++) {
		const struct manifest_member *k = manifest_member(m, id);
		if (!k || !k->incarnation)
			idset_remove(&q->give_up, id);
	}
	q->quiet_ms = -1;
	if (idset_count(&q->give_up))
		q->retry_ms = 0;
	q->dirty = true;
	forget(q);
}

/* What a voter of this epoch said is a request to our acceptor, and an answer to our proposal. */
static void hear_vote(
	struct quorum *q, unsigned id, const struct word *w, const struct manifest *value)
{
	struct proposer *p = &q->proposer;

	if (quorum_votes(q, q->self)) {
		if (w->phase == DECREE_PREPARE && acceptor_promise(&q->d.acceptor, w->ballot)) {
			q->dirty = true;
			/* Two who overtake each other would never end: leave this one its time. */
			q->retry_ms = q->now_ms + 3 * QUORUM_RANK_MS + q->self * 300;
		}
		if (w->part == WORD_PROPOSED && value)
			q->dirty |= acceptor_accept(&q->d.acceptor, w->ballot, value);
	}
	if (p->phase == DECREE_PREPARE && w->promised == p->ballot &&
		(!w->accepted || (w->part == WORD_ACCEPTED && value)))
		proposer_promised(p, id, w->accepted, value);
	if (p->phase == DECREE_ACCEPT && w->accepted == p->ballot)
		idset_add(&p->yes, id);
	if (p->phase != DECREE_IDLE && w->promised > p->ballot)
		p->phase = DECREE_IDLE;
}

void quorum_seen(struct quorum *q, unsigned id, int64_t now_ms)
{
	q->seat[id].seen_ms = now_ms;
}

void quorum_hear(struct quorum *q, unsigned id, const struct word *w, const struct manifest *value,
	int64_t proven_ms)
{
	if (id == 0 || id > MANIFEST_MAX || id == q->self || proven_ms < q->seat[id].heard_ms)
		return;
	q->seat[id].heard_ms = proven_ms;
	q->seat[id].word = *w;
	if (w->part == WORD_MANIFEST && value && value->epoch > q->d.manifest.epoch)
		quorum_adopt(q, value);
	if (w->epoch == q->d.manifest.epoch && quorum_votes(q, id))
		hear_vote(q, id, w, value);
}

void quorum_word(const struct quorum *q, unsigned to, struct word *w, const struct manifest **value)
{
	const struct acceptor *a = &q->d.acceptor;

	*w = q->mine;
	*value = NULL;
	if (q->seat[to].heard_ms >= 0 && q->seat[to].word.epoch < q->d.manifest.epoch) {
		w->part = WORD_MANIFEST;
		*value = &q->d.manifest;
	} else if (a->accepted && ballot_proposer(a->promised) == to) {
		w->part = WORD_ACCEPTED;
		*value = &a->value;
	} else if (q->proposer.phase == DECREE_ACCEPT) {
		w->part = WORD_PROPOSED;
		*value = &q->proposer.value;
	}
}

/* How far the master is that id has granted, or else id. */
static uint64_t tx_below(const struct quorum *q, unsigned id)
{
	unsigned master = quorum_said(q, id)->granted.id;

	return quorum_said(q, quorum_in_run(q, master, QUORUM_PRESENT_MS) ? master : id)->last_tx;
}

bool quorum_others_follow_later(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	if (mastership_equal(&q->d.basis, &q->claim) && quorum_majority_of(q, quorum_follows_me))
		return false;
	for (unsigned i = 0; i < m->n; i++) {
		const struct word *w = quorum_said(q, m->member[i].id);
		if (quorum_in_run(q, m->member[i].id, QUORUM_PRESENT_MS) &&
			w->granted.id != q->self && w->bound &&
			!quorum_is_slave_of(q, q->self, w->granted.id) &&
			mastership_later(&w->granted, &q->d.basis) &&
			tx_below(q, m->member[i].id) < q->mine.last_tx)
			return true;
	}
	return false;
}

static bool is_other_master(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	return id != q->self && quorum_is_master(q, id) &&
	       !mastership_equal(&w->claim, &q->d.basis) && id != quorum_last(q).id;
}

bool quorum_lacks_mine(const struct quorum *q, unsigned id)
{
	return is_other_master(q, id) && quorum_said(q, id)->last_tx < q->mine.last_tx;
}

/*
 * Hangs, and the others have elected one with less. Nobody may have granted that one yet; but when
 * it wakes, this Neo4j itself will throw away what that one lacks.
 */
static bool would_wake_below(const struct quorum *q)
{
	unsigned leader = quorum_leader(q);

	return q->formed && q->mine.role == NEO4J_DOWN && quorum_count_of(q, quorum_lacks_mine) &&
	       !(leader && mastership_equal(quorum_claim_of(q, leader), &q->d.basis));
}

void quorum_note_since(const struct quorum *q, bool is, int64_t *since_ms)
{
	if (!is)
		*since_ms = -1;
	else if (*since_ms < 0)
		*since_ms = q->now_ms;
}

static void watch_overruled(struct quorum *q)
{
	bool is = q->mine.neo4j_run && (quorum_others_follow_later(q) || would_wake_below(q));

	quorum_note_since(q, is, &q->overruled_ms);
}

static int64_t overruled_after(const struct quorum *q)
{
	bool member = q->mine.role == NEO4J_MASTER || q->mine.role == NEO4J_SLAVE;

	return q->formed && !member ? QUORUM_OVERRULED_MS : 0;
}

static bool is_overruled(const struct quorum *q)
{
	return q->overruled_ms >= 0 && q->now_ms - q->overruled_ms >= overruled_after(q);
}

/* Of two masters only one leads: the other one missed an election, and may never hear of it. */
static void watch_rival(struct quorum *q)
{
	unsigned leader = quorum_leader(q);

	quorum_note_since(
		q, q->mine.role == NEO4J_MASTER && leader && leader != q->self, &q->rival_ms);
}

static bool is_rival(const struct quorum *q)
{
	return q->rival_ms >= 0 && q->now_ms - q->rival_ms >= QUORUM_OVERRULED_MS;
}

static bool outdoes_me(const struct quorum *q, unsigned id)
{
	return quorum_joined(q, id) && quorum_said(q, id)->last_tx > q->mine.last_tx;
}

/*
 * Started to come up below a master that is gone since, with a store that may be elected instead:
 * of two that are even in length Neo4j elects any. The next start puts it aside (may_join).
 */
static bool is_orphan(const struct quorum *q)
{
	return !quorum_is_arbiter(q) && !q->formed && q->d.basis.term &&
	       quorum_behind(q, q->self) && quorum_astray(q, q->self) &&
	       quorum_count_of(q, quorum_joined) && !quorum_count_of(q, quorum_is_leading) &&
	       !quorum_count_of(q, outdoes_me);
}

/*
 * Elected, though there is nothing in its store that counts: another one may copy that at once. As
 * long as nobody is known to have followed a master, it is only that not all are heard.
 */
static bool is_hollow(const struct quorum *q)
{
	return q->hollow_ms >= 0 &&
	       q->now_ms - q->hollow_ms >= (quorum_last(q).term ? 0 : QUORUM_LEASE_MS);
}

static void watch_hollow(struct quorum *q)
{
	quorum_note_since(
		q, q->mine.role == NEO4J_MASTER && !quorum_whole(q, q->self), &q->hollow_ms);
}

/*
 * Elected where another one begins the run, and has more: as when it does not hear all of those it
 * joins.
 */
static bool is_intruder(const struct quorum *q)
{
	return q->mine.role == NEO4J_MASTER && q->mine.told && quorum_falls_short(q, q->self);
}

/* One with less than this Neo4j has told; or that has told nothing, where the last master has all.
 */
static bool cuts_off(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	if (!is_other_master(q, id))
		return false;
	return w->told ? quorum_falls_short(q, id) || w->last_tx < q->told_tx
		       : quorum_falls_short(q, id) && quorum_beginner(q) == quorum_last(q).id;
}

/*
 * Was master, the last one that counts or the one that begins, and another one was elected: as that
 * one's slave it would lose what that one has not.
 */
static bool is_ousted(const struct quorum *q)
{
	bool first = quorum_beginner(q) == q->self ||
		     (q->d.basis.id == q->self && !quorum_behind(q, q->self));

	return first && q->formed && q->mine.role != NEO4J_MASTER && q->mine.role != NEO4J_DOWN &&
	       quorum_count_of(q, cuts_off);
}

/*
 * Has yet to join, where one with less was elected whom nobody follows yet: entering there it would
 * be that one's slave at once. It would not be started now, either (may_join).
 */
static bool would_enter_below(const struct quorum *q)
{
	return !quorum_is_arbiter(q) && !q->formed && q->d.basis.term &&
	       !quorum_behind(q, q->self) && !quorum_astray(q, q->self) &&
	       quorum_count_of(q, quorum_lacks_mine) && !quorum_count_of(q, quorum_is_leading);
}

/* At rest, for it waits for a master that has as much (may_join). */
static bool waits_with_more(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	return id != q->self && quorum_in_run(q, id, QUORUM_PRESENT_MS) && quorum_votes(q, id) &&
	       w->whole && w->fit && !w->neo4j_run && !quorum_astray(q, id) &&
	       !mastership_equal(&w->basis, &q->claim) && w->last_tx > q->mine.last_tx &&
	       quorum_last(q).id != q->self;
}

static void watch_outdone(struct quorum *q)
{
	bool is = q->mine.role == NEO4J_MASTER && !quorum_leads(q, q->self) &&
		  quorum_count_of(q, waits_with_more);

	quorum_note_since(q, is, &q->outdone_ms);
}

/* No majority follows it, for so long as one may be bound by its grant to another one. */
static bool is_outdone(const struct quorum *q)
{
	return q->outdone_ms >= 0 && q->now_ms - q->outdone_ms >= QUORUM_OVERRULED_MS;
}

/*
 * The one that begins has ended, or is gone: when it begins again, it creates another cluster, and
 * whoever is in the one before would wait there for ever. Not where that one has a master with as
 * much.
 */
static bool is_left(const struct quorum *q)
{
	unsigned beginner = quorum_beginner(q);
	const struct seat *s = &q->seat[beginner];

	if (!beginner || beginner == q->self || quorum_count_of(q, quorum_has_as_much))
		return false;
	return q->now_ms - s->seen_ms >= QUORUM_LEASE_MS ||
	       (quorum_in_run(q, beginner, QUORUM_PRESENT_MS) &&
		       s->word.neo4j_run != q->d.manifest.run);
}

/* Or going, or hanging: who stops in order runs for up to a minute without a word. */
static bool is_coming(const struct quorum *q, unsigned id)
{
	return quorum_runs(q, id) &&
	       (!quorum_said(q, id)->formed || quorum_said(q, id)->role == NEO4J_DOWN);
}

static bool copies(const struct quorum *q, unsigned id)
{
	return quorum_runs(q, id) && quorum_said(q, id)->copies;
}

static int64_t patience(const struct quorum *q)
{
	if (!q->elected)
		return q->patience_ms;
	return q->settled && !quorum_count_of(q, is_coming) ? QUORUM_REELECT_MS : QUORUM_WEDGE_MS;
}

/* It is over only with the process; if there was no election the next one gets more time for it. */
static void watch_wedge(struct quorum *q)
{
	bool led = quorum_count_of(q, quorum_is_leading), rests = !q->mine.neo4j_run;
	unsigned beginner = quorum_beginner(q);
	/* That one begins alone is no election: the others start only now, and may need minutes. */
	bool comes = beginner == q->self ? q->mine.role == NEO4J_MASTER : beginner && !q->formed;
	bool begins = !q->elected && quorum_any_formed(q) && !comes;
	bool alone = beginner == q->self && comes;

	if (led) {
		q->leading_ms = q->now_ms;
		q->patience_ms = QUORUM_WEDGE_MS;
	} else if (rests && q->wedged && !q->elected && q->patience_ms < QUORUM_WEDGE_MAX_MS) {
		q->patience_ms *= 2;
	}
	q->elected = !rests && (q->elected || begins);
	q->settled = !rests && (q->settled || (led && q->formed));
	/* Killed, it would leave a store that was not closed in order, which nothing upgrades. */
	if (led || rests || begins || q->parts || (alone && !q->alone) ||
		quorum_count_of(q, copies))
		q->led_ms = q->now_ms;
	q->alone = !rests && (q->alone || alone);
	if (led || rests)
		q->wedged = false;
	else if (q->now_ms - q->led_ms >= patience(q))
		q->wedged = true;
}

/* One that is slave copies nothing any more, but may have much to catch up with. */
static void tell_copy(struct quorum *q, const struct quorum_look *look)
{
	bool member = q->mine.role == NEO4J_MASTER || q->mine.role == NEO4J_SLAVE;

	q->mine.copies = look->neo4j_run && look->copies && (!member || quorum_lags(q));
}

/* A store that is written (copies) moves, though one large transaction may take minutes. */
static void watch_lag(struct quorum *q, const struct quorum_look *look)
{
	if (!quorum_lags(q) || look->copies || q->mine.last_tx != q->lag_tx)
		q->lag_ms = q->now_ms;
	q->lag_tx = q->mine.last_tx;
	q->stuck |= q->now_ms - q->lag_ms >= QUORUM_STUCK_MS;
}

/*
 * Without a vote, as a newcomer or given up for lost, it lives only to copy from a master that
 * leads, and is gone 7 s after that one was heard, before Neo4j may elect it: 10 s after the end of
 * that one (ha.heartbeat_timeout), or at once, when that one left in order.
 */
static bool has_no_place(const struct quorum *q)
{
	return quorum_is_lost(q, q->self) &&
	       (q->mine.role == NEO4J_MASTER ||
		       q->now_ms - q->leading_ms >= QUORUM_LEASE_MS - QUORUM_PRESENT_MS);
}

/* In no run of ours, with no store to be master of, without a majority, or wedged? NULL: it lives.
 */
static const char *why_die(const struct quorum *q)
{
	const struct {
		bool is;
		const char *why;
	} reasons[] = {
		{has_no_place(q), "it has no vote, and copies from no master"},
		{q->mine.neo4j_run != q->d.manifest.run, "the others have begun anew"},
		{q->now_ms >= q->lease_ms, "a majority is elsewhere"},
		{is_hollow(q), "it is master with nothing in its store"},
		{is_overruled(q), "the others follow another master"},
		{is_rival(q), "another one is the master"},
		{is_intruder(q), "another one begins, which has all"},
		{is_ousted(q) || would_enter_below(q), "another one was elected, and has less"},
		{is_outdone(q), "another one has more"},
		{is_left(q), "the one that begins is gone"},
		{is_orphan(q), "the master it was to follow is gone"},
		{q->wedged, "it has had no master for too long"},
		{quorum_is_spare(q), "it does not get what its master has"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		if (reasons[i].is)
			return reasons[i].why;
	}
	return NULL;
}

int64_t quorum_majority_since(const struct quorum *q, member_test *test)
{
	const struct manifest *m = &q->d.manifest;
	int64_t proofs[MANIFEST_MAX] = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->member[i].id, k = n;
		if (!test(q, id))
			continue;
		int64_t at = id == q->self ? q->now_ms : q->seat[id].heard_ms;
		for (n++; k && proofs[k - 1] < at; k--)
			proofs[k] = proofs[k - 1];
		proofs[k] = at;
	}
	return proofs[manifest_majority(m) - 1];
}

/* Proofs are never taken back: the lease's end only moves on. */
static void renew_lease(struct quorum *q, int64_t before_ms)
{
	q->lease = quorum_majority_of(q, quorum_supports);
	if (before_ms > q->lease_ms)
		q->lease_ms = before_ms;
	int64_t ms = q->lease ? quorum_majority_since(q, quorum_supports) + QUORUM_LEASE_MS : 0;
	if (ms > q->lease_ms)
		q->lease_ms = ms;
}

/* Master of a majority of which nobody has ever followed one. */
static bool is_very_first(const struct quorum *q)
{
	return q->mine.role == NEO4J_MASTER && quorum_majority_of(q, quorum_joined) &&
	       quorum_is_new(q);
}

/* Elected with it, or of it: what it holds, this node's master has. */
static bool is_below_my_master(const struct quorum *q, unsigned id)
{
	return quorum_joined(q, id) &&
	       (id == q->mine.master || quorum_is_slave_of(q, id, q->mine.master));
}

/*
 * Has this node's store become whole by being slave? Not below just anybody: a master that lacks
 * what was acknowledged must not find in the copies of its store the majority it needs.
 */
static bool is_completed(const struct quorum *q)
{
	return q->mine.role == NEO4J_SLAVE && q->mine.master && !quorum_lags(q) &&
	       (quorum_is_leading(q, q->mine.master) || quorum_accounted(q, is_below_my_master));
}

/* Since when has this agent seen it as slave of one and the same? */
static void watch_slave(struct quorum *q, const struct quorum_look *look, bool blind)
{
	if (look->role != NEO4J_SLAVE || !look->neo4j_run)
		q->slave_ms = -1;
	else if (blind || q->slave_ms < 0 || !quorum_is_slave_of(q, q->self, look->master))
		q->slave_ms = q->now_ms;
}

/*
 * One that was started by nobody who wrote down for which run may be of any there was; but not of
 * one that was heard of since, where there may be none at all.
 */
static void note_run(struct quorum *q, uint64_t run)
{
	if (!run)
		return;
	q->ran = run < q->d.manifest.run ? run : q->d.manifest.run;
	q->ran_ms = q->now_ms;
}

static void take_look(struct quorum *q, const struct quorum_look *look)
{
	bool in_run = look->neo4j_run && look->neo4j_run == q->mine.neo4j_run;

	/* Another process: what it lacks is measured anew, against what the master has now. */
	if (look->neo4j_run && !q->mine.neo4j_run) {
		q->stuck = q->mark_told = false;
		q->marked = (struct mastership){0};
		q->told_tx = 0;
	}
	if (look->neo4j_run && look->told && look->last_tx > q->told_tx)
		q->told_tx = look->last_tx;
	q->formed =
		look->neo4j_run && ((in_run && q->formed) || look->formed ||
					   look->role == NEO4J_MASTER || look->role == NEO4J_SLAVE);
	q->ha_server =
		look->neo4j_run && ((in_run && q->ha_server) || look->ha_server || q->formed);
	q->mine = (struct word){
		.incarnation = q->d.incarnation,
		.epoch = q->d.manifest.epoch,
		.run = q->d.manifest.run,
		.expected = q->expected_digest,
		.neo4j_run = look->neo4j_run,
		.role = look->neo4j_run ? look->role : NEO4J_DOWN,
		.formed = q->formed,
		.whole = look->whole,
		.shut = look->shut,
		.fit = look->fit && q->now_ms >= q->shy_ms,
		.last_tx = look->last_tx,
		.told = look->neo4j_run && look->told,
		.master = look->master,
		.granted = q->d.granted,
		.basis = q->d.basis,
		.followed = q->d.followed,
		.touched = q->d.touched,
		.stored = look->stored,
		.failed = look->failed,
		.runs = look->runs,
	};
}

/* The acceptor's and the proposer's part of this node's word, after all that may change them. */
static void finish_word(struct quorum *q)
{
	q->mine.epoch = q->d.manifest.epoch;
	q->mine.run = q->d.manifest.run;
	q->mine.promised = q->d.acceptor.promised;
	q->mine.accepted = q->d.acceptor.accepted;
	q->mine.ballot = q->proposer.ballot;
	q->mine.phase = q->proposer.phase;
	q->mine.lease = q->lease;
	q->mine.granted = q->d.granted;
	q->mine.basis = q->d.basis;
	if (quorum_lags(q))
		q->mine.basis = (struct mastership){0};
	q->mine.claim = q->claim;
	q->mine.leads = quorum_is_followed(q);
	q->mine.bound = !quorum_is_released(q);
	/* Of one that is no member nobody expects that it runs anything. */
	q->mine.goal = manifest_member(&q->d.manifest, q->self) ? manifest_goal(&q->d.manifest) : 0;
}

void quorum_step(
	struct quorum *q, const struct quorum_look *look, int64_t now_ms, struct verdict *v)
{
	bool blind = q->stepped_ms < 0 || now_ms - q->stepped_ms >= QUORUM_BLIND_MS;
	/* One that was ordered to start needs a while until a process is seen. */
	bool unseen = blind && q->stepped_ms - q->ran_ms < QUORUM_OVER_MS;

	*v = (struct verdict){.why = ""};
	q->now_ms = q->stepped_ms = now_ms;
	if (!look->unasked)
		note_run(q, look->neo4j_run);
	watch_slave(q, look, blind);
	take_look(q, look);
	q->parts = look->parts;
	if (quorum_any_formed(q))
		q->give_up = (struct idset){0};
	quorum_watch_pulls(q);
	quorum_watch_parting(q);
	quorum_conclude(q);
	quorum_propose(q, v);
	renew_lease(q, look->lease_ms);
	quorum_claim(q);
	quorum_grant(q);
	quorum_follow(q);
	quorum_touch(q, unseen);
	finish_word(q);
	tell_copy(q, look);
	watch_wedge(q);
	watch_lag(q, look);
	watch_overruled(q);
	watch_rival(q);
	watch_outdone(q);
	watch_hollow(q);
	quorum_watch_below(q);
	if (is_hollow(q))
		q->shy_ms = now_ms + QUORUM_SHY_MS;
	const char *why = look->neo4j_run ? why_die(q) : NULL;
	if (why) {
		v->neo4j = NEO4J_KILL;
		v->why = why;
	} else if (!look->neo4j_run)
		quorum_decide_start(q, look->fit, v);
	note_run(q, v->run);
	v->lease_ms = q->lease_ms;
	v->shut = !q->ha_server && quorum_beginner(q) == q->self;
	if (look->neo4j_run && v->neo4j == NEO4J_AS_IT_IS)
		quorum_decide_ports(q, v);
	v->whole = look->whole || is_completed(q) || is_very_first(q);
	finish_word(q);
}

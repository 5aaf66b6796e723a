/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is heard, what is told, the lease, and what follows for this node's Neo4j. */
#include <string.h>
#include "quorum_private.h"

void quorum_begin(struct quorum *q, unsigned self, const struct manifest *expected,
	const struct durable *d, int64_t now_ms)
{
	*q = (struct quorum){.self = self,
		.expected = *expected,
		.d = *d,
		.now_ms = now_ms,
		.led_ms = now_ms,
		.learned_ms = now_ms,
		.quiet_ms = -1};
	for (size_t i = 0; i <= MANIFEST_MAX; i++)
		q->seat[i] = (struct seat){.heard_ms = -1, .seen_ms = now_ms};
}

const struct word *quorum_said(const struct quorum *q, unsigned id)
{
	return id == q->self ? &q->mine : &q->seat[id].word;
}

bool quorum_near(const struct quorum *q, unsigned id, int64_t ms)
{
	const struct seat *s = &q->seat[id];

	if (id == q->self)
		return true;
	return s->heard_ms >= 0 && q->now_ms - s->heard_ms < ms;
}

bool quorum_votes(const struct quorum *q, unsigned id)
{
	const struct manifest_member *m = manifest_member(quorum_members(q), id);
	uint64_t now = id == q->self ? q->d.incarnation : q->seat[id].word.incarnation;

	return m && (q->d.manifest.epoch == 0 || m->incarnation == now);
}

unsigned quorum_needed(const struct quorum *q)
{
	return q->d.manifest.epoch ? manifest_majority(&q->d.manifest) : q->expected.n;
}

bool mastership_later(const struct mastership *a, const struct mastership *b)
{
	return a->term != b->term ? a->term > b->term : a->id > b->id;
}

/* How many voters may have followed m or a later one: who says so, is not heard, or lost its store.
 */
static unsigned may_follow(const struct quorum *q, const struct mastership *m)
{
	const struct manifest *all = quorum_members(q);
	unsigned n = 0;

	for (unsigned i = 0; i < all->n; i++) {
		unsigned id = all->member[i].id;
		n += !quorum_near(q, id, QUORUM_PRESENT_MS) || !quorum_said(q, id)->whole ||
		     !mastership_later(m, &quorum_said(q, id)->basis);
	}
	return n;
}

struct mastership quorum_last(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	struct mastership last = {0};

	for (unsigned i = 0; i < m->n; i++) {
		const struct mastership *b = &quorum_said(q, m->member[i].id)->basis;
		if (quorum_near(q, m->member[i].id, QUORUM_PRESENT_MS) &&
			mastership_later(b, &last) && may_follow(q, b) >= manifest_majority(m))
			last = *b;
	}
	return last;
}

bool quorum_behind(const struct quorum *q, unsigned id)
{
	struct mastership last = quorum_last(q);

	return mastership_later(&last, &quorum_said(q, id)->basis);
}

bool quorum_whole(const struct quorum *q, unsigned id)
{
	return quorum_said(q, id)->whole || quorum_last(q).term == 0;
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
	q->quiet_ms = -1;
	q->dirty = true;
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

static bool in_run(const struct quorum *q, unsigned id, int64_t ms)
{
	return quorum_near(q, id, ms) && quorum_said(q, id)->run == q->d.manifest.run;
}

/* Supporters: voters on this run whose store counts. */
static bool supports(const struct quorum *q, unsigned id)
{
	return quorum_votes(q, id) && in_run(q, id, QUORUM_LEASE_MS) && quorum_whole(q, id);
}

static bool has_joined(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	return w->formed && w->neo4j_run == q->d.manifest.run;
}

static bool near_and_joined(const struct quorum *q, unsigned id)
{
	return in_run(q, id, QUORUM_PRESENT_MS) && has_joined(q, id);
}

static bool same_mastership(const struct mastership *a, const struct mastership *b)
{
	return a->term == b->term && a->id == b->id;
}

static bool joined_whole_voter(const struct quorum *q, unsigned id)
{
	return supports(q, id) && has_joined(q, id) && quorum_said(q, id)->whole;
}

static bool grants_me(const struct quorum *q, unsigned id)
{
	return joined_whole_voter(q, id) &&
	       same_mastership(&quorum_said(q, id)->granted, &q->claim);
}

static bool follows_me(const struct quorum *q, unsigned id)
{
	return grants_me(q, id) &&
	       (id == q->self || same_mastership(&quorum_said(q, id)->basis, &q->claim));
}

typedef bool member_test(const struct quorum *q, unsigned id);

static unsigned count(const struct quorum *q, member_test *test)
{
	const struct manifest *m = quorum_members(q);
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++)
		n += test(q, m->member[i].id);
	return n;
}

static bool majority(const struct quorum *q, member_test *test)
{
	return q->d.manifest.epoch && count(q, test) >= manifest_majority(&q->d.manifest);
}

/* Has the one that holds this voter's grant given it up, or no lease by it any more? */
static bool is_released(const struct quorum *q)
{
	const struct mastership *g = &q->d.granted;

	if (g->term == 0)
		return true;
	if (g->id == q->self)
		return q->claim.term != g->term;
	return q->now_ms - q->seat[g->id].seen_ms >= QUORUM_LEASE_MS + QUORUM_STOP_MS ||
	       (quorum_near(q, g->id, QUORUM_PRESENT_MS) &&
		       q->seat[g->id].word.claim.term != g->term);
}

static const struct mastership *claim_of(const struct quorum *q, unsigned id)
{
	return id == q->self ? &q->claim : &q->seat[id].word.claim;
}

/* To the latest claim that is heard now. */
static void grant(struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	struct mastership best = q->d.granted;

	for (unsigned i = 0; i < m->n; i++) {
		const struct mastership *c = claim_of(q, m->member[i].id);
		if (quorum_near(q, m->member[i].id, QUORUM_PRESENT_MS) && c->term &&
			c->run == m->run && mastership_later(c, &best))
			best = *c;
	}
	if (!mastership_later(&best, &q->d.granted) || !is_released(q))
		return;
	q->d.granted = q->mine.granted = best;
	q->dirty = true;
}

/* Is its Neo4j slave of that one? */
static bool is_slave_of(const struct quorum *q, unsigned id, unsigned master)
{
	const struct word *w = quorum_said(q, id);

	return w->role == NEO4J_SLAVE && w->master == master;
}

/* Somebody whose Neo4j runs with a longer store than the granted master's, and not below it. */
static bool may_usurp(const struct quorum *q, unsigned id)
{
	const struct mastership *g = &q->d.granted;
	const struct word *w = quorum_said(q, id);

	return id != g->id && !is_slave_of(q, id, g->id) && in_run(q, id, QUORUM_LEASE_MS) &&
	       w->neo4j_run == q->d.manifest.run && !same_mastership(&w->basis, g) &&
	       w->last_tx > quorum_said(q, g->id)->last_tx;
}

/*
 * Whom this node's store follows: the granted master, by Neo4j's own word too. Not while somebody
 * near might be elected in its place and undo what it takes.
 */
static void follow(struct quorum *q)
{
	const struct mastership *g = &q->d.granted;
	const struct manifest_member *me = manifest_member(quorum_members(q), q->self);
	bool arbiter = me && me->role == MANIFEST_ARBITER;

	if (!g->term || !mastership_later(g, &q->d.basis) || count(q, may_usurp))
		return;
	if (g->id == q->self ? !(q->claim.term == g->term && majority(q, follows_me))
			     : !arbiter && !(is_slave_of(q, q->self, g->id) &&
						   same_mastership(claim_of(q, g->id), g)))
		return;
	q->d.basis = q->mine.basis = *g;
	q->dirty = true;
}

static struct mastership latest_grant(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	struct mastership last = q->d.granted;

	for (unsigned i = 0; i < m->n; i++) {
		const struct mastership *g = &quorum_said(q, m->member[i].id)->granted;
		if (quorum_near(q, m->member[i].id, QUORUM_PRESENT_MS) &&
			mastership_later(g, &last))
			last = *g;
	}
	return last;
}

/*
 * Each stint is a claim of its own, above all that were granted: a voter that has seen the end of
 * one may have granted another since. One that was overtaken is claimed anew.
 */
static void claim(struct quorum *q)
{
	struct mastership last = latest_grant(q);

	if (q->mine.role != NEO4J_MASTER || q->mine.neo4j_run != q->d.manifest.run ||
		!joined_whole_voter(q, q->self) || !majority(q, joined_whole_voter))
		q->claim = (struct mastership){0};
	else if (!q->claim.term || mastership_later(&last, &q->claim))
		q->claim = (struct mastership){last.term + 1, q->d.manifest.run, q->self};
}

static void decide_ports(const struct quorum *q, struct verdict *v)
{
	v->writable = q->lease && q->claim.term && same_mastership(&q->d.basis, &q->claim) &&
		      majority(q, follows_me);
	v->open = v->writable || (q->lease && q->mine.role == NEO4J_SLAVE);
}

/* The members' Neo4js that might still live in an older run. */
static bool is_over(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	return in_run(q, id, QUORUM_PRESENT_MS) &&
	       (!w->neo4j_run || w->neo4j_run == q->d.manifest.run);
}

static bool older_runs_over(const struct quorum *q)
{
	return q->now_ms - q->learned_ms >= QUORUM_OVER_MS || count(q, is_over) == q->d.manifest.n;
}

static bool is_ready_host(const struct quorum *q, unsigned id)
{
	return idset_has(&q->d.manifest.hosts, id) && in_run(q, id, QUORUM_PRESENT_MS) &&
	       quorum_said(q, id)->fit && quorum_whole(q, id);
}

static bool is_leading(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	return near_and_joined(q, id) && w->role == NEO4J_MASTER && w->lease && w->claim.term &&
	       same_mastership(&w->basis, &w->claim);
}

static bool joined_or_me(const struct quorum *q, unsigned id)
{
	const struct manifest_member *m = manifest_member(&q->d.manifest, id);

	return m->role == MANIFEST_DATA && quorum_said(q, id)->whole &&
	       (id == q->self || near_and_joined(q, id));
}

/* Would the store win the election that a joining member causes, though it is a branch? */
static bool would_usurp(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		const struct word *w = quorum_said(q, m->member[i].id);
		if (m->member[i].id != q->self && is_leading(q, m->member[i].id) &&
			q->mine.last_tx > w->last_tx && mastership_later(&w->claim, &q->d.basis))
			return true;
	}
	return false;
}

/*
 * Into a run that lives. With a master that has the lease anybody may come. Without one Neo4j will
 * elect among those who are there: then they must hold whole stores of a majority.
 */
static bool may_join(const struct quorum *q)
{
	if (count(q, near_and_joined) == 0)
		return false;
	return count(q, is_leading) > 0 ||
	       (q->mine.whole && !quorum_behind(q, q->self) &&
		       count(q, joined_or_me) >= manifest_data_majority(&q->d.manifest));
}

/* Out of nothing, together with the run's other hosts. */
static bool may_begin(const struct quorum *q, const char **why)
{
	const struct manifest *m = &q->d.manifest;

	*why = "waits for the run's other hosts";
	if (!idset_has(&m->hosts, q->self) || quorum_last(q).run == m->run ||
		count(q, is_ready_host) < idset_count(&m->hosts))
		return false;
	*why = "waits until older runs are over for sure";
	return older_runs_over(q);
}

static void all_ids(const struct manifest *m, struct idset *s)
{
	*s = (struct idset){0};
	for (unsigned i = 0; i < m->n; i++)
		idset_add(s, m->member[i].id);
}

static void decide_start(struct quorum *q, struct verdict *v)
{
	const char *why = "";

	if (!q->mine.fit || !quorum_votes(q, q->self) || !q->lease)
		return;
	if (may_join(q)) {
		all_ids(&q->d.manifest, &v->hosts);
		v->aside = would_usurp(q);
		if (v->aside) {
			q->d.basis = (struct mastership){0};
			q->dirty = true;
		}
	} else if (count(q, near_and_joined) == 0 && may_begin(q, &why)) {
		v->hosts = q->d.manifest.hosts;
	} else {
		v->why = v->why[0] ? v->why : why;
		return;
	}
	v->neo4j = NEO4J_START;
	v->run = q->d.manifest.run;
}

/* How far the master is that id has granted, or else id. */
static uint64_t tx_below(const struct quorum *q, unsigned id)
{
	unsigned master = quorum_said(q, id)->granted.id;

	return quorum_said(q, in_run(q, master, QUORUM_PRESENT_MS) ? master : id)->last_tx;
}

/* Has somebody near granted a later master, with a store shorter than this one's? */
static bool is_overruled(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	if (same_mastership(&q->d.basis, &q->claim) && majority(q, follows_me))
		return false;
	for (unsigned i = 0; i < m->n; i++) {
		const struct word *w = quorum_said(q, m->member[i].id);
		if (in_run(q, m->member[i].id, QUORUM_PRESENT_MS) && w->granted.id != q->self &&
			w->bound && !is_slave_of(q, q->self, w->granted.id) &&
			mastership_later(&w->granted, &q->d.basis) &&
			tx_below(q, m->member[i].id) < q->mine.last_tx)
			return true;
	}
	return false;
}

/* In no run of ours, with no store to be master of, without a majority, or wedged? */
static bool must_die(const struct quorum *q)
{
	return q->mine.neo4j_run != q->d.manifest.run || q->now_ms >= q->lease_ms ||
	       (q->mine.role == NEO4J_MASTER && !quorum_whole(q, q->self)) || is_overruled(q) ||
	       q->now_ms - q->led_ms >= QUORUM_WEDGE_MS;
}

/* When the majority was complete: the oldest of its members' proofs, the newest ones counted. */
static int64_t majority_since(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;
	int64_t proofs[MANIFEST_MAX] = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->member[i].id, k = n;
		if (!supports(q, id))
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
	q->lease = majority(q, supports);
	if (before_ms > q->lease_ms)
		q->lease_ms = before_ms;
	if (q->lease && majority_since(q) + QUORUM_LEASE_MS > q->lease_ms)
		q->lease_ms = majority_since(q) + QUORUM_LEASE_MS;
}

/* Master of a majority of which nobody has ever followed one. */
static bool is_very_first(const struct quorum *q)
{
	return q->mine.role == NEO4J_MASTER && majority(q, near_and_joined) &&
	       quorum_last(q).term == 0;
}

static void take_look(struct quorum *q, const struct quorum_look *look)
{
	bool in_run = look->neo4j_run && look->neo4j_run == q->mine.neo4j_run;

	q->formed =
		look->neo4j_run && ((in_run && q->formed) || look->formed ||
					   look->role == NEO4J_MASTER || look->role == NEO4J_SLAVE);
	q->mine = (struct word){
		.incarnation = q->d.incarnation,
		.epoch = q->d.manifest.epoch,
		.run = q->d.manifest.run,
		.expected = manifest_digest(&q->expected),
		.neo4j_run = look->neo4j_run,
		.role = look->neo4j_run ? look->role : NEO4J_DOWN,
		.formed = q->formed,
		.whole = look->whole,
		.fit = look->fit,
		.last_tx = look->last_tx,
		.tx_sum = look->tx_sum,
		.master = look->master,
		.granted = q->d.granted,
		.basis = q->d.basis,
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
	q->mine.claim = q->claim;
	q->mine.bound = !is_released(q);
}

void quorum_step(
	struct quorum *q, const struct quorum_look *look, int64_t now_ms, struct verdict *v)
{
	*v = (struct verdict){.why = ""};
	q->now_ms = now_ms;
	take_look(q, look);
	quorum_count(q);
	quorum_propose(q, &v->why);
	renew_lease(q, look->lease_ms);
	claim(q);
	grant(q);
	follow(q);
	if (!look->neo4j_run || count(q, is_leading))
		q->led_ms = now_ms;
	if (look->neo4j_run)
		v->neo4j = must_die(q) ? NEO4J_KILL : NEO4J_AS_IT_IS;
	else
		decide_start(q, v);
	if (look->neo4j_run && v->neo4j == NEO4J_AS_IT_IS)
		decide_ports(q, v);
	v->lease_ms = q->lease_ms;
	v->whole = look->whole || q->mine.role == NEO4J_SLAVE || is_very_first(q);
	finish_word(q);
}

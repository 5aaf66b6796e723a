/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is master by whose grants, and whose stores follow it. */
#include "quorum_private.h"

static bool on_this_run(const struct quorum *q, unsigned id)
{
	return quorum_votes(q, id) && quorum_in_run(q, id, QUORUM_LEASE_MS);
}

bool quorum_supports(const struct quorum *q, unsigned id)
{
	return on_this_run(q, id) && (quorum_whole(q, id) || quorum_accounted(q, on_this_run));
}

bool quorum_is_leading(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	return quorum_is_master(q, id) && w->lease && w->claim.term &&
	       mastership_equal(&w->basis, &w->claim);
}

bool quorum_leads(const struct quorum *q, unsigned id)
{
	if (id != q->self)
		return quorum_is_leading(q, id);
	return q->lease && q->claim.term && mastership_equal(&q->d.basis, &q->claim);
}

static bool joined_whole_voter(const struct quorum *q, unsigned id)
{
	return quorum_said(q, id)->whole && quorum_has_joined(q, id) && quorum_supports(q, id);
}

static bool grants_me(const struct quorum *q, unsigned id)
{
	return joined_whole_voter(q, id) &&
	       mastership_equal(&quorum_said(q, id)->granted, &q->claim);
}

bool quorum_follows_me(const struct quorum *q, unsigned id)
{
	return grants_me(q, id) &&
	       (id == q->self || mastership_equal(&quorum_said(q, id)->basis, &q->claim));
}

bool quorum_is_released(const struct quorum *q)
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

const struct mastership *quorum_claim_of(const struct quorum *q, unsigned id)
{
	return id == q->self ? &q->claim : &q->seat[id].word.claim;
}

struct followers {
	unsigned voters, data;
};

static bool has_vote_in(const struct quorum *q, const struct manifest_member *k)
{
	return k->incarnation && quorum_said(q, k->id)->incarnation == k->incarnation;
}

unsigned quorum_leader(const struct quorum *q)
{
	const struct manifest *m = quorum_members(q);

	for (unsigned i = 0; i < m->n; i++) {
		if (quorum_leads(q, m->member[i].id))
			return m->member[i].id;
	}
	return 0;
}

static void watch_told(struct quorum *q, unsigned id, unsigned master)
{
	struct seat *s = &q->seat[id];

	if (s->mark_ms >= 0 && quorum_said(q, id)->last_tx < s->mark_tx)
		return;
	s->pulled_ms = s->mark_ms;
	s->mark_ms = q->now_ms;
	s->mark_tx = quorum_said(q, master)->last_tx;
}

/* Its being slave for so long has to do: one that has just become slave does not tell, either. */
static void watch_silent(struct quorum *q, struct seat *s)
{
	s->mark_ms = -1;
	s->pulled_ms = q->now_ms - s->slave_ms >= QUORUM_CAUGHT_UP_MS ? q->now_ms : -1;
}

static void watch_pull(struct quorum *q, unsigned id, unsigned master)
{
	struct seat *s = &q->seat[id];

	if (!master || !quorum_is_slave_of(q, id, master)) {
		s->mark_ms = s->pulled_ms = s->slave_ms = -1;
		return;
	}
	if (s->slave_ms < 0)
		s->slave_ms = q->now_ms;
	if (quorum_said(q, id)->told && quorum_said(q, master)->told)
		watch_told(q, id, master);
	else
		watch_silent(q, s);
}

void quorum_watch_pulls(struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	unsigned master = quorum_leader(q);
	const struct mastership *claim = quorum_claim_of(q, master);

	if (!mastership_equal(&q->pulls, claim)) {
		q->pulls = *claim;
		master = 0; /* what was had of another one does not count */
	}
	for (unsigned i = 0; i < m->n; i++)
		watch_pull(q, m->member[i].id, master);
}

static bool has_pulled(const struct quorum *q, unsigned id, unsigned master, int64_t since_ms)
{
	const struct seat *s = &q->seat[id];

	return id == master || (s->pulled_ms >= 0 && s->pulled_ms >= since_ms &&
				       q->now_ms - s->pulled_ms < QUORUM_PULLED_MS);
}

/* Of m's voters, those that are here and follow that master; of the data nodes, those that have
 * what it had a moment ago, and since then. */
static struct followers followers_of(
	const struct quorum *q, const struct manifest *m, unsigned master, int64_t since_ms)
{
	const struct mastership *claim = quorum_claim_of(q, master);
	struct followers n = {0};

	for (unsigned i = 0; i < m->n; i++) {
		const struct manifest_member *k = &m->member[i];
		bool follows = quorum_here(q, k->id) && has_vote_in(q, k) &&
			       quorum_has_joined(q, k->id) &&
			       mastership_equal(&quorum_said(q, k->id)->basis, claim);
		n.voters += follows;
		n.data += follows && k->role == MANIFEST_DATA &&
			  has_pulled(q, k->id, master, since_ms);
	}
	return n;
}

/* The most that follow one that leads, of m's voters. */
static struct followers led(const struct quorum *q, const struct manifest *m, int64_t since_ms)
{
	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->member[i].id;
		if (!quorum_leads(q, id))
			continue;
		struct followers n = followers_of(q, m, id, since_ms);
		if (n.voters >= manifest_majority(m))
			return n;
	}
	return (struct followers){0};
}

bool quorum_majority_led(const struct quorum *q, const struct manifest *m)
{
	return led(q, m, 0).voters > 0;
}

bool quorum_majority_pulled(const struct quorum *q, const struct manifest *m, int64_t since_ms)
{
	return led(q, m, since_ms).data >= manifest_data_majority(m);
}

/* To the latest claim that is heard now. */
void quorum_grant(struct quorum *q)
{
	const struct manifest *m = quorum_members(q);
	struct mastership best = q->d.granted;

	for (unsigned i = 0; i < m->n; i++) {
		const struct mastership *c = quorum_claim_of(q, m->member[i].id);
		if (quorum_near(q, m->member[i].id, QUORUM_PRESENT_MS) && c->term &&
			c->run == m->run && mastership_later(c, &best) &&
			!quorum_falls_short(q, m->member[i].id))
			best = *c;
	}
	if (!mastership_later(&best, &q->d.granted) || !quorum_is_released(q))
		return;
	q->d.granted = q->mine.granted = best;
	q->dirty = true;
}

/*
 * Somebody whose Neo4j runs with a longer store than the granted master's, and not below it. If its
 * agent hangs, that Neo4j may join until bramble-guard has ended it.
 */
static bool may_usurp(const struct quorum *q, unsigned id)
{
	const struct mastership *g = &q->d.granted;
	const struct word *w = quorum_said(q, id);

	return id != g->id && !quorum_is_slave_of(q, id, g->id) &&
	       quorum_in_run(q, id, QUORUM_LEASE_MS + QUORUM_STOP_MS) &&
	       w->neo4j_run == q->d.manifest.run && !mastership_equal(&w->basis, g) &&
	       w->last_tx > quorum_said(q, g->id)->last_tx;
}

/* Is its Neo4j slave of the granted master in this very stint, or itself that master? */
static bool is_below_granted(const struct quorum *q)
{
	const struct mastership *g = &q->d.granted;

	if (!g->term || !mastership_equal(quorum_claim_of(q, g->id), g))
		return false;
	return g->id == q->self ||
	       (quorum_is_slave_of(q, q->self, g->id) && q->seat[g->id].heard_ms >= q->slave_ms);
}

/* How much the granted master had when it claimed; what it says before it tells is no more than a
 * bound. */
static void mark_tx(struct quorum *q)
{
	const struct mastership *g = &q->d.granted;
	uint64_t tx = quorum_said(q, g->id)->last_tx;

	if (!g->term || !mastership_equal(quorum_claim_of(q, g->id), g))
		return;
	bool told = quorum_said(q, g->id)->told;

	if (!mastership_equal(&q->marked, g))
		q->mark_told = false;
	if (!mastership_equal(&q->marked, g) || (told && !q->mark_told) || tx < q->mark_tx)
		q->mark_tx = tx;
	q->mark_told |= told;
	q->marked = *g;
}

static bool both_told(const struct quorum *q)
{
	return q->mine.told && q->mark_told && mastership_equal(&q->marked, &q->d.granted);
}

/*
 * A Neo4j that was frozen takes itself for slave for a moment longer, of a master that has begun
 * another stint since, and lacks what that one took in between. Another one is slave and never
 * gets that (QUORUM_STUCK_MS): time tells something only where the numbers are not known.
 */
static bool has_caught_up(const struct quorum *q)
{
	if (!is_below_granted(q))
		return false;
	if (both_told(q))
		return q->mine.last_tx >= q->mark_tx;
	return q->now_ms - q->slave_ms >= QUORUM_CAUGHT_UP_MS;
}

bool quorum_lags(const struct quorum *q)
{
	unsigned master = q->d.granted.id;

	return master != q->self && !quorum_is_arbiter(q) && is_below_granted(q) &&
	       quorum_is_master(q, master) && both_told(q) && q->mine.last_tx < q->mark_tx;
}

static bool other_joined(const struct quorum *q, unsigned id)
{
	return id != q->self && quorum_joined(q, id);
}

bool quorum_is_spare(const struct quorum *q)
{
	return q->stuck && quorum_accounted(q, other_joined);
}

static bool follows_granted(const struct quorum *q)
{
	if (q->d.granted.id == q->self)
		return is_below_granted(q) && quorum_majority_of(q, quorum_follows_me);
	return quorum_is_arbiter(q) || has_caught_up(q);
}

/*
 * Whom this node's store follows: the granted master, by Neo4j's own word too. Not while somebody
 * near might be elected in its place and undo what it takes.
 */
void quorum_follow(struct quorum *q)
{
	const struct mastership *g = &q->d.granted;

	mark_tx(q);
	if (!g->term || !mastership_later(g, &q->d.basis) || quorum_count_of(q, may_usurp) ||
		!follows_granted(q))
		return;
	q->d.basis = q->d.followed = q->d.touched = *g;
	q->mine.basis = q->mine.followed = q->mine.touched = *g;
	q->dirty = true;
}

/*
 * Whose writes its store may hold: the granted master's, where this agent sees that it follows
 * that one and did all the while. A Neo4j goes on while its agent hangs, may become slave of one
 * of whose claim the agent never heard, and is dead when it wakes. On p3 it need not be: an agent
 * that begins has seen nothing. A store that is not whole yet is nobody's majority: who counted it
 * would wait for what was never there.
 */
void quorum_touch(struct quorum *q, bool unseen)
{
	if (quorum_is_arbiter(q) || !q->mine.whole || !(q->mine.neo4j_run || unseen))
		return;
	if (mastership_equal(&q->d.basis, &q->d.granted) && is_below_granted(q))
		q->d.touched = q->d.basis;
	else
		q->d.touched = (struct mastership){TERM_ANY, q->ran, 0};
	q->mine.touched = q->d.touched;
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
void quorum_claim(struct quorum *q)
{
	struct mastership last = latest_grant(q);

	if (q->mine.role != NEO4J_MASTER || q->mine.neo4j_run != q->d.manifest.run ||
		!joined_whole_voter(q, q->self) || !quorum_majority_of(q, joined_whole_voter))
		q->claim = (struct mastership){0};
	else if (!q->claim.term || mastership_later(&last, &q->claim))
		q->claim = (struct mastership){last.term + 1, q->d.manifest.run, q->self};
}

/*
 * A slave hands a write on to its master: where that one may not take any yet, nor may its slaves.
 * One that is not heard any more has led as long as its lease lasted; reads go on that long.
 */
void quorum_watch_below(struct quorum *q)
{
	unsigned master = q->mine.role == NEO4J_SLAVE ? q->mine.master : 0;

	if (master && quorum_is_leading(q, master) && quorum_said(q, master)->leads &&
		!mastership_later(&q->d.granted, quorum_claim_of(q, master))) {
		q->below = master;
		q->below_ms = q->seat[master].heard_ms;
	} else if (master != q->below || quorum_near(q, master, QUORUM_PRESENT_MS)) {
		q->below = 0;
	}
}

bool quorum_is_followed(const struct quorum *q)
{
	return q->claim.term && mastership_equal(&q->d.basis, &q->claim) &&
	       quorum_majority_of(q, quorum_follows_me);
}

/* Until when may clients reach it? */
static int64_t open_until(const struct quorum *q)
{
	if (q->below)
		return q->below_ms + QUORUM_LEASE_MS;
	if (!quorum_is_followed(q))
		return 0;
	return quorum_majority_since(q, quorum_follows_me) + QUORUM_LEASE_MS - QUORUM_MARGIN_MS;
}

/*
 * Where a data node was removed the majority may be smaller: what is written by that must not go
 * before enough know it for no master to be granted by the majority of before.
 */
static bool knows_manifest(const struct quorum *q, unsigned id)
{
	return quorum_votes(q, id) &&
	       (id == q->self || quorum_said(q, id)->epoch >= q->d.manifest.epoch);
}

/*
 * The lease is by all who support the run, the ports are open by those who follow the master. If
 * this agent hangs, they must not be open for longer than those wait before they grant another
 * one, nor a slave's until its Neo4j may have taken another one for its master, 10 s after the end
 * of that one (ha.heartbeat_timeout).
 */
void quorum_decide_ports(const struct quorum *q, struct verdict *v)
{
	int64_t until_ms = open_until(q);

	v->open = q->lease && q->now_ms < until_ms;
	v->writable = v->open && !q->below && quorum_majority_of(q, knows_manifest);
	if (v->open && !quorum_is_arbiter(q) && until_ms + QUORUM_MARGIN_MS < v->lease_ms)
		v->lease_ms = until_ms + QUORUM_MARGIN_MS;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Agents, their cards and the network between them. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "quorum/quorum_private.h"
#include "world.h"

#define TELLS_MS 500

/* xorshift64* (Vigna, 2016): small, fast, good enough to draw schedules. */
uint64_t world_random(struct world *w, uint64_t below)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return below ? (w->random * UINT64_C(0x2545f4914f6cdd1d) >> 11) % below : 0;
}

void world_log(const struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->log)
		return;
	fprintf(w->log, "# %8.2f ", (double)w->now_ms / 1000);
	va_start(ap, fmt);
	vfprintf(w->log, fmt, ap);
	va_end(ap);
	fputc('\n', w->log);
}

/* The first one is kept: the others follow from it. */
void world_violated(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (w->violation[0])
		return;
	va_start(ap, fmt);
	vsnprintf(w->violation, sizeof(w->violation), fmt, ap);
	va_end(ap);
	world_log(w, "VIOLATION: %s", w->violation);
}

bool world_reach(const struct world *w, unsigned a, unsigned b)
{
	return w->node[a].on && w->node[b].on && !w->cut[a][b];
}

/* --- cards */

static uint64_t new_incarnation(struct world *w)
{
	return world_random(w, UINT64_MAX) | 1;
}

void node_boot(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];

	if (n->on)
		return;
	world_log(w, "%u boots", id);
	n->on = true;
	n->life++;
	n->open = n->writable = n->shut = false;
	n->lease_ms = 0;
	n->neo4j = (struct neo4j_model){0};
	n->wedge = (struct wedge){0};
	n->hung_ms = 0;
	n->next_ms = w->now_ms + (int64_t)world_random(w, TICK_MS);
	memset(n->heard, 0, sizeof(n->heard));
	if (!n->card.durable.incarnation)
		n->card.durable.incarnation = new_incarnation(w);
	quorum_begin(&n->quorum, id, &n->expected, &n->card.durable, w->now_ms);
}

/* What a card confirms it has; but for one that lies about the last second. */
#define UNKEPT_MS 1000

static void forget(struct world *w, unsigned id)
{
	struct card *c = &w->node[id].card;

	if (w->forgetful != id || !c->saved_ms || w->now_ms - c->saved_ms >= UNKEPT_MS)
		return;
	world_log(w, "%u's card has not kept what it confirmed", id);
	c->durable = c->kept;
	w->forgot++;
}

void node_cut(struct world *w, unsigned id)
{
	if (!w->node[id].on)
		return;
	world_log(w, "%u loses power", id);
	neo4j_kill(w, id);
	forget(w, id);
	w->node[id].on = w->node[id].open = w->node[id].writable = false;
}

bool world_member(const struct world *w, unsigned id)
{
	return manifest_member(w->newest.epoch ? &w->newest : &w->expected, id) != NULL;
}

bool world_voter(const struct world *w, unsigned id)
{
	const struct manifest_member *m = manifest_member(&w->newest, id);

	return m && m->incarnation;
}

uint64_t world_bits(const struct manifest *m)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < m->n; i++)
		bits |= UINT64_C(1) << m->member[i].id;
	return bits;
}

void world_list(const struct world *w, uint64_t bits, struct manifest *m)
{
	*m = (struct manifest){0};
	for (unsigned id = 1; id <= w->n; id++) {
		if (bits >> id & 1)
			m->member[m->n++] = (struct manifest_member){.id = (uint8_t)id,
				.role = w->node[id].arbiter ? MANIFEST_ARBITER : MANIFEST_DATA};
	}
}

/* The cards are written anew, all with one list of members. */
static void build_anew(struct world *w)
{
	struct manifest list;
	uint64_t bits = 0;

	for (unsigned id = 1; id <= w->n; id++)
		bits |= (uint64_t)!w->node[id].retired << id;
	world_list(w, bits, &list);
	bool same = list.n == w->expected.n;
	w->expected = list;
	for (unsigned id = 1; id <= w->n && !same; id++) {
		node_cut(w, id);
		w->node[id].card = (struct card){0};
		w->node[id].expected = list;
	}
}

/* The newest that any card remembers; empty if no member remembers anything. */
static struct manifest recall_newest(const struct world *w)
{
	struct manifest newest = {0};
	bool member = false;

	for (unsigned id = 1; id <= w->n; id++) {
		const struct manifest *m = &w->node[id].card.durable.manifest;
		member |= m->epoch && world_member(w, id);
		if (m->epoch > newest.epoch)
			newest = *m;
	}
	return member ? newest : (struct manifest){0};
}

void node_wipe(struct world *w, unsigned id)
{
	node_cut(w, id);
	world_log(w, "%u gets a new card", id);
	w->node[id].card = (struct card){0};
	if (w->newest.epoch)
		world_list(w, world_bits(&w->newest), &w->node[id].expected);
	w->wipes++;
	struct manifest newest = recall_newest(w);
	if (newest.epoch && newest.epoch == w->newest.epoch)
		return;
	memset(w->decided, 0, sizeof(w->decided)); /* what only this card knew was never decided */
	w->top_epoch = newest.epoch;
	w->top_generation = newest.generation;
	w->newest = newest;
	if (!newest.epoch)
		build_anew(w);
}

/* Are too few voters left to decide without the ones given up? */
static bool is_forced(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;
	unsigned left = 0;

	for (unsigned i = 0; i < m->n; i++)
		left += m->member[i].incarnation && !idset_has(&q->give_up, m->member[i].id);
	return left < manifest_majority(m);
}

/* What those have whose cards are not given up. */
static struct writes left_of(const struct world *w, const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;
	struct writes left = {0};

	for (unsigned i = 0; i < m->n; i++) {
		unsigned id = m->member[i].id;
		const struct card *c = &w->node[id].card;
		if (m->member[i].incarnation &&
			m->member[i].incarnation == c->durable.incarnation &&
			!idset_has(&q->give_up, id) && c->served)
			writes_add_all(&left, &c->store.writes);
	}
	return left;
}

/*
 * What was acknowledged so far may be lost: the person takes that. Nobody lies who gives up so many
 * that no majority is left: those cards are really gone.
 */
static void take_losses(struct world *w, const struct quorum *q)
{
	struct writes left = left_of(w, q);

	for (unsigned k = 0; k < WRITES_WORDS; k++)
		w->majority.bits[k] &= left.bits[k];
	w->acked = (struct writes){0};
	w->told = true;
	if (!is_forced(q))
		return;
	for (unsigned id = 1; id <= w->n; id++) {
		const struct manifest_member *m = manifest_member(&q->d.manifest, id);
		if (id != q->self && (idset_has(&q->give_up, id) || (m && !m->incarnation))) {
			bool on = w->node[id].on;
			node_wipe(w, id);
			if (on)
				node_boot(w, id);
		}
	}
}

bool node_told(struct world *w, unsigned asked, const struct idset *lost)
{
	struct node *n = &w->node[asked];
	struct err e;

	if (!n->on || w->now_ms < n->hung_ms)
		return false;
	int r = quorum_accept_loss(&n->quorum, lost, &e);
	world_log(w, "%u is told that %llx are lost%s%s", asked, (unsigned long long)lost->bits[0],
		r < 0 ? ": " : "", r < 0 ? e.msg : "");
	if (r == 0)
		take_losses(w, &n->quorum);
	return r == 0;
}

static void log_mastership(const struct world *w, unsigned id, const char *what,
	const struct mastership *was, const struct mastership *is)
{
	if (memcmp(was, is, sizeof(*is)) != 0)
		world_log(w, "%u: %s term %llu of %u in run %llu", id, what,
			(unsigned long long)is->term, is->id, (unsigned long long)is->run);
}

static void log_memory(const struct world *w, unsigned id)
{
	const struct durable *was = &w->node[id].card.durable, *is = &w->node[id].quorum.d;

	log_mastership(w, id, "grants", &was->granted, &is->granted);
	log_mastership(w, id, "follows", &was->basis, &is->basis);
	log_mastership(w, id, "may have followed", &was->touched, &is->touched);
}

/* It has heard that it was removed. */
static void retire(struct world *w, unsigned id)
{
	world_log(w, "%u is removed", id);
	neo4j_leave(w, id);
	w->node[id].open = w->node[id].writable = false;
	w->node[id].retired = true;
}

/* Before anything is told or done. Power may go before, and then nothing was. */
static bool save(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];
	const struct manifest *m = &n->quorum.d.manifest;

	if (!n->quorum.dirty)
		return true;
	if (w->crash_on_save && world_random(w, 40) == 0) {
		node_cut(w, id);
		return false;
	}
	if (m->epoch != n->card.durable.manifest.epoch) {
		uint64_t digest = manifest_digest(m);
		uint64_t *known = &w->decided[m->epoch % 4096];
		world_log(w, "%u has epoch %u run %u hosts %llx", id, (unsigned)m->epoch,
			(unsigned)m->run, (unsigned long long)m->hosts.bits[0]);
		if (*known && *known != digest)
			world_violated(w, "two manifests of epoch %u", (unsigned)m->epoch);
		*known = digest;
		generation_check(w, m);
		if (m->epoch > w->newest.epoch)
			w->newest = *m;
		if (manifest_member(m, id)) {
			n->member = true;
			n->retired = false;
		} else if (n->member && !n->retired) {
			retire(w, id);
		}
	}
	log_memory(w, id);
	if (w->now_ms - n->card.saved_ms >= UNKEPT_MS)
		n->card.kept = n->card.durable;
	n->card.saved_ms = w->now_ms;
	n->card.durable = n->quorum.d;
	n->quorum.dirty = false;
	return true;
}

/* --- hellos */

static void post(struct world *w, const struct letter *l)
{
	unsigned ms = w->delay_ms ? (unsigned)world_random(w, w->delay_ms) : 0;
	struct slot *s = &w->slot[((uint64_t)w->now_ms / STEP_MS + 1 + ms / STEP_MS) % DELAY_SLOTS];

	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 32;
		s->letters = realloc(s->letters, s->room * sizeof(*s->letters));
		if (!s->letters)
			abort();
	}
	s->letters[s->n++] = *l;
}

static void tell(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];
	struct letter l = {.from = id, .life = n->life, .sent_ms = w->now_ms};
	const struct manifest *value;

	for (unsigned to = 1; to <= w->n; to++) {
		if (to == id || !world_reach(w, id, to))
			continue;
		if (w->loss && world_random(w, 1000) < w->loss)
			continue;
		l.to = to;
		l.echo_ms = n->heard[to].sent_ms;
		l.echo_life = n->heard[to].life;
		quorum_word(&n->quorum, to, &l.word, &value);
		l.has_value = value != NULL;
		if (value)
			l.value = *value;
		post(w, &l);
		if (w->loss && world_random(w, 20) == 0)
			post(w, &l);
	}
}

/* What hello_check lets through: newer than all before, and in answer to a recent hello of ours. */
static void deliver(struct world *w, const struct letter *l)
{
	struct node *n = &w->node[l->to];

	if (!n->on || w->cut[l->from][l->to] || w->now_ms < n->hung_ms)
		return;
	if (l->life < n->heard[l->from].life ||
		(l->life == n->heard[l->from].life && l->sent_ms <= n->heard[l->from].sent_ms))
		return;
	n->heard[l->from].life = l->life;
	n->heard[l->from].sent_ms = l->sent_ms;
	quorum_seen(&n->quorum, l->from, w->now_ms);
	if (l->echo_life != n->life || w->now_ms - l->echo_ms > 6 * TICK_MS)
		return;
	n->quorum.now_ms = w->now_ms;
	quorum_hear(&n->quorum, l->from, &l->word, l->has_value ? &l->value : NULL, l->echo_ms);
	save(w, l->to);
}

static void deliver_all(struct world *w)
{
	struct slot *s = &w->slot[(uint64_t)w->now_ms / STEP_MS % DELAY_SLOTS];

	for (unsigned i = 0; i < s->n; i++)
		deliver(w, &s->letters[i]);
	s->n = 0;
}

/* --- the agent's round */

static void start(struct world *w, unsigned id, const struct verdict *v)
{
	if (v->aside) {
		world_log(w, "%u puts its store aside", id);
		w->node[id].card.store = (struct store){0};
		w->node[id].card.served = false;
	}
	neo4j_start(w, id, v->run, &v->hosts);
}

static void obey(struct world *w, unsigned id, const struct verdict *v)
{
	struct node *n = &w->node[id];

	if (v->neo4j == NEO4J_KILL)
		neo4j_kill(w, id);
	else if (v->neo4j == NEO4J_START)
		start(w, id, v);
	if (v->open != n->open || v->writable != n->writable)
		world_log(w, "%u is %s", id,
			v->writable ? "writable"
			: v->open   ? "open"
				    : "closed");
	n->open = v->open;
	n->writable = v->writable;
	n->shut = v->shut;
	n->lease_ms = v->lease_ms;
	n->card.served |= v->whole && !v->aside;
	n->neo4j.formed |= n->quorum.formed && n->neo4j.phase != NEO4J_OFF;
}

/* Beside the quorum: while the others have a master, only this ends one that joins for ever. */
static void break_wedge(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];
	bool serves = n->neo4j.role == NEO4J_SLAVE || n->neo4j.role == NEO4J_MASTER;
	struct wedge_look look = {.now_ms = w->now_ms,
		.joins = n->neo4j.phase != NEO4J_OFF && !serves && !n->arbiter &&
			 quorum_count_of(&n->quorum, quorum_is_leading),
		.pid = (long)n->neo4j.run,
		.serves = serves};

	if (wedge_step(&n->wedge, &look))
		neo4j_kill(w, id);
}

static void see_tx(const struct world *w, struct node *n)
{
	if (n->seen != n->card.store.n) {
		n->seen = n->card.store.n;
		n->moved_ms = w->now_ms;
	}
	n->quiet = w->now_ms - n->moved_ms >= QUIET_MS;
}

/* As voter.c does where Neo4j does not tell it: the only one that says it is. */
static unsigned guess_master(const struct world *w, const struct node *n)
{
	unsigned found = 0;

	for (unsigned id = 1; n->role == NEO4J_SLAVE && id <= w->n; id++) {
		const struct seat *s = &n->quorum.seat[id];
		if (s->word.role != NEO4J_MASTER || w->now_ms - s->heard_ms >= QUORUM_PRESENT_MS)
			continue;
		if (found)
			return 0;
		found = id;
	}
	return found;
}

/*
 * The store's own log tells its length, or more where a property imitates a commit: here only where
 * it was not quiet before. Of a Neo4j that has yet to join it stays what it was at rest (voter.c).
 */
static unsigned look_at_log(struct node *n, bool running)
{
	unsigned tx = n->card.store.n;

	if (!running || n->began || n->neo4j.formed)
		n->rest = tx && !(n->quiet && n->seen == tx) ? tx + n->life % 3 : tx;
	n->began = false;
	return n->rest;
}

static bool tells(const struct quorum_look *look)
{
	return look->role == NEO4J_MASTER || look->role == NEO4J_SLAVE;
}

/* As voter.c does where Neo4j refuses the agents' password. */
static bool tells_by_log(const struct node *n, const struct quorum_look *look)
{
	return look->role == NEO4J_MASTER && n->neo4j.formed && !n->quorum.mine.leads;
}

static void round_of(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];
	struct verdict v;
	bool running = n->neo4j.phase != NEO4J_OFF;
	struct quorum_look look = {.fit = !quorum_is_leaving(&n->quorum),
		.neo4j_run = running ? n->neo4j.run : 0,
		.role = running && w->now_ms >= n->neo4j.hung_ms ? n->neo4j.role : NEO4J_DOWN,
		.last_tx = n->card.store.n,
		.shut = n->shut};

	/* First its role, in another answer its length. */
	if (look.role != n->role) {
		n->role = look.role;
		n->role_ms = w->now_ms;
	}
	look.told = (n->refuses ? tells_by_log(n, &look) : tells(&look)) &&
		    w->now_ms - n->role_ms >= TELLS_MS;
	if (look.told)
		see_tx(w, n);
	else
		look.last_tx = look_at_log(n, running);
	look.whole = n->arbiter || n->card.served;
	look.formed = n->neo4j.formed;
	look.lease_ms = n->lease_ms;
	look.master = n->refuses ? guess_master(w, n) : n->neo4j.master;
	generation_round(w, id);
	look.stored = n->card.stored;
	look.runs = n->card.runs;
	look.failed = n->card.failed;
	quorum_step(&n->quorum, &look, w->now_ms, &v);
	n->why = v.why;
	n->missing = v.missing;
	/* Slaves of this model get all there is, in no time. */
	if (n->quorum.stuck)
		world_violated(w, "%u counts as one that never gets what its master has", id);
	if (w->log && v.why[0] && w->now_ms % 10000 < TICK_MS)
		world_log(w, "%u: %s", id, v.why);
	if (!save(w, id))
		return;
	if (quorum_is_leaving(&n->quorum) && n->neo4j.phase != NEO4J_OFF) {
		world_log(w, "%u: is to go, and stops", id);
		neo4j_leave(w, id);
	}
	if (!n->retired) {
		obey(w, id, &v);
		break_wedge(w, id);
	}
	tell(w, id);
}

/* bramble-guard. */
static void guard(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];

	if (w->now_ms < n->lease_ms + n->late_ms)
		return;
	n->open = n->writable = false;
	neo4j_kill(w, id);
}

static void tick(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];

	if (!n->on || w->now_ms < n->next_ms)
		return;
	n->next_ms = w->now_ms + TICK_MS;
	if (w->now_ms >= n->hung_ms)
		round_of(w, id);
	else
		guard(w, id);
	if (n->on)
		neo4j_tick(w, id);
}

void world_step(struct world *w)
{
	w->now_ms += STEP_MS;
	deliver_all(w);
	for (unsigned id = 1; id <= w->n; id++)
		tick(w, id);
	if (w->now_ms % TICK_MS == 0)
		writer_tick(w);
}

/* Eight came later than the seeds that are kept, which are to stay the schedules they were. */
static unsigned draw_size(struct world *w, uint64_t seed)
{
	static const uint8_t sizes[] = {
		3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 2, 2, 1, 6, 7, 9};

	unsigned n = sizes[world_random(w, sizeof(sizes))];
	return n == NODES && seed % 2 ? NODES - 1 : n;
}

void world_begin(struct world *w, uint64_t seed)
{
	struct slot kept[DELAY_SLOTS];

	memcpy(kept, w->slot, sizeof(kept));
	FILE *log = w->log;
	memset(w, 0, sizeof(*w));
	memcpy(w->slot, kept, sizeof(kept));
	for (size_t i = 0; i < DELAY_SLOTS; i++)
		w->slot[i].n = 0;
	w->log = log;
	w->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	w->now_ms = 1000;
	w->n = draw_size(w, seed);
	bool arbiter = w->n >= 3 && world_random(w, 6) == 0;
	w->expected.n = w->n;
	for (unsigned id = 1; id <= w->n; id++) {
		struct manifest_member *m = &w->expected.member[id - 1];
		w->node[id].arbiter = arbiter && id == w->n;
		*m = (struct manifest_member){.id = (uint8_t)id,
			.role = w->node[id].arbiter ? MANIFEST_ARBITER : MANIFEST_DATA};
	}
	for (unsigned id = 1; id <= w->n; id++)
		w->node[id].expected = w->expected;
}

void world_end(struct world *w)
{
	for (size_t i = 0; i < DELAY_SLOTS; i++)
		free(w->slot[i].letters);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/stat.h>
#include "buf.h"
#include "log.h"
#include "store_at_rest.h"
#include "util.h"
#include "voter.h"

/* Started by nobody who wrote down for which run: in none of ours. */
#define RUN_UNKNOWN UINT64_MAX

static bool has_vote(const struct member *m)
{
	return (m->roles & ROLE_VOTER) != 0;
}

void voter_open(struct voter *v, const struct identity *id, const char *store, const char *run)
{
	*v = (struct voter){.id = id,
		.store = store,
		.run = run,
		.enabled = id->mode == NEO4J_HA && has_vote(identity_self(id))};
}

static int by_id(const void *a, const void *b)
{
	const struct manifest_member *x = a, *y = b;

	return (int)x->id - (int)y->id;
}

/* The members node.conf names: the first manifest is to be of them. */
static void expect(const struct identity *id, struct manifest *m)
{
	*m = (struct manifest){0};
	for (size_t i = 0; i < id->nmembers; i++) {
		const struct member *k = &id->members[i];
		if (!has_vote(k))
			continue;
		struct manifest_member *to = &m->member[m->n++];
		*to = (struct manifest_member){.id = (uint8_t)k->id,
			.role = k->roles & ROLE_DATA ? MANIFEST_DATA : MANIFEST_ARBITER,
			.address = k->address};
		memcpy(to->name, k->name, sizeof(to->name));
	}
	qsort(m->member, m->n, sizeof(m->member[0]), by_id);
}

int voter_begin(struct voter *v, struct err *e)
{
	struct manifest expected;
	struct durable d;
	struct stat st;

	if (!v->enabled || v->begun)
		return 0;
	if (stat(v->store, &st) < 0)
		return err_errno(e, "%s", v->store);
	v->device = st.st_dev;
	if (memory_load(v->store, &d, e) < 0)
		return -1;
	v->end.tx = identity_self(v->id)->roles & ROLE_DATA ? TX_UNKNOWN : 0;
	runtime_load(v->run, &v->runtime);
	v->lease_ms = lease_load(v->run);
	expect(v->id, &expected);
	quorum_begin(&v->quorum, identity_self(v->id)->id, &expected, &d, boottime_ms());
	v->begun = true;
	return 0;
}

/* p3 may have gone since somebody looked: below its mount point lies another filesystem. */
static int check_store(const struct voter *v, bool held, struct err *e)
{
	struct stat st;

	if (!held && stat(v->store, &st) == 0 && st.st_dev == v->device)
		return 0;
	return err_set(e, "%s is not there: what was decided cannot be written down", v->store);
}

static int save(struct voter *v, bool held, struct err *e)
{
	if (v->quorum.dirty && check_store(v, held, e) < 0)
		return -1;
	if (v->quorum.dirty && memory_save(v->store, &v->quorum.d, e) < 0)
		return -1;
	v->quorum.dirty = false;
	return 0;
}

/* What could not be written is not so: the next round tries again. */
static int set_runtime(struct voter *v, const struct runtime *next, struct err *e)
{
	if (runtime_save(v->run, next, e) < 0)
		return -1;
	v->runtime = *next;
	return 0;
}

static int save_formed(struct voter *v, const struct voter_look *look, struct err *e)
{
	if (!look->process || !v->quorum.formed || v->runtime.formed)
		return 0;
	struct runtime next = v->runtime;
	next.formed = true;
	return set_runtime(v, &next, e);
}

/* A lease is kept where bramble-guard finds it; it is over at once for what must die. */
static int save_lease(struct voter *v, const struct verdict *verdict, struct err *e)
{
	int64_t lease_ms = verdict->neo4j == NEO4J_KILL ? 0 : verdict->lease_ms;

	if (lease_ms == v->lease_ms)
		return 0;
	if (lease_save(v->run, lease_ms, e) < 0)
		return -1;
	v->lease_ms = lease_ms;
	return 0;
}

/* Has this agent read it at rest, and Neo4j not been master or slave since? */
static bool joins(const struct voter *v, const struct voter_look *look)
{
	return look->process && v->end.tx != TX_UNKNOWN && !v->runtime.formed;
}

/*
 * Where Neo4j does not tell, for it hangs, has another role since a moment, or refuses the agents'
 * password. But one that has yet to join keeps for the others what it had at rest: what it has got
 * from the master by then is no branch, though that master may have told less.
 */
static void see_end(struct voter *v, const struct voter_look *look)
{
	struct store_end now = v->end;
	struct err e;

	if ((look->process && (look->told || look->copies)) || joins(v, look) ||
		!(identity_self(v->id)->roles & ROLE_DATA) || check_store(v, look->held, &e) < 0)
		return;
	bool known = store_end_read(&now, v->store, look->next, &e) == 0;
	if (!known && !v->endless)
		log_warn("how far the store goes cannot be told: %s", e.msg);
	v->endless = !known;
	/* What is written to may be hard to read for a moment. */
	if (known || !look->process || v->end.tx == TX_UNKNOWN)
		v->end = now;
}

/*
 * A master that refuses the agents' password, and that the others wait for to tell what it has:
 * until it leads nobody writes to it, and what a power cut left torn in its log it cut off before.
 */
static bool tells_by_log(const struct voter *v, const struct voter_look *look)
{
	return look->process && look->refused && look->role == NEO4J_MASTER && v->runtime.formed &&
	       !v->quorum.mine.leads && v->end.exact;
}

uint64_t voter_tells(const struct voter *v, uint64_t last_tx)
{
	return v->by_log ? v->end.tx : last_tx;
}

static uint64_t last_tx(const struct voter *v, const struct voter_look *look)
{
	if (!look->process || look->last_tx == TX_UNKNOWN)
		return v->end.tx;
	bool longer = !look->told && v->end.tx != TX_UNKNOWN && v->end.tx > look->last_tx;
	return longer ? v->end.tx : look->last_tx;
}

/*
 * Where Neo4j does not tell its slave's master (its password was changed), the only one that says
 * it is.
 */
static unsigned only_master(const struct voter *v)
{
	unsigned found = 0;

	for (unsigned id = 1; id <= MANIFEST_MAX; id++) {
		const struct seat *s = &v->quorum.seat[id];
		if (s->word.role != NEO4J_MASTER || !peer_recently(s->heard_ms))
			continue;
		if (found)
			return 0;
		found = id;
	}
	return found;
}

static struct quorum_look look_of(const struct voter *v, const struct voter_look *look)
{
	bool ours = look->process && v->runtime.run;

	return (struct quorum_look){
		.whole = look->whole,
		.fit = look->fit,
		.neo4j_run = ours            ? v->runtime.run
			     : look->process ? RUN_UNKNOWN
					     : 0,
		.unasked = !ours && look->unasked,
		.formed = ours && v->runtime.formed,
		.lease_ms = v->lease_ms,
		.copies = look->copies,
		.parts = look->parts,
		.shut = look->shut,
		.ha_server = look->ha_server,
		.role = look->role,
		.master =
			!look->master && look->role == NEO4J_SLAVE ? only_master(v) : look->master,
		.last_tx = last_tx(v, look),
		.told = (look->process && look->told) || v->by_log,
		.stored = look->stored,
		.failed = look->failed,
		.runs = look->runs,
	};
}

/* "held: stores that may hold ... are missing: pi2, pi3" */
static void name_missing(struct voter *v, struct verdict *verdict)
{
	_cleanup_buf_ struct buf text = {0};
	const char *sep = ": ";

	/* For those that are only away formation.c has a better reason. */
	if (strncmp(verdict->why, "held: ", 6) != 0 || !idset_count(&verdict->missing))
		return;
	buf_puts(&text, verdict->why);
	for (size_t i = 0; i < v->id->nmembers; i++) {
		const struct member *m = &v->id->members[i];
		if (!has_vote(m) || !idset_has(&verdict->missing, m->id))
			continue;
		buf_printf(&text, "%s%s", sep, m->name);
		sep = ", ";
	}
	why_copy(v->why, buf_str(&text));
	verdict->why = v->why;
}

int voter_step(
	struct voter *v, const struct voter_look *look, struct verdict *verdict, struct err *e)
{
	*verdict = (struct verdict){.why = ""};
	if (!v->begun)
		return 0;
	see_end(v, look);
	v->by_log = tells_by_log(v, look);
	struct quorum_look q = look_of(v, look);
	quorum_step(&v->quorum, &q, boottime_ms(), verdict);
	name_missing(v, verdict);
	if (save_lease(v, verdict, e) == 0 && save_formed(v, look, e) == 0 &&
		save(v, look->held, e) == 0)
		return 0;
	*verdict = (struct verdict){
		.neo4j = verdict->neo4j == NEO4J_KILL ? NEO4J_KILL : NEO4J_AS_IT_IS, .why = ""};
	return -1;
}

static int ids_of(
	const struct voter *v, const char *const *names, size_t n, struct idset *ids, struct err *e)
{
	*ids = (struct idset){0};
	for (size_t i = 0; i < n; i++) {
		const struct member *m = identity_member(v->id, names[i]);
		if (!m || !has_vote(m))
			return err_set(
				e, "%s is no data node or arbiter of this cluster", names[i]);
		idset_add(ids, m->id);
	}
	return 0;
}

int voter_give_up(
	struct voter *v, enum loss loss, const char *const *names, size_t n, struct err *e)
{
	struct idset ids;

	if (!v->begun)
		return err_set(e, "this node has no vote, or its data partition is not there");
	if (ids_of(v, names, n, &ids, e) < 0)
		return -1;
	return loss == LOSS_ACCEPTED ? quorum_accept_loss(&v->quorum, &ids, e)
				     : quorum_form_without(&v->quorum, &ids, e);
}

bool voter_has_given_up(const struct voter *v, const char *const *names, size_t n)
{
	const struct manifest *m = &v->quorum.d.manifest;
	struct idset ids;
	struct err e;

	if (!m->epoch || ids_of(v, names, n, &ids, &e) < 0)
		return false;
	for (unsigned i = 0; i < m->n; i++) {
		if (idset_has(&ids, m->member[i].id) && m->member[i].incarnation)
			return false;
	}
	return true;
}

int voter_starts(struct voter *v, const struct verdict *verdict, bool emptied, struct err *e)
{
	if (!v->enabled)
		return lease_save(v->run, LEASE_NEVER_ENDS, e);
	if (check_store(v, false, e) < 0)
		return -1;
	if (emptied) {
		quorum_forget_store(&v->quorum);
		v->end = (struct store_end){0};
		if (save(v, false, e) < 0)
			return -1;
	}
	struct runtime next = {.run = verdict->run, .hosts = verdict->hosts};
	return set_runtime(v, &next, e);
}

unsigned voter_majority(const struct voter *v)
{
	unsigned n = 0;

	if (v->begun)
		return manifest_majority(quorum_members(&v->quorum));
	for (size_t i = 0; i < v->id->nmembers; i++)
		n += has_vote(&v->id->members[i]);
	return n / 2 + 1;
}

bool voter_was_last_master(const struct voter *v)
{
	return !v->enabled || (v->begun && quorum_was_last(&v->quorum));
}

/* --- hellos */

static void seen(void *arg, const struct member *from)
{
	struct voter *v = arg;

	if (v->begun && has_vote(from))
		quorum_seen(&v->quorum, from->id, boottime_ms());
}

/* Who leads, or proposes, waits for such words, one after the other. */
static bool is_news(const struct word *a, const struct word *b)
{
	return a->epoch != b->epoch || a->promised != b->promised || a->accepted != b->accepted ||
	       a->ballot != b->ballot || a->phase != b->phase || a->role != b->role ||
	       a->master != b->master || !mastership_equal(&a->claim, &b->claim) ||
	       !mastership_equal(&a->granted, &b->granted) ||
	       !mastership_equal(&a->basis, &b->basis);
}

static void heard(void *arg, const struct member *from, const struct hello *h,
	const struct manifest *value, int64_t proven_ms)
{
	struct voter *v = arg;

	if (!v->begun || !has_vote(from))
		return;
	const struct word *said = &v->quorum.seat[from->id].word, before = *said;
	v->quorum.now_ms = boottime_ms();
	struct word word = h->word;
	word.told = h->last_tx != TX_UNKNOWN;
	quorum_hear(&v->quorum, from->id, &word, word.part == WORD_ALONE ? NULL : value, proven_ms);
	if (v->news && is_news(&before, said))
		v->news(v->news_arg);
}

static void news(void *arg)
{
	struct voter *v = arg;

	if (v->news)
		v->news(v->news_arg);
}

static const struct manifest *word(void *arg, const struct member *to, struct word *w)
{
	struct voter *v = arg;
	const struct manifest *value = NULL;

	*w = (struct word){0};
	if (v->begun && has_vote(to))
		quorum_word(&v->quorum, to->id, w, &value);
	else if (v->begun)
		*w = v->quorum.mine;
	return value;
}

struct peers_listener voter_listener(struct voter *v)
{
	return (struct peers_listener){seen, heard, news, word, v};
}

static bool has_all(const struct voter *v, const struct peer *p, uint64_t last_tx)
{
	const struct hello *h = &p->last;

	return p->member->roles & ROLE_DATA && voter_votes(v, p->member) && peer_present(p) &&
	       h->role == NEO4J_SLAVE && h->last_tx != TX_UNKNOWN && h->last_tx >= last_tx;
}

bool voter_majority_has(const struct voter *v, const struct peers *peers, uint64_t last_tx)
{
	unsigned have = 1;

	for (size_t i = 0; i < peers->n; i++)
		have += has_all(v, &peers->peer[i], last_tx);
	return last_tx == TX_UNKNOWN || have >= manifest_data_majority(quorum_members(&v->quorum));
}

bool voter_writable(const struct voter *v, const struct verdict *verdict, enum neo4j_role role)
{
	return v->enabled ? verdict->writable : role == NEO4J_MASTER;
}

bool voter_leads(const struct hello *h)
{
	const struct word *w = &h->word;

	if (!w->incarnation)
		return h->role == NEO4J_MASTER;
	return w->lease && w->role == NEO4J_MASTER && w->claim.term &&
	       w->basis.term == w->claim.term && w->basis.id == w->claim.id;
}

bool voter_peer_leads(const struct peers *peers)
{
	for (size_t i = 0; i < peers->n; i++) {
		if (peer_present(&peers->peer[i]) && voter_leads(&peers->peer[i].last))
			return true;
	}
	return false;
}

void voter_meet(const struct peers *peers, char version[NEO4J_SIZE])
{
	for (size_t i = 0; i < peers->n; i++) {
		const struct peer *p = &peers->peer[i];
		bool joined = p->last.role >= NEO4J_SLAVE && !(p->member->roles & ROLE_ARBITER);
		if (!peer_present(p) || !joined || !p->last.neo4j[0])
			continue;
		memcpy(version, p->last.neo4j, NEO4J_SIZE);
		if (voter_leads(&p->last))
			return;
	}
}

const char *voter_rest(const struct voter *v)
{
	const struct manifest *m = &v->quorum.d.manifest;

	if (v->begun && m->epoch && !manifest_member(m, v->quorum.self))
		return "was removed from the cluster";
	return v->begun && quorum_is_leaving(&v->quorum) ? "stops, for this node is to be removed"
							 : "";
}

bool voter_votes(const struct voter *v, const struct member *m)
{
	const struct manifest *all = &v->quorum.d.manifest;
	const struct manifest_member *k = manifest_member(all, m->id);

	if (!v->enabled || !v->begun || !all->epoch)
		return has_vote(m);
	return k && k->incarnation;
}

bool voter_belongs(const struct voter *v, const struct member *m)
{
	if (!v->enabled || !v->begun || !has_vote(m))
		return true;
	return manifest_member(quorum_members(&v->quorum), m->id) != NULL;
}

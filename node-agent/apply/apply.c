/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "apply.h"
#include "card_paths.h"
#include "io.h"
#include "log.h"
#include "neo4j_lines.h"
#include "record.h"
#include "talk.h"

#define PULL_MS 600000
#define PULL_AGAIN_MS 3000
#define PULL_AGAIN_MOST_MS 60000 /* who gives what cannot be taken gives it again, whole */
#define CONF_MAX (256u << 10)

static bool has_vote(const struct apply *a)
{
	return identity_self(a->id)->roles & ROLE_VOTER;
}

static const char *self(const struct apply *a)
{
	return identity_self(a->id)->name;
}

/* --- state.json */

static char *state_path(const struct apply *a)
{
	return xasprintf("%s/state.json", a->shelf.dir);
}

static void load_trial(const struct apply *a, struct trial *t)
{
	_cleanup_free_ char *path = state_path(a);
	json_t *json = record_read(path);
	const char *why = json_string_value(json_object_get(json, "why"));
	json_int_t phase = json_integer_value(json_object_get(json, "phase"));

	*t = (struct trial){
		.generation = (uint64_t)json_integer_value(json_object_get(json, "generation")),
		.serial = (uint64_t)json_integer_value(json_object_get(json, "serial")),
		.failed = (uint64_t)json_integer_value(json_object_get(json, "failed")),
		.stays = (uint64_t)json_integer_value(json_object_get(json, "stays")),
		.owed = (uint64_t)json_integer_value(json_object_get(json, "owed")),
		.neo4j = json_is_true(json_object_get(json, "neo4j")),
		.what = json_is_true(json_object_get(json, "back")) ? ENACT_BEFORE
								    : ENACT_GENERATION};
	if (phase > 0 && phase < ROLLOUT_PHASES)
		t->phase = (enum rollout_phase)phase;
	why_copy(t->why, why ? why : "");
	json_decref(json);
}

static int save_trial(struct apply *a, struct err *e)
{
	_cleanup_free_ char *path = state_path(a);
	const struct trial *t = &a->rollout.trial;
	json_t *json = json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:s}", "phase",
		(int)t->phase, "generation", (json_int_t)t->generation, "serial",
		(json_int_t)t->serial, "failed", (json_int_t)t->failed, "stays",
		(json_int_t)t->stays, "owed", (json_int_t)t->owed, "neo4j", t->neo4j, "back",
		t->what == ENACT_BEFORE, "why", t->why);
	int rc = io_mkdir_p(a->shelf.dir, 0700, e) < 0 ? -1 : record_write(path, json, 0600, e);

	json_decref(json);
	return rc;
}

/* --- what the goal has for this node */

static bool text_differs(const struct apply *a, const struct generation_file *f)
{
	_cleanup_free_ char *path = xasprintf("%s%s", a->root, f->path);
	_cleanup_free_ char *content = shelf_content(&a->shelf, f->digest);
	_cleanup_buf_ struct buf is = {0}, wanted = {0};
	struct err e;

	if (!content || io_read_plain(path, CONF_MAX, &is, &e) < 0 ||
		io_read_plain(content, CONF_MAX, &wanted, &e) < 0)
		return true;
	return neo4j_lines_differ(buf_str(&is), buf_str(&wanted));
}

static bool differs(const struct apply *a, const json_t *digests, const struct generation_file *f)
{
	if (f->kind == GENERATION_DIR || card_path_needs(f->path) != CARD_NEEDS_NEO4J)
		return false;
	const char *digest = json_string_value(json_object_get(digests, f->path));
	if (f->kind == GENERATION_FILE && digest && strcmp(digest, f->digest) == 0)
		return false;
	return f->kind == GENERATION_LINK || text_differs(a, f);
}

static bool neo4j_changes(const struct apply *a, const struct generation *g)
{
	_cleanup_json_ json_t *record = enact_record(a->root);
	_cleanup_json_ json_t *digests = record_digests(record);
	_cleanup_json_ json_t *paths = record_paths(g, self(a));
	ssize_t n = generation_count(g, self(a));
	bool changes = false;
	const char *path;
	json_t *digest;

	for (ssize_t i = 0; i < n && !changes; i++) {
		struct generation_file f = generation_file_at(g, self(a), (size_t)i);
		changes = differs(a, digests, &f);
	}
	json_object_foreach(digests, path, digest)
	{
		changes |=
			card_path_needs(path) == CARD_NEEDS_NEO4J && !json_object_get(paths, path);
	}
	return changes;
}

static bool fits(struct apply *a, const struct generation *g)
{
	if (generation_count(g, self(a)) < 0)
		why_copy(a->known.obstacle, "this node is not in it");
	else if (has_vote(a) && strcmp(g->neo4j, a->id->neo4j) != 0)
		why_copy(a->known.obstacle, "it is for another Neo4j; see bramble upgrade");
	else
		a->known.obstacle[0] = '\0';
	return !a->known.obstacle[0];
}

/* Looked at once for each goal: a list may be long, and its files many. */
static void know_goal(struct apply *a)
{
	_cleanup_generation_ struct generation g = {0};
	_cleanup_buf_ struct buf sealed = {0};
	struct err e;

	if (a->known.ready && a->known.goal == a->goal && a->known.runs == a->id->generation)
		return;
	a->known.goal = a->goal;
	a->known.runs = a->id->generation;
	a->known.ready = a->known.neo4j_changes = false;
	why_copy(
		a->known.obstacle, *a->pull_error ? a->pull_error : "takes it from another member");
	if (!a->goal || a->goal <= a->id->generation || !shelf_has(&a->shelf, a->goal))
		return;
	if (shelf_load(&a->shelf, a->id, a->goal, &sealed, &g, &e) < 0) {
		why_copy(a->known.obstacle, e.msg);
		return;
	}
	a->known.ready = fits(a, &g);
	a->known.neo4j_changes = a->known.ready && neo4j_changes(a, &g);
}

/* --- what was decided */

/* A node without a vote believes the member that knows the latest manifest. */
static void hear_goal(struct apply *a)
{
	const struct word *latest = NULL;

	for (size_t i = 0; i < a->peers->n; i++) {
		const struct peer *p = &a->peers->peer[i];
		if (peer_present(p) && p->last.word.epoch &&
			(!latest || p->last.word.epoch > latest->epoch))
			latest = &p->last.word;
	}
	if (latest)
		a->goal = a->newest = latest->goal;
}

static void learn_goal(struct apply *a)
{
	const struct manifest *m = &a->voter->quorum.d.manifest;

	if (!a->voter->enabled) {
		hear_goal(a);
		return;
	}
	a->goal = a->voter->begun ? manifest_goal(m) : 0;
	a->newest = a->voter->begun ? m->generation : 0;
}

static bool is_voter(const struct apply *a, const struct peer *p)
{
	return (p->member->roles & ROLE_VOTER) && voter_belongs(a->voter, p->member);
}

static const char *find_spoiler(const struct apply *a)
{
	for (size_t i = 0; a->goal && i < a->peers->n; i++) {
		const struct peer *p = &a->peers->peer[i];
		if (peer_present(p) && is_voter(a, p) && p->last.word.failed == a->goal)
			return p->member->name;
	}
	return NULL;
}

static bool all_run(const struct apply *a)
{
	for (size_t i = 0; i < a->peers->n; i++) {
		const struct peer *p = &a->peers->peer[i];
		if ((p->member->roles & ROLE_VOTER) && p->last.word.goal == a->goal &&
			!(peer_present(p) && p->last.word.runs >= a->goal))
			return false;
	}
	return true;
}

static bool outruns_most(const struct apply *a)
{
	unsigned older = 0;

	for (size_t i = 0; i < a->peers->n; i++) {
		const struct peer *p = &a->peers->peer[i];
		uint64_t runs = p->last.word.runs;
		older += peer_present(p) && voter_votes(a->voter, p->member) && runs &&
			 runs < a->id->generation;
	}
	return a->voter->enabled && older >= manifest_majority(&a->voter->quorum.d.manifest);
}

/* A slave may have it later than the master, and so ask for its turn later. */
static const char *runs_not_yet(const struct apply *a)
{
	for (size_t i = 0; i < a->peers->n; i++) {
		const struct peer *p = &a->peers->peer[i];
		if (voter_votes(a->voter, p->member) &&
			!(peer_present(p) && p->last.word.runs >= a->goal))
			return p->member->name;
	}
	return NULL;
}

static bool runs_elsewhere(const struct apply *a)
{
	for (size_t i = 0; i < a->peers->n; i++) {
		const struct peer *p = &a->peers->peer[i];
		if (peer_present(p) && is_voter(a, p) && p->last.word.runs == a->goal)
			return true;
	}
	return false;
}

/* --- taking one from a peer */

static uint64_t wanted(const struct apply *a)
{
	uint64_t newest =
		a->goal > a->id->generation && !shelf_has(&a->shelf, a->goal) ? a->goal : 0;

	for (size_t i = 0; i < a->peers->n && has_vote(a); i++) {
		const struct peer *p = &a->peers->peer[i];
		uint64_t stored = p->last.word.stored;
		if (peer_present(p) && stored > newest && stored > a->stored &&
			stored > a->id->generation)
			newest = stored;
	}
	return newest;
}

/* Whoever has it, one after the other. */
static const struct peer *find_giver(struct apply *a, uint64_t number)
{
	for (size_t i = 0; i < a->peers->n; i++) {
		const struct peer *p = &a->peers->peer[(a->pull_next + i) % a->peers->n];
		if (!peer_present(p) || p->last.word.stored < number)
			continue;
		a->pull_next = (a->pull_next + i + 1) % a->peers->n;
		return p;
	}
	return NULL;
}

/* What the child said, without its name. */
static void note_pull_error(struct apply *a, const char *said)
{
	static const char name[] = "bramble-agent: ";
	char line[256];

	if (str_starts(said, name))
		said += sizeof(name) - 1;
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(said, "\n"), said);
	why_copy(a->pull_error, *line ? line : "it could not be taken from another member");
	log_warn("generation %llu: %s", (unsigned long long)a->pulls, line);
}

static void note_pull_failed(struct apply *a)
{
	a->pull_fails++;
	a->pull_ms = boottime_ms();
}

static int64_t pull_pause_ms(const struct apply *a)
{
	return backoff_ms(PULL_AGAIN_MS, a->pull_fails ? a->pull_fails - 1 : 0, PULL_AGAIN_MOST_MS);
}

static void pull_ended(struct child *c, int status)
{
	struct apply *a = container_of(c, struct apply, pull);

	a->pull_error[0] = '\0';
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		log_info("generation %llu: is here whole", (unsigned long long)a->pulls);
		a->pull_fails = 0;
	} else {
		note_pull_error(a, buf_str(&c->text));
		note_pull_failed(a);
	}
	buf_free(&c->text);
	apply_look_again(a);
}

static void pull_from(struct apply *a, const struct peer *from, uint64_t number)
{
	char where[INET_ADDRSTRLEN + 8], text[24], address[INET_ADDRSTRLEN];

	a->pull_ms = boottime_ms();
	a->pulls = number;
	struct in_addr at = from->at.address;
	inet_ntop(AF_INET, &at, address, sizeof(address));
	snprintf(where, sizeof(where), "%s:%u", address, ntohs(a->peers->port));
	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	const char *const argv[] = {"/proc/self/exe", "--root", a->root, "--from", where,
		"--generation", text, "pull", NULL};
	if (child_run(&a->pull, a->loop, argv, -1, pull_ended) < 0) {
		log_error("generation %s: %s", text, strerror(errno));
		note_pull_failed(a);
	} else {
		loop_timer_set(a->loop, &a->pull.timeout, PULL_MS);
	}
}

static void pull(struct apply *a)
{
	uint64_t number = a->pull.pid ? a->pulls : wanted(a);

	if (number != a->pulls) /* also when whoever gave it has another card now */
		a->pull_error[0] = '\0';
	if (number && number != a->pulls)
		a->pull_fails = 0;
	if (a->pull.pid || !number || boottime_ms() < a->pull_ms + pull_pause_ms(a))
		return;
	const struct peer *from = find_giver(a, number);
	if (from)
		pull_from(a, from, number);
}

/* --- offering it */

/* The voters of the newest on the shelf, as a manifest has them. */
static void offer(struct apply *a, const struct generation *g)
{
	struct manifest m = {.generation = g->number};

	for (size_t i = 0; i < g->nmembers && m.n < MANIFEST_MAX; i++) {
		struct generation_member from = generation_member_at(g, i);
		struct manifest_member *to = &m.member[m.n++];
		*to = (struct manifest_member){.id = (uint8_t)from.id,
			.role = from.data ? MANIFEST_DATA : MANIFEST_ARBITER};
		if (*from.address)
			inet_pton(AF_INET, from.address, &to->address);
		snprintf(to->name, sizeof(to->name), "%s", from.name);
	}
	quorum_offer(&a->voter->quorum, &m);
}

static void look_at_shelf(struct apply *a)
{
	_cleanup_generation_ struct generation g = {0};
	_cleanup_buf_ struct buf sealed = {0};
	uint64_t newest = shelf_newest(&a->shelf);
	struct err e;

	a->stored = 0;
	a->known.ready = false;
	if (!newest)
		return;
	if (shelf_load(&a->shelf, a->id, newest, &sealed, &g, &e) < 0) {
		log_error("%s", e.msg);
		return;
	}
	a->stored = newest;
	if (a->voter->enabled)
		offer(a, &g);
	const uint64_t keep[] = {newest, a->goal, a->newest, a->id->generation};
	shelf_prune(&a->shelf, a->id, keep, ARRAY_SIZE(keep));
}

/* --- orders */

static void ordered(void *arg, int code, const char *text)
{
	(void)arg;
	if (code)
		log_error("bramble-enact: %s", text[0] ? text : strerror(code));
}

static void give_order(struct apply *a)
{
	const struct trial *t = &a->rollout.trial;
	struct enact_order o = {t->serial, t->what, t->generation};
	struct err e;

	if (enact_order_save(a->shelf.dir, &o, &e) < 0)
		log_error("%s", e.msg);
	else
		helper_ask(
			&a->installer, &(struct helper_request){.verb = HELPER_ENACT}, ordered, a);
}

static bool owes(const struct apply *a)
{
	return a->rollout.trial.owed != 0;
}

static void log_phase(const struct apply *a, enum rollout_phase before)
{
	const struct trial *t = &a->rollout.trial;
	bool again = owes(a) && t->owed == t->generation;

	if (before == t->phase)
		return;
	if (before == ROLLOUT_INSTALLS && again)
		log_error("generation %llu: cannot be taken back: %s; tried again in %lld s",
			(unsigned long long)t->owed, a->rollout.owed_why,
			(long long)a->rollout.pause_ms / 1000);
	if (before == ROLLOUT_PROVES && t->phase == ROLLOUT_STOPS)
		log_error("generation %llu: %s; it is taken back",
			(unsigned long long)t->generation, t->why);
	else if (before == ROLLOUT_PROVES)
		log_info("generation %llu: %s", (unsigned long long)t->generation,
			t->what == ENACT_GENERATION ? "has come up"
			: again                     ? "goes on meanwhile"
						    : "was taken back");
	else if (t->phase == ROLLOUT_STOPS)
		log_info("generation %llu: its turn", (unsigned long long)t->generation);
}

static bool node_conf_changed(const struct apply *a)
{
	struct identity *id = malloc(sizeof(*id));
	struct err e;

	bool changed = id && identity_load_root(a->root, id, &e) == 0 &&
		       (id->generation != a->id->generation ||
			       memcmp(id->digest, a->id->digest, DIGEST_SIZE) != 0);
	free(id);
	return changed;
}

static void roll(struct apply *a, const struct apply_look *look)
{
	enum rollout_phase before = a->rollout.trial.phase;
	struct enact_failure how = {0};
	struct err why = {0}, e;
	struct rollout_look r = {.now_ms = boottime_ms(),
		.runs = a->id->generation,
		.newest = a->newest,
		.goal = a->goal,
		.voter = a->voter->enabled,
		.ready = a->known.ready,
		.obstacle = a->known.obstacle,
		.spoiler = find_spoiler(a),
		.before = look->master ? runs_not_yet(a) : NULL,
		.all_run = all_run(a),
		.outruns = outruns_most(a),
		.elsewhere = runs_elsewhere(a),
		/* Of what is there in part the record does not tell. */
		.neo4j_changes = a->known.neo4j_changes || owes(a),
		.turn = look->turn,
		.process = look->process,
		.copies = look->copies,
		.serves = look->serves,
		.failures = look->failures,
		.serial = (uint64_t)randombytes_random() + 1};

	if (before == ROLLOUT_INSTALLS)
		r.result = enact_result(a->root, a->rollout.trial.serial, &how, &why);
	r.passing = how.passing;
	r.unfit = how.unfit;
	r.result_why = why.msg;
	rollout_step(&a->rollout, &r, &a->word);
	if (a->rollout.dirty && save_trial(a, &e) < 0) {
		log_error("%s", e.msg);
		return;
	}
	a->rollout.dirty = false;
	if (a->word.orders)
		give_order(a);
	log_phase(a, before);
}

/* --- the whole */

void apply_open(struct apply *a)
{
	_cleanup_free_ char *dir = shelf_dir(a->root, a->id);

	shelf_open(&a->shelf, a->root, dir, has_vote(a) ? NULL : self(a));
	helper_client_init(&a->installer, a->loop, a->helper);
}

void apply_close(struct apply *a)
{
	if (!a->shelf.dir)
		return;
	child_close(&a->pull);
	helper_client_cancel(&a->installer);
	shelf_close(&a->shelf);
}

static void begin(struct apply *a)
{
	struct trial t;

	if (a->begun)
		return;
	load_trial(a, &t);
	rollout_begin(&a->rollout, &t, boottime_ms());
	a->begun = true;
	look_at_shelf(a);
}

bool apply_step(struct apply *a, const struct apply_look *look)
{
	enum rollout_phase before = a->rollout.trial.phase;

	if (has_vote(a) && (!look->there || (a->voter->enabled && !a->voter->begun)))
		return false;
	if (has_vote(a) && !a->voter->enabled)
		return false; /* no HA cluster: nobody decides */
	begin(a);
	learn_goal(a);
	know_goal(a);
	pull(a);
	roll(a, look);
	return before == ROLLOUT_INSTALLS && a->rollout.trial.phase == ROLLOUT_PROVES &&
	       node_conf_changed(a);
}

void apply_reap(struct apply *a)
{
	child_reap(&a->pull);
}

void apply_look_again(struct apply *a)
{
	if (a->begun)
		look_at_shelf(a);
}

void apply_tell(const struct apply *a, struct voter_look *look)
{
	look->stored = a->stored;
	look->failed = a->rollout.trial.failed;
	look->runs = a->word.proven ? a->id->generation : 0;
}

const char *apply_rest(const struct apply *a)
{
	return a->word.rests ? "takes over another generation of the configuration" : "";
}

const char *apply_wish(const struct apply *a, char why[WHY_SIZE])
{
	char text[64];

	if (!a->word.wants)
		return "";
	snprintf(text, sizeof(text), "generation %llu of the configuration",
		(unsigned long long)a->newest);
	why_copy(why, text);
	return why;
}

/* It may stand on one before that, and be unable to leave it, too. */
static void say_failed(const struct apply *a, char *text, size_t n)
{
	const struct trial *t = &a->rollout.trial;
	const char *stays = t->failed != a->id->generation ? a->rollout.why : "";

	snprintf(text, n, "generation %llu failed: %s%s%s", (unsigned long long)t->failed, t->why,
		*stays ? "; " : "", stays);
}

static void say_why(const struct apply *a, char *text, size_t n)
{
	const struct trial *t = &a->rollout.trial;
	const char *obstacle = a->voter->enabled && a->voter->begun
				       ? quorum_offer_obstacle(&a->voter->quorum)
				       : NULL;

	if (obstacle)
		snprintf(text, n, "generation %llu: %s", (unsigned long long)a->stored, obstacle);
	else if (!owes(a) && t->failed && t->failed == a->newest)
		say_failed(a, text, n);
	else if (!a->rollout.why[0] && a->pull_error[0] && a->pulls > a->newest)
		snprintf(text, n, "generation %llu: %s", (unsigned long long)a->pulls,
			a->pull_error);
	else
		snprintf(text, n, "%s", a->rollout.why);
}

void apply_why(const struct apply *a, bool calm, char why[WHY_SIZE])
{
	char text[3 * WHY_SIZE], both[4 * WHY_SIZE + 2];

	say_why(a, text, sizeof(text));
	if (!text[0] || !(owes(a) || (calm && !why[0])))
		return;
	snprintf(both, sizeof(both), "%s%s%s", why, why[0] ? "; " : "", text);
	why_copy(why, both);
}

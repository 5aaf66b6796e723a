/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the owner's PC, and the other members, have to do with generations: to give one (offer,
 * content), to take one (list, fetch), and to see what it would change here (compare, text).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "../control/verbs.h"
#include "card_paths.h"
#include "io.h"
#include "record.h"
#include "talk.h"

#define MISSING_MAX 200          /* named in one answer */
#define LOOKED_AT_MAX (4u << 20) /* larger ones are known by how they were installed */
#define TURN_MS 50 /* of comparing; then whatever else waits in the loop has its turn */
#define PIECE 16384
#define TEXT_MAX (256u << 10)
#define FIXED "/etc/bramble/fixed.json"

static struct apply *apply_of(const struct call *c)
{
	const struct verbs *v = c->agent;

	return v->apply;
}

/* --- a list that comes: offer, compare */

struct incoming {
	struct buf sealed;
	size_t size;
	void (*whole)(struct call *c, struct generation *g); /* may take g's contents */
	struct comparison *comparison;                       /* of compare, once it is whole */
};

static void comparison_free(struct comparison *cmp);

static void incoming_end(struct call *c)
{
	struct incoming *in = c->own;

	if (!in)
		return;
	comparison_free(in->comparison);
	buf_free(&in->sealed);
	free(in);
}

static void incoming_begin(
	struct call *c, const json_t *request, void (*whole)(struct call *c, struct generation *g))
{
	json_int_t size = json_integer_value(json_object_get(request, "size"));
	struct incoming *in =
		size > 0 && size <= (json_int_t)GENERATION_LIST_MAX ? calloc(1, sizeof(*in)) : NULL;

	c->own = in;
	if (!in) {
		call_fail(c, CALL_BAD_REQUEST, "\"size\" must be 1 to %u", GENERATION_LIST_MAX);
		return;
	}
	in->size = (size_t)size;
	in->whole = whole;
}

static void incoming_data(struct call *c, const void *p, size_t n)
{
	_cleanup_generation_ struct generation g = {0};
	struct incoming *in = c->own;
	const struct apply *a = apply_of(c);
	struct err e;

	buf_add(&in->sealed, p, n);
	if (in->comparison || !buf_ok(&in->sealed) || in->sealed.len > in->size) {
		call_fail(c, CALL_BAD_REQUEST, "more than was told, or no memory for it");
		return;
	}
	if (in->sealed.len < in->size)
		return;
	if (shelf_check(&a->shelf, a->id, &in->sealed, &g, &e) < 0)
		call_fail(c, CALL_REFUSED, "%s", e.msg);
	else
		in->whole(c, &g);
}

/* --- offer */

static const char *why_not(const struct apply *a, const struct generation *g)
{
	if (!a->voter->enabled || !a->begun)
		return "this node has no vote in an HA cluster, or its data partition is not there";
	if (!a->voter->quorum.d.manifest.epoch)
		return "no cluster was ever formed";
	if (strcmp(g->neo4j, a->id->neo4j) != 0)
		return "it is for another Neo4j; bramble upgrade changes that";
	if (g->number == a->stored)
		return NULL;
	if (g->number <= a->stored || g->number <= a->newest || g->number <= a->id->generation)
		return "it is no newer than what is here";
	return NULL;
}

/* Who has one of that number whole, which is soon here, too; NULL: nobody that is heard. */
static const char *has_number(const struct apply *a, uint64_t number)
{
	for (size_t i = 0; i < a->peers->n; i++) {
		const struct peer *p = &a->peers->peer[i];
		if (peer_present(p) && p->last.word.stored == number)
			return p->member->name;
	}
	return NULL;
}

/*
 * Agents compare numbers: one that another member has may be another list, and is taken only once
 * its bytes are here to compare with.
 */
static int check_offer(
	const struct apply *a, const struct generation *g, const struct buf *sealed, struct err *e)
{
	const char *other = shelf_has(&a->shelf, g->number) ? NULL : has_number(a, g->number);

	if (!other)
		return shelf_check_number(&a->shelf, g->number, sealed, e);
	return err_code(e, EXIT_BUSY, "%s has a generation %llu already; apply again", other,
		(unsigned long long)g->number);
}

static void keep_offer(struct call *c, struct generation *g)
{
	struct apply *a = apply_of(c);
	const struct incoming *in = c->own;
	const char *why = why_not(a, g);
	struct err e = {0};

	if (why) {
		call_fail(c, CALL_REFUSED, "%s", why);
		return;
	}
	_cleanup_json_ json_t *missing = shelf_missing(&a->shelf, g, MISSING_MAX);
	bool whole = json_array_size(missing) == 0;
	/* Before what is missing comes; and again, for a pull may have kept one meanwhile. */
	int rc = check_offer(a, g, &in->sealed, &e);
	if (rc == 0 && whole)
		rc = shelf_keep(&a->shelf, g, &in->sealed, &e);
	if (rc < 0) {
		call_fail(c, e.code == EXIT_BUSY ? CALL_BUSY : CALL_REFUSED, "%s", e.msg);
		return;
	}
	if (whole)
		apply_look_again(a);
	call_done(c, json_pack("{s:O}", "missing", missing));
}

static void offer_begin(struct call *c, const json_t *request)
{
	incoming_begin(c, request, keep_offer);
}

const struct verb offer_verb = {
	.name = "offer", .begin = offer_begin, .data = incoming_data, .end = incoming_end};

/* --- content */

static void content_end(struct call *c)
{
	if (c->own)
		shelf_abandon(c->own);
	free(c->own);
}

static void content_begin(struct call *c, const json_t *request)
{
	const char *digest = json_string_value(json_object_get(request, "digest"));
	json_int_t size = json_integer_value(json_object_get(request, "size"));
	const struct apply *a = apply_of(c);
	struct shelf_writer *w = a->begun ? calloc(1, sizeof(*w)) : NULL;
	struct err e = {0};

	c->own = w;
	if (!w || shelf_begin(w, &a->shelf, digest ? digest : "", (uint64_t)size, &e) < 0)
		call_fail(c, CALL_REFUSED, "%s", w ? e.msg : "there is no place for it");
	else if (size == 0 && shelf_end(w, &e) < 0)
		call_fail(c, CALL_FAILED, "%s", e.msg);
	else if (size == 0)
		call_done(c, NULL);
}

static void content_data(struct call *c, const void *p, size_t n)
{
	struct shelf_writer *w = c->own;
	struct err e;

	if (shelf_add(w, p, n, &e) < 0)
		call_fail(c, CALL_FAILED, "%s", e.msg);
	else if (w->left == 0 && shelf_end(w, &e) < 0)
		call_fail(c, CALL_FAILED, "%s", e.msg);
	else if (w->left == 0)
		call_done(c, NULL);
}

const struct verb content_verb = {.name = "content",
	.silent = true,
	.begin = content_begin,
	.data = content_data,
	.end = content_end};

/* --- list, fetch */

static void fetch_end(struct call *c)
{
	int *fd = c->own;

	if (fd)
		close(*fd);
	free(fd);
}

static void fetch_more(struct call *c)
{
	char piece[PIECE];
	ssize_t n = read(*(int *)c->own, piece, sizeof(piece));

	if (n < 0)
		call_fail(c, CALL_FAILED, "%s", strerror(errno));
	else if (n == 0)
		call_done(c, NULL);
	else
		call_data(c, piece, (size_t)n);
}

static void send_file(struct call *c, const char *path)
{
	int *fd = malloc(sizeof(*fd));
	struct stat st;
	struct err none;
	int opened = path && fd ? io_open_plain(AT_FDCWD, path, &st, &none) : -1;

	if (opened < 0) {
		free(fd);
		call_fail(c, CALL_REFUSED, "it is not here");
		return;
	}
	*fd = opened;
	c->own = fd;
	fetch_more(c);
}

static void list_begin(struct call *c, const json_t *request)
{
	json_int_t number = json_integer_value(json_object_get(request, "generation"));
	_cleanup_free_ char *path =
		xasprintf("%s/%llu.list", apply_of(c)->shelf.dir, (unsigned long long)number);

	send_file(c, number > 0 ? path : NULL);
}

static void fetch_begin(struct call *c, const json_t *request)
{
	const char *digest = json_string_value(json_object_get(request, "digest"));
	_cleanup_free_ char *path = shelf_content(&apply_of(c)->shelf, digest ? digest : "");

	send_file(c, path);
}

const struct verb list_verb = {
	.name = "list", .silent = true, .begin = list_begin, .more = fetch_more, .end = fetch_end};
const struct verb fetch_verb = {.name = "fetch",
	.silent = true,
	.begin = fetch_begin,
	.more = fetch_more,
	.end = fetch_end};

/* --- compare, text */

/* Under way: thousands of files are not read in one turn of the loop, which has a watchdog. */
struct comparison {
	struct call *call;
	struct loop_timer turn;
	struct generation g;
	json_t *digests; /* as installed (record_digests) */
	json_t *list;    /* what differs */
	size_t next;     /* of the node's files in g */
};

static void comparison_free(struct comparison *cmp)
{
	if (!cmp)
		return;
	loop_timer_del(&cmp->turn);
	generation_close(&cmp->g);
	json_decref(cmp->digests);
	json_decref(cmp->list);
	free(cmp);
}

static const char *content_difference(
	const char *path, const struct stat *st, const struct generation_file *f, bool installed)
{
	struct stat same;
	struct err none;
	_cleanup_close_ int fd = io_open_plain(AT_FDCWD, path, &same, &none);
	char hex[GENERATION_DIGEST];
	uint64_t size;

	if (fd >= 0 && (uint64_t)st->st_size != f->size)
		return "differs";
	if (fd < 0 || f->size > LOOKED_AT_MAX || generation_digest_fd(fd, hex, &size) < 0)
		return installed ? NULL : "differs";
	return strcmp(hex, f->digest) == 0 ? NULL : "differs";
}

/*
 * NULL: as it should be. What the agent may not read, and what is too large to, is known by how it
 * was installed.
 */
static const char *difference(
	const struct apply *a, const json_t *digests, const struct generation_file *f)
{
	_cleanup_free_ char *path = xasprintf("%s%s", a->root, f->path);
	const char *was = json_string_value(json_object_get(digests, f->path));
	bool installed = was && strcmp(was, f->digest) == 0;
	char target[4096];
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == EACCES && installed ? NULL : "is missing";
	if (f->kind == GENERATION_LINK) {
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		return strcmp(target, f->link) == 0 ? NULL : "differs";
	}
	if (st.st_uid != f->uid || st.st_gid != f->gid || (st.st_mode & 0777) != f->mode)
		return "has another owner or mode";
	if (f->kind == GENERATION_DIR)
		return S_ISDIR(st.st_mode) ? NULL : "is something else";
	return content_difference(path, &st, f, installed);
}

static void add_difference(json_t *list, const char *path, const char *what)
{
	if (what && json_array_size(list) < MISSING_MAX)
		json_array_append_new(list, json_pack("{s:s, s:s}", "path", path, "what", what));
}

/* Who has or may get a vote now. */
static json_t *members_json(const struct apply *a)
{
	const struct manifest *m = quorum_members(&a->voter->quorum);
	json_t *list = json_array();

	for (unsigned i = 0; i < m->n; i++)
		json_array_append_new(list, json_string(m->member[i].name));
	return list;
}

static void add_left(struct comparison *cmp, const char *self)
{
	_cleanup_json_ json_t *paths = record_paths(&cmp->g, self);
	const char *path;
	json_t *digest;

	json_object_foreach(cmp->digests, path, digest)
	{
		if (!json_object_get(paths, path))
			add_difference(cmp->list, path, "is only there");
	}
}

static void compare_done(struct comparison *cmp)
{
	const struct apply *a = apply_of(cmp->call);
	_cleanup_free_ char *fixed = xasprintf("%s" FIXED, a->root);

	json_t *is = record_read(fixed);
	call_done(cmp->call, json_pack("{s:O, s:o, s:o}", "files", cmp->list, "members",
				     members_json(a), "fixed", is ? is : json_object()));
}

static void compare_some(struct loop_timer *t)
{
	struct comparison *cmp = container_of(t, struct comparison, turn);
	const struct apply *a = apply_of(cmp->call);
	const char *self = identity_self(a->id)->name;
	int64_t until_ms = boottime_ms() + TURN_MS;

	while ((ssize_t)cmp->next < generation_count(&cmp->g, self)) {
		struct generation_file f = generation_file_at(&cmp->g, self, cmp->next++);
		add_difference(cmp->list, f.path, difference(a, cmp->digests, &f));
		if (boottime_ms() >= until_ms) {
			loop_timer_set(a->loop, t, 0);
			return;
		}
	}
	add_left(cmp, self);
	compare_done(cmp);
}

static void compare_whole(struct call *c, struct generation *g)
{
	const struct apply *a = apply_of(c);
	struct incoming *in = c->own;
	struct comparison *cmp = calloc(1, sizeof(*cmp));

	if (!cmp) {
		call_fail(c, CALL_FAILED, "out of memory");
		return;
	}
	in->comparison = cmp;
	_cleanup_json_ json_t *record = enact_record(a->root);
	*cmp = (struct comparison){
		.call = c, .g = *g, .digests = record_digests(record), .list = json_array()};
	*g = (struct generation){0};
	loop_timer_init(&cmp->turn, compare_some);
	if (loop_timer_set(a->loop, &cmp->turn, 0) < 0)
		call_fail(c, CALL_FAILED, "out of memory");
}

static void compare_tick(struct call *c)
{
	const struct incoming *in = c->own;

	if (in && in->comparison)
		call_progress(c, "compares its files");
}

static void compare_begin(struct call *c, const json_t *request)
{
	incoming_begin(c, request, compare_whole);
}

const struct verb compare_verb = {.name = "compare",
	.silent = true,
	.begin = compare_begin,
	.data = incoming_data,
	.tick = compare_tick,
	.end = incoming_end};

/* Of what bramble has put there, and everybody on the node may read. */
static void text_begin(struct call *c, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "path"));
	const struct apply *a = apply_of(c);
	_cleanup_json_ json_t *record = enact_record(a->root);
	_cleanup_free_ char *path = xasprintf("%s%s", a->root, name ? name : "");
	struct stat st;

	bool ours = name && enact_digest(record, name) && !card_path_forbidden(name);
	if (ours && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 04) &&
		st.st_size <= (off_t)TEXT_MAX)
		send_file(c, path);
	else
		call_fail(c, CALL_REFUSED, "there is no text of it to show");
}

const struct verb text_verb = {
	.name = "text", .silent = true, .begin = text_begin, .more = fetch_more, .end = fetch_end};

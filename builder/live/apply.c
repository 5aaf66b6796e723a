/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <time.h>
#include "apply.h"
#include "cmd.h"
#include "fixed.h"
#include "inspect/compare.h"
#include "hosts_lines.h"
#include "neo4j_lines.h"
#include "proxy_lines.h"

int apply_open(struct apply *a, const char *conf, struct err *e)
{
	*a = (struct apply){0};
	return remote_open(&a->remote, conf, e) < 0 ||
			       state_peek(a->remote.cluster, &a->state, e) < 0
		       ? -1
		       : 0;
}

void apply_close(struct apply *a)
{
	for (size_t i = 0; i < CLUSTER_MAX_NODES; i++)
		json_decref(a->nodes[i].answer);
	json_decref(a->members);
	rendering_free(&a->r);
	buf_free(&a->sealed);
	remote_close(&a->remote);
	sodium_memzero(&a->state, sizeof(a->state));
}

/* --- which generation */

static json_int_t at_least(const json_t *status, const char *key, json_int_t than)
{
	json_int_t n = json_integer_value(json_object_get(status, key));

	return n > than ? n : than;
}

/* The newest any node has or knows of. */
static int ask_generations(struct apply *a, json_int_t *newest, struct err *e)
{
	const struct cluster *c = a->remote.cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		_cleanup_json_ json_t *s = NULL;
		bool reached;
		if (remote_ask(&a->remote, &c->nodes[i], json_pack("{s:s}", "verb", "status"), NULL,
			    &s, &reached, e) < 0) {
			if (reached || interrupted)
				return -1;
			fprintf(stderr, "bramble: %s\n", e->msg);
			continue;
		}
		a->nodes[i].reached = true;
		a->nodes[i].runs = json_integer_value(json_object_get(s, "generation"));
		a->reached++;
		*newest = at_least(s, "generation", *newest);
		*newest = at_least(s, "decided", *newest);
		*newest = at_least(s, "stored", *newest);
		a->running = at_least(s, "goal", a->running);
	}
	return a->reached ? 0 : err_set(e, "%s: none of its nodes can be told", c->path);
}

/*
 * As state_stamp will: a number that was never given before, for an overlay may have changed since,
 * and one number with two contents would be two configurations that nobody can tell apart.
 */
static void choose_generation(struct apply *a, json_int_t newest)
{
	time_t now = time(NULL);
	struct tm tm;

	if (a->state.unstamped && (json_int_t)a->state.generation > newest)
		return;
	if ((json_int_t)a->state.generation > newest)
		newest = a->state.generation;
	a->state.generation = (unsigned)newest + 1;
	strftime(a->state.built, sizeof(a->state.built), "%Y-%m-%d", gmtime_r(&now, &tm));
}

static int render(struct apply *a, struct err *e)
{
	if (!a->state.apply_seed[0])
		return err_code(e, EXIT_CONFIG,
			"the cluster's state folder has no apply.key, the key that its cards must "
			"know: it was rebuilt from cards, or these were built before bramble could "
			"apply; build and flash all cards once (--keep-data)");
	fprintf(stderr, "bramble: renders generation %u\n", a->state.generation);
	if (rendering_make(a->remote.cluster, &a->state, &a->r, e) < 0)
		return -1;
	_cleanup_json_ json_t *list = rendering_list(&a->r, &a->state);
	return generation_seal(list, a->state.apply_seed, &a->sealed, e);
}

/* --- what would change */

static void drop_own_line(struct buf *hosts)
{
	struct buf shared = {0};

	hosts_lines_shared(buf_str(hosts), &shared);
	buf_free(hosts);
	*hosts = shared;
}

int apply_get_text(const struct apply *a, const struct node *n, const char *path, struct buf *to,
	struct err *e)
{
	struct remote_listener l = {.data = remote_collect, .arg = to};
	struct err no;

	if (remote_ask(&a->remote, n, json_pack("{s:s, s:s}", "verb", "text", "path", path), &l,
		    NULL, NULL, &no) < 0)
		return interrupted ? check_interrupted(e) : 0;
	if (strcmp(path, HOSTS) == 0)
		drop_own_line(to);
	return buf_ok(to);
}

/* All lines but the one that names the generation: that is another one each time. */
static bool same_node_conf(const char *a, const char *b)
{
	static const char head[] = "cluster {";
	const char *x = strstr(a, head), *y = strstr(b, head);

	if (!x || !y || x - a != y - b || memcmp(a, b, (size_t)(x - a)) != 0)
		return false;
	return strcmp(x + strcspn(x, "\n"), y + strcspn(y, "\n")) == 0;
}

static bool is_same(const char *path, const struct buf *is, const struct buf *wanted)
{
	if (strcmp(path, NODE_CONF) == 0)
		return same_node_conf(buf_str(is), buf_str(wanted));
	if (strcmp(path, PROXY_CONF) == 0)
		return proxy_lines_same(buf_str(is), buf_str(wanted));
	if (strcmp(path, HOSTS) == 0)
		return strcmp(buf_str(is), buf_str(wanted)) == 0;
	return !neo4j_lines_differ(buf_str(is), buf_str(wanted));
}

/* Those that nodes change themselves. */
static bool is_looked_into(const char *path)
{
	return strcmp(path, NODE_CONF) == 0 || strcmp(path, HOSTS) == 0 ||
	       strcmp(path, PROXY_CONF) == 0 || strstr(path, "/conf/neo4j");
}

const struct rendered_file *apply_find_file(
	const struct apply *a, const struct node *n, const char *path)
{
	const struct rendered_node *r = &a->r.nodes[n - a->remote.cluster->nodes];

	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->files[i].path, path) == 0)
			return &r->files[i];
	}
	return NULL;
}

static const char *member(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

/* 1: it is one; 0: only what changes by itself. */
static int is_change(
	const struct apply *a, const struct node *n, const json_t *entry, struct err *e)
{
	_cleanup_buf_ struct buf is = {0};
	const char *path = member(entry, "path");
	const struct rendered_file *f = apply_find_file(a, n, path);

	if (!f || strcmp(member(entry, "what"), "differs") != 0 || !is_looked_into(path))
		return 1;
	int shown = apply_get_text(a, n, path, &is, e);
	return shown <= 0 ? (shown < 0 ? -1 : 1) : !is_same(path, &is, &f->bytes);
}

/* Leaves in the answer what would change. */
static int sift(struct apply *a, const struct node *n, size_t i, struct err *e)
{
	json_t *files = json_object_get(a->nodes[i].answer, "files");

	for (size_t k = json_array_size(files); k-- > 0;) {
		int change = is_change(a, n, json_array_get(files, k), e);
		if (change < 0)
			return -1;
		if (!change)
			json_array_remove(files, k);
	}
	a->nodes[i].changes = json_array_size(files) > 0;
	a->changed += a->nodes[i].changes;
	return 0;
}

static int compare(struct apply *a, size_t i, struct err *e)
{
	const struct node *n = &a->remote.cluster->nodes[i];
	const struct remote_file list = {.bytes = a->sealed.data, .size = a->sealed.len};
	json_t *request =
		json_pack("{s:s, s:I}", "verb", "compare", "size", (json_int_t)a->sealed.len);

	if (remote_give(&a->remote, n, request, &list, &a->nodes[i].answer, e) < 0)
		return -1;
	const json_t *fixed = json_object_get(a->nodes[i].answer, "fixed");
	if (fixed_check(n->name, fixed, a->r.nodes[i].fixed, e) < 0)
		return -1;
	json_t *members = json_object_get(a->nodes[i].answer, "members");
	if ((n->roles & (ROLE_DATA | ROLE_ARBITER)) && !a->members)
		a->members = json_incref(members);
	return sift(a, n, i, e);
}

bool apply_is_member(const struct apply *a, const char *name)
{
	for (size_t i = 0; i < json_array_size(a->members); i++) {
		if (strcmp(json_string_value(json_array_get(a->members, i)), name) == 0)
			return true;
	}
	return false;
}

/* The voters refuse it too (quorum/generation.c); better said before anything is sent. */
static int check_members(const struct apply *a, struct err *e)
{
	const struct cluster *c = a->remote.cluster;
	size_t come = 0, stay = 0;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (!(c->nodes[i].roles & (ROLE_DATA | ROLE_ARBITER)))
			continue;
		bool is = apply_is_member(a, c->nodes[i].name);
		come += !is;
		stay += is;
	}
	if (come + json_array_size(a->members) - stay <= 1)
		return 0;
	return err_code(e, EXIT_CONFIG,
		"%s: data nodes and arbiters come and go one at a time: an acknowledged write must "
		"be on one of every next majority; change one, apply, then the next",
		c->path);
}

/* One that is not there yet, or ends soon, is made, so that this generation has it. */
static int keep_certificate(const struct cluster *c, struct err *e)
{
	_cleanup_(credentials_free) struct credentials t = {0};

	return authority_open(c, CREDENTIALS_KEEP, time(NULL), &t, e);
}

int apply_plan(struct apply *a, bool sends, struct err *e)
{
	json_int_t newest = 0;

	if ((sends && keep_certificate(a->remote.cluster, e) < 0) ||
		ask_generations(a, &newest, e) < 0)
		return -1;
	choose_generation(a, newest);
	if (render(a, e) < 0)
		return -1;
	for (size_t i = 0; i < a->remote.cluster->nnodes; i++) {
		if (a->nodes[i].reached && compare(a, i, e) < 0)
			return -1;
	}
	if (!a->members)
		return err_set(e, "no data node can be told");
	apply_look_at_absent(a);
	return apply_check_absent(a, e) < 0 ? -1 : check_members(a, e);
}

/* --- showing it */

static int show_text(const struct apply *a, const struct node *n, const char *path, struct err *e)
{
	_cleanup_buf_ struct buf is = {0};
	const struct rendered_file *f = apply_find_file(a, n, path);

	if (!f || f->kind != GENERATION_FILE)
		return 0;
	if (!(f->mode & 04)) {
		printf("    a secret: not shown\n");
		return 0;
	}
	if (f->source || memchr(buf_str(&f->bytes), '\0', f->bytes.len)) {
		printf("    no text\n");
		return 0;
	}
	if (apply_get_text(a, n, path, &is, e) < 0)
		return -1;
	diff_print(buf_str(&is), buf_str(&f->bytes), stdout);
	return 0;
}

static const char *of_absent(const struct apply *a, size_t i)
{
	if (a->changed)
		return "takes it over when it is back";
	return a->nodes[i].unknown ? "whether anything changes there is not known: apply again "
				     "when it is back"
				   : "nothing changes";
}

int apply_show(struct apply *a, const struct node *n, bool diff, struct err *e)
{
	size_t i = (size_t)(n - a->remote.cluster->nodes);
	const json_t *files = json_object_get(a->nodes[i].answer, "files");

	if (!a->nodes[i].reached) {
		printf("%s: cannot be reached; %s\n", n->name, of_absent(a, i));
		return 0;
	}
	if (!a->nodes[i].changes)
		printf("%s: nothing changes\n", n->name);
	for (size_t k = 0; k < json_array_size(files); k++) {
		const json_t *f = json_array_get(files, k);
		printf("%s: %s %s\n", n->name, member(f, "path"), member(f, "what"));
		if (diff && show_text(a, n, member(f, "path"), e) < 0)
			return -1;
	}
	return 0;
}

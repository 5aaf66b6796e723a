/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a new generation would change on nodes that cannot be asked: they run, or will run when they
 * are back, what all others run, and the list of that says what each node has.
 */
#include <string.h>
#include "apply.h"
#include "cmd.h"
#include "util.h"

static bool read_list(
	const struct apply *a, const struct node *n, const char *public, struct generation *g)
{
	_cleanup_buf_ struct buf sealed = {0};
	struct remote_listener l = {.data = remote_collect, .arg = &sealed};
	json_t *request = json_pack("{s:s, s:I}", "verb", "list", "generation", a->running);
	struct err ignored;

	return remote_ask(&a->remote, n, request, &l, NULL, NULL, &ignored) == 0 &&
	       buf_ok(&sealed) && generation_open(&sealed, public, g, &ignored) == 0;
}

static bool find_list(const struct apply *a, struct generation *g)
{
	const struct cluster *c = a->remote.cluster;
	char public[GENERATION_PUBLIC_HEX + 1];
	struct err ignored;

	if (a->running <= 0 || generation_public(a->state.apply_seed, public, &ignored) < 0)
		return false;
	for (size_t i = 0; i < c->nnodes; i++) {
		if (a->nodes[i].reached && (c->nodes[i].roles & (ROLE_DATA | ROLE_ARBITER)) &&
			read_list(a, &c->nodes[i], public, g))
			return true;
	}
	return false;
}

/* A node's files by path; the caller's reference. */
static json_t *by_path(const json_t *list, const char *node)
{
	const json_t *files = json_object_get(json_object_get(list, "nodes"), node);
	json_t *map = json_object();

	for (size_t i = 0; i < json_array_size(files); i++) {
		json_t *f = json_array_get(files, i);
		const char *path = json_string_value(json_object_get(f, "path"));
		if (path && strcmp(path, NODE_CONF) != 0) /* it has the generation's number */
			json_object_set(map, path, f);
	}
	return map;
}

/* Of a node.conf, where bramble wrote one for it; *n: its length. */
static const char *member_line(const char *conf, const char *name, size_t *n)
{
	_cleanup_free_ char *head = xasprintf("\nmember \"%s\" {", name);
	const char *line = strstr(conf, head);

	*n = line ? strcspn(line + 1, "\n") : 0;
	return line ? line + 1 : NULL;
}

int apply_count_known(const struct apply *a, const char *name, size_t *known, struct err *e)
{
	const struct cluster *c = a->remote.cluster;
	size_t n;

	*known = 0;
	for (size_t i = 0; i < c->nnodes; i++) {
		_cleanup_buf_ struct buf is = {0};
		if (a->nodes[i].reached && apply_get_text(a, &c->nodes[i], NODE_CONF, &is, e) < 0)
			return -1;
		*known += is.len && member_line(buf_str(&is), name, &n);
	}
	return 0;
}

static bool line_differs(const char *is, const char *wanted, const char *name)
{
	size_t n, m;
	const char *a = member_line(is, name, &n), *b = member_line(wanted, name, &m);

	return a && b && (n != m || memcmp(a, b, n) != 0);
}

/* Of who runs what all run: one that lags, or a card that was made since, has other members. */
static const struct node *ask_members(
	const struct apply *a, bool any, struct buf *is, struct err *e)
{
	const struct cluster *c = a->remote.cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (!a->nodes[i].reached || (!any && a->nodes[i].runs != a->running))
			continue;
		is->len = 0;
		if (apply_get_text(a, &c->nodes[i], NODE_CONF, is, e) > 0 && is->len)
			return &c->nodes[i];
	}
	return NULL;
}

static int refuse(const struct apply *a, const struct node *n, struct err *e)
{
	return err_code(e, EXIT_CONFIG,
		"%s: cannot be reached, and has another address, other roles or another id in %s "
		"than in the cluster: those cannot change while a node lives; put them back, or "
		"build and flash its card (--keep-data) and apply when it is there",
		n->name, a->remote.cluster->path);
}

int apply_check_absent(const struct apply *a, struct err *e)
{
	const struct cluster *c = a->remote.cluster;
	_cleanup_buf_ struct buf is = {0};

	if (a->reached == c->nnodes)
		return 0;
	const struct node *by = ask_members(a, false, &is, e);
	if (!by)
		by = ask_members(a, true, &is, e);
	const struct rendered_file *wanted = by ? apply_find_file(a, by, NODE_CONF) : NULL;
	if (interrupted)
		return check_interrupted(e);
	for (size_t i = 0; wanted && i < c->nnodes; i++) {
		const struct node *n = &c->nodes[i];
		if (!a->nodes[i].reached &&
			line_differs(buf_str(&is), buf_str(&wanted->bytes), n->name))
			return refuse(a, n, e);
	}
	return 0;
}

void apply_look_at_absent(struct apply *a)
{
	const struct cluster *c = a->remote.cluster;
	_cleanup_generation_ struct generation g = {0};

	if (a->reached == c->nnodes)
		return;
	bool known = find_list(a, &g);
	_cleanup_json_ json_t *next = rendering_list(&a->r, &a->state);
	for (size_t i = 0; i < c->nnodes; i++) {
		if (a->nodes[i].reached)
			continue;
		_cleanup_json_ json_t *is = by_path(g.json, c->nodes[i].name);
		_cleanup_json_ json_t *will = by_path(next, c->nodes[i].name);
		a->nodes[i].unknown = !known;
		a->nodes[i].changes = known && !json_equal(is, will);
		a->changed += a->nodes[i].changes;
	}
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <string.h>
#include "util.h"
#include "view.h"

static void unref_json(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ _cleanup_(unref_json)

/* A character of several bytes becomes one '?', so a text is as wide as it is long. */
void view_text(char *dst, size_t size, const char *text)
{
	size_t n = 0;

	for (const unsigned char *s = (const unsigned char *)text; *s && n + 1 < size; s++) {
		bool continuation = (*s & 0xc0) == 0x80;
		if (*s >= ' ' && *s <= '~')
			dst[n++] = (char)*s;
		else if (!continuation)
			dst[n++] = '?';
	}
	dst[n] = '\0';
}

static void get_text(const json_t *obj, const char *key, char *dst, size_t size)
{
	const char *s = json_string_value(json_object_get(obj, key));

	view_text(dst, size, s ? s : "");
}

static int64_t get_number(const json_t *obj, const char *key)
{
	const json_t *j = json_object_get(obj, key);

	return json_is_integer(j) && json_integer_value(j) >= 0 ? json_integer_value(j) : -1;
}

static void get_roles(const json_t *obj, char *dst, size_t size)
{
	_cleanup_buf_ struct buf b = {0};
	const json_t *list = json_object_get(obj, "roles");

	for (size_t i = 0; i < json_array_size(list) && b.len < size; i++) {
		const char *role = json_string_value(json_array_get(list, i));
		buf_printf(&b, "%s%s", i ? "," : "", role ? role : "?");
	}
	view_text(dst, size, buf_str(&b));
}

/* A copy is told where it is not the node that waits, but has nothing else to say. */
static void get_why(const json_t *obj, struct view_node *n)
{
	const char *copy = json_string_value(json_object_get(obj, "copy"));

	get_text(obj, "why", n->why, sizeof(n->why));
	if (n->why[0] || !copy)
		return;
	_cleanup_free_ char *text = xasprintf("a copy of its card, at %s, is refused", copy);
	view_text(n->why, sizeof(n->why), text);
}

static void parse_node(const json_t *obj, struct view_node *n)
{
	get_text(obj, "name", n->name, sizeof(n->name));
	get_roles(obj, n->roles, sizeof(n->roles));
	get_text(obj, "state", n->state, sizeof(n->state));
	get_text(obj, "neo4j", n->neo4j, sizeof(n->neo4j));
	get_text(obj, "address", n->address, sizeof(n->address));
	get_why(obj, n);
	n->present = json_is_true(json_object_get(obj, "present"));
	n->last_tx = get_number(obj, "last_tx");
	n->uptime_s = get_number(obj, "uptime_s");
}

int view_parse(const char *json, size_t n, struct cluster_view *v, struct err *e)
{
	json_error_t je;
	_cleanup_json_ json_t *root = json_loadb(json, n, JSON_REJECT_DUPLICATES, &je);

	*v = (struct cluster_view){.generation = -1};
	if (!root)
		return err_set(e, "the answer is no JSON: %s", je.text);
	const json_t *nodes = json_object_get(root, "nodes");
	if (!json_is_array(nodes))
		return err_set(e, "the answer tells no nodes: is this a bramble agent?");
	if (json_array_size(nodes) > VIEW_MAX_NODES)
		return err_set(e, "the answer tells more than %d nodes", VIEW_MAX_NODES);
	get_text(root, "cluster", v->cluster, sizeof(v->cluster));
	get_text(root, "from", v->from, sizeof(v->from));
	get_text(json_object_get(root, "vip"), "address", v->vip, sizeof(v->vip));
	get_text(json_object_get(root, "vip"), "at", v->vip_at, sizeof(v->vip_at));
	v->generation = get_number(root, "generation");
	for (size_t i = 0; i < json_array_size(nodes); i++)
		parse_node(json_array_get(nodes, i), &v->nodes[v->nnodes++]);
	return 0;
}

const struct view_node *view_node(const struct cluster_view *v, const char *name)
{
	for (size_t i = 0; i < v->nnodes; i++) {
		if (strcmp(v->nodes[i].name, name) == 0)
			return &v->nodes[i];
	}
	return NULL;
}

static bool serves_as(const struct view_node *n, const char *role)
{
	return strcmp(n->state, "serving") == 0 && strcmp(n->neo4j, role) == 0;
}

static size_t count_masters(const struct cluster_view *v)
{
	size_t masters = 0;

	for (size_t i = 0; i < v->nnodes; i++)
		masters += serves_as(&v->nodes[i], "master");
	return masters;
}

const struct view_node *view_master(const struct cluster_view *v)
{
	if (count_masters(v) != 1)
		return NULL;
	for (size_t i = 0; i < v->nnodes; i++) {
		if (serves_as(&v->nodes[i], "master"))
			return &v->nodes[i];
	}
	return NULL;
}

static void say_not_serving(const struct view_node *n, struct buf *why)
{
	buf_printf(why, "%s%s is %s", why->len ? "; " : "", n->name,
		n->state[0] ? n->state : "unknown");
	if (n->why[0])
		buf_printf(why, " (%s)", n->why);
}

bool view_formed(const struct cluster_view *v, struct buf *why)
{
	size_t data = 0, masters = count_masters(v);

	for (size_t i = 0; i < v->nnodes; i++) {
		const struct view_node *n = &v->nodes[i];
		if (!strstr(n->roles, "data"))
			continue;
		data++;
		if (!serves_as(n, "master") && !serves_as(n, "slave"))
			say_not_serving(n, why);
	}
	if (data && !why->len && masters != 1)
		buf_printf(why, "%zu nodes say they are master", masters);
	if (!data)
		buf_puts(why, "no data node is known");
	return !why->len;
}

static json_t *number_or_null(int64_t n)
{
	return n < 0 ? json_null() : json_integer((json_int_t)n);
}

static json_t *roles_json(const char *roles)
{
	json_t *list = json_array();

	for (const char *s = roles; *s; s += *s == ',') {
		size_t n = strcspn(s, ",");
		json_array_append_new(list, json_stringn(s, n));
		s += n;
	}
	return list;
}

struct json_t *view_node_json(const struct view_node *n)
{
	/* clang-format off */
	return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s, s:b, s:o, s:o}",
		"name", n->name,
		"roles", roles_json(n->roles),
		"state", n->state,
		"neo4j", n->neo4j,
		"address", n->address,
		"why", n->why,
		"present", n->present,
		"last_tx", number_or_null(n->last_tx),
		"uptime_s", number_or_null(n->uptime_s));
	/* clang-format on */
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <jansson.h>
#include <string.h>
#include "api.h"
#include "metrics.h"

#define YES_NO(yes) ((yes) ? 200 : 503)

static const struct api_node *self_of(const struct api_view *v)
{
	return &v->nodes[v->id->self];
}

void api_status_line(const struct api_node *n, char *to, size_t size)
{
	switch (n->state) {
	case NODE_SERVING:
		snprintf(to, size, "serving as %s", neo4j_role_name(n->role));
		break;
	case NODE_IDLE:
		snprintf(to, size, "idle: a node without a store");
		break;
	case NODE_WAITING:
		snprintf(to, size, "%s", n->why);
		break;
	case NODE_DOWN:
	case NODE_HELD:
	case NODE_STARTING:
	case NODE_JOINING:
	case NODE_STOPPING:
	case NODE_UNFIT:
	case NODE_STATES:
		snprintf(to, size, "%s: %s", node_state_name(n->state), n->why);
		break;
	}
}

static void answer_health(const struct api_view *v, struct http_answer *a)
{
	const struct api_node *self = self_of(v);
	char line[WHY_SIZE + 32];

	a->status = YES_NO(self->state == NODE_SERVING || self->state == NODE_IDLE);
	api_status_line(self, line, sizeof(line));
	buf_printf(&a->body, "%s\n", line);
	if (v->refused && *v->refused)
		buf_printf(&a->body, "%s\n", v->refused);
}

static void answer_liveness(const struct api_view *v, struct http_answer *a)
{
	(void)v;
	buf_puts(&a->body, "alive\n");
}

static void answer_role(const struct api_view *v, struct http_answer *a, bool yes)
{
	a->status = YES_NO(yes);
	buf_printf(&a->body, "%s\n", neo4j_role_name(self_of(v)->role));
}

static void answer_master(const struct api_view *v, struct http_answer *a)
{
	answer_role(v, a, self_of(v)->role == NEO4J_MASTER);
}

static void answer_slave(const struct api_view *v, struct http_answer *a)
{
	answer_role(v, a, self_of(v)->role == NEO4J_SLAVE);
}

static void answer_available(const struct api_view *v, struct http_answer *a)
{
	enum neo4j_role role = self_of(v)->role;

	answer_role(v, a, role == NEO4J_MASTER || role == NEO4J_SLAVE);
}

static void answer_writable(const struct api_view *v, struct http_answer *a)
{
	answer_role(v, a, self_of(v)->writable);
}

static json_t *roles_json(unsigned roles)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(role_names); i++) {
		if (roles & role_names[i].role)
			json_array_append_new(list, json_string(role_names[i].name));
	}
	return list;
}

/* JSON has no unsigned 64 bits: past its range means not known too. */
static json_t *number_or_null(bool known, uint64_t n)
{
	return known && n <= INT64_MAX ? json_integer((json_int_t)n) : json_null();
}

static json_t *address_or_null(struct in_addr a)
{
	char text[INET_ADDRSTRLEN];

	return a.s_addr ? json_string(inet_ntop(AF_INET, &a, text, sizeof(text))) : json_null();
}

static json_t *node_json(const struct api_node *n, bool self)
{
	/* clang-format off */
	return json_pack("{s:s, s:i, s:o, s:o, s:o, s:b, s:s, s:s, s:b, s:o, s:o, s:s, s:o, s:o, s:o}",
		"name", n->member->name,
		"id", (int)n->member->id,
		"roles", roles_json(n->member->roles),
		"address", address_or_null(n->address),
		"copy", address_or_null(n->copy),
		"present", n->present,
		"state", node_state_name(n->state),
		"neo4j", neo4j_role_name(n->role),
		"writable", n->writable,
		"last_tx", number_or_null(n->last_tx != TX_UNKNOWN, n->last_tx),
		"tx_age_ms", number_or_null(self && n->last_tx != TX_UNKNOWN, (uint64_t)n->tx_age_ms),
		"why", n->why,
		"heard_ms", number_or_null(n->heard_ms >= 0, (uint64_t)n->heard_ms),
		"uptime_s", number_or_null(n->present, n->uptime_s),
		"generation", number_or_null(n->present, n->generation));
	/* clang-format on */
}

static json_t *control_json(const struct control_counts *n)
{
	if (!n)
		return json_null();
	/* clang-format off */
	return json_pack("{s:o, s:o, s:o, s:o, s:o}",
		"requests", number_or_null(true, n->requests),
		"strangers", number_or_null(true, n->strangers),
		"broken", number_or_null(true, n->broken),
		"late", number_or_null(true, n->late),
		"crowded", number_or_null(true, n->crowded));
	/* clang-format on */
}

static json_t *vip_json(const struct api_view *v)
{
	if (!v->id->vip.s_addr)
		return json_null();
	return json_pack("{s:o, s:s?}", "address", address_or_null(v->id->vip), "at",
		v->vip_at ? v->vip_at->name : NULL);
}

static json_t *cluster_json(const struct api_view *v)
{
	const struct identity *id = v->id;
	char hex[2 * CLUSTER_ID_SIZE + 1];
	json_t *nodes = json_array();

	hex_encode(hex, id->cluster_id, CLUSTER_ID_SIZE);
	for (size_t i = 0; i < id->nmembers; i++)
		json_array_append_new(nodes, node_json(&v->nodes[i], i == id->self));
	/* clang-format off */
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:s, s:o, s:o, s:o}",
		"cluster", id->cluster,
		"id", hex,
		"generation", number_or_null(true, id->generation),
		"epoch", number_or_null(true, v->epoch),
		"run", number_or_null(true, v->run),
		"lease", v->lease,
		"from", identity_self(id)->name,
		"control", control_json(v->control),
		"vip", vip_json(v),
		"nodes", nodes);
	/* clang-format on */
}

static void answer_cluster(const struct api_view *v, struct http_answer *a)
{
	json_t *json = cluster_json(v);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

	json_decref(json);
	a->status = text ? 200 : 500;
	a->content_type = "application/json";
	buf_printf(&a->body, "%s\n", text ? text : "{}");
	free(text);
}

static void answer_metrics(const struct api_view *v, struct http_answer *a)
{
	struct board board;

	board_read(v->root, &board);
	a->content_type = METRICS_TYPE;
	metrics_write(v, &board, &a->body);
}

struct endpoint {
	const char *path;
	void (*answer)(const struct api_view *v, struct http_answer *a);
};

static const struct endpoint endpoints[] = {
	{"/health", answer_health},
	{"/liveness", answer_liveness},
	{"/readiness", answer_health},
	{"/available", answer_available},
	{"/master", answer_master},
	{"/slave", answer_slave},
	{"/writable", answer_writable},
	{"/cluster", answer_cluster},
	{"/metrics", answer_metrics},
};

static struct slice path_of(struct slice target)
{
	const char *query = memchr(target.p, '?', target.n);

	return query ? (struct slice){target.p, (size_t)(query - target.p)} : target;
}

void api_answer(const struct api_view *v, const struct http_head *h, struct http_answer *a)
{
	struct slice path = path_of(h->target);

	buf_puts(&a->fields, "Cache-Control: no-store\r\n");
	for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
		if (slice_eq(path, endpoints[i].path)) {
			endpoints[i].answer(v, a);
			return;
		}
	}
	a->status = 404;
	for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++)
		buf_printf(&a->body, "%s\n", endpoints[i].path);
}

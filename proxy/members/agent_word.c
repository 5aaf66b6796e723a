/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <jansson.h>
#include <string.h>
#include "members/agent_watch.h"

static const json_t *node_named(const json_t *nodes, const char *name)
{
	for (size_t i = 0; i < json_array_size(nodes); i++) {
		const json_t *node = json_array_get(nodes, i);
		const char *s = json_string_value(json_object_get(node, "name"));
		if (s && strcmp(s, name) == 0)
			return node;
	}
	return NULL;
}

/* 0: not known. */
static struct in_addr address_of(const json_t *node)
{
	const char *text = json_string_value(json_object_get(node, "address"));
	struct in_addr a = {0};

	if (text && inet_pton(AF_INET, text, &a) != 1)
		a.s_addr = 0;
	return a;
}

static bool has_data(const json_t *node)
{
	const json_t *roles = json_object_get(node, "roles");

	for (size_t i = 0; i < json_array_size(roles); i++) {
		const char *role = json_string_value(json_array_get(roles, i));
		if (role && strcmp(role, "data") == 0)
			return true;
	}
	return false;
}

/* One that proxy.conf could not name either makes all of it nothing. */
static bool read_row(const json_t *node, struct roster *to)
{
	const char *name = json_string_value(json_object_get(node, "name"));
	json_int_t id = json_integer_value(json_object_get(node, "id"));
	struct roster_row row = {.id = (unsigned)id, .address = address_of(node)};

	if (id < 1 || id > 127 || !name || !member_name_ok(name) || strlen(name) >= ROSTER_NAME ||
		to->n == MEMBERS_MAX || roster_find(to, row.id))
		return false;
	snprintf(row.name, sizeof(row.name), "%s", name);
	to->rows[to->n++] = row;
	return true;
}

static void read_roster(const json_t *nodes, struct roster *to)
{
	for (size_t i = 0; i < json_array_size(nodes); i++) {
		const json_t *node = json_array_get(nodes, i);
		if (has_data(node) && !read_row(node, to)) {
			to->n = 0;
			return;
		}
	}
}

/* -1: not known, or nothing that could be. */
static int64_t count_of(const json_t *node, const char *key)
{
	const json_t *value = json_object_get(node, key);

	return json_is_integer(value) && json_integer_value(value) >= 0 ? json_integer_value(value)
									: -1;
}

int agent_word_parse(struct slice body, struct agent_word *w)
{
	json_t *json = json_loadb(body.p, body.n, 0, NULL);
	const json_t *nodes = json_object_get(json, "nodes");
	const char *from = json_string_value(json_object_get(json, "from"));
	const json_t *self = from ? node_named(nodes, from) : NULL;
	const json_t *writable = json_object_get(self, "writable");
	const char *why = json_string_value(json_object_get(self, "why"));
	bool understood =
		json_is_boolean(writable) && json_is_boolean(json_object_get(json, "lease"));

	*w = (struct agent_word){.last_tx = TX_UNKNOWN, .tx_age_ms = -1};
	if (understood) {
		w->writable = json_is_true(writable);
		snprintf(w->why, sizeof(w->why), "%s", why ? why : "");
		w->id = (unsigned)json_integer_value(json_object_get(self, "id"));
		w->address = address_of(self);
		int64_t tx = count_of(self, "last_tx");
		w->last_tx = tx >= 0 ? (uint64_t)tx : TX_UNKNOWN;
		w->tx_age_ms = count_of(self, "tx_age_ms");
		read_roster(nodes, &w->roster);
	}
	json_decref(json);
	return understood ? 0 : -1;
}

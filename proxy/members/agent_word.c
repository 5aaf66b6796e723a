/* SPDX-License-Identifier: GPL-3.0-or-later */
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

int agent_word_parse(struct slice body, struct agent_word *w)
{
	json_t *json = json_loadb(body.p, body.n, 0, NULL);
	const char *from = json_string_value(json_object_get(json, "from"));
	const json_t *self = from ? node_named(json_object_get(json, "nodes"), from) : NULL;
	const json_t *writable = json_object_get(self, "writable");
	const char *why = json_string_value(json_object_get(self, "why"));
	bool understood =
		json_is_boolean(writable) && json_is_boolean(json_object_get(json, "lease"));

	*w = (struct agent_word){0};
	if (understood) {
		w->writable = json_is_true(writable);
		snprintf(w->why, sizeof(w->why), "%s", why ? why : "");
	}
	json_decref(json);
	return understood ? 0 : -1;
}

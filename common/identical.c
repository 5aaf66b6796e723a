/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "identical.h"

const struct identical_node *identical_find(const struct identical *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->node[i].name, name) == 0)
			return &all->node[i];
	}
	return NULL;
}

static int take_nodes(struct identical *to, struct err *e)
{
	json_t *nodes = json_object_get(to->list.json, "nodes"), *files;
	const char *name;

	json_object_foreach(nodes, name, files)
	{
		if (to->n == IDENTICAL_NODES_MAX)
			return err_set(e, "more than %d nodes", IDENTICAL_NODES_MAX);
		to->node[to->n++] = (struct identical_node){.name = name};
	}
	return 0;
}

static bool is_taken(const struct identical *all, const char *serial)
{
	for (size_t i = 0; i < all->n; i++) {
		if (strcmp(all->node[i].serial, serial) == 0)
			return true;
	}
	return false;
}

static int take_serials(struct identical *to, struct err *e)
{
	json_t *serials = json_object_get(to->list.json, "serials"), *value;
	char serial[SERIAL_TEXT];
	const char *name;

	if (!json_is_object(serials))
		return err_set(e, "no serial numbers");
	json_object_foreach(serials, name, value)
	{
		const struct identical_node *n = identical_find(to, name);
		const char *text = json_string_value(value);
		if (!n || !text || !serial_take(text, strlen(text), serial))
			return err_set(e, "a serial number that is none, or of no node");
		if (is_taken(to, serial))
			return err_set(e, "two nodes have the serial number %s", serial);
		memcpy(to->node[n - to->node].serial, serial, sizeof(serial));
	}
	return 0;
}

static const char *text_of(const struct identical *all, const char *key)
{
	const char *s = json_string_value(json_object_get(all->list.json, key));

	return s ? s : "";
}

int identical_parse(const char *text, size_t n, struct identical *to, struct err *e)
{
	*to = (struct identical){0};
	if (generation_parse_card(text, n, &to->list, e) < 0)
		return -1;
	to->cluster = text_of(to, "name");
	to->profile = text_of(to, "profile");
	int r = *to->cluster ? take_nodes(to, e) : err_set(e, "no name of a cluster");
	if (r == 0)
		r = take_serials(to, e);
	if (r < 0)
		identical_close(to);
	return r;
}

void identical_close(struct identical *to)
{
	generation_close(&to->list);
	*to = (struct identical){0};
}

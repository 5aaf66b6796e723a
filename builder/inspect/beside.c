/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <libgen.h>
#include <string.h>
#include "beside.h"
#include "util.h"

static void cleanup_json(json_t **j)
{
	json_decref(*j);
}

/* "n1.img" of "x/n1.img" and of "x/n1.img.zst"; the caller's. */
static char *image_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = xstrdup(slash ? slash + 1 : path), *end = strstr(name, ".img");

	if (end)
		end[strlen(".img")] = '\0';
	return name;
}

static const json_t *find_node(const json_t *manifest, const char *image)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(manifest, "nodes"), i, node)
	{
		const char *name = json_string_value(json_object_get(node, "image"));
		if (name && strcmp(name, image) == 0)
			return node;
	}
	return NULL;
}

static char *get_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? xstrdup(text) : NULL;
}

void beside_read(struct beside *b, const char *image)
{
	_cleanup_free_ char *copy = xstrdup(image), *name = image_name(image);
	json_error_t error;

	*b = (struct beside){.path = xasprintf("%s/manifest.json", dirname(copy))};
	b->there = access(b->path, F_OK) == 0;
	if (!b->there)
		return;
	_cleanup_(cleanup_json) json_t *manifest = json_load_file(b->path, 0, &error);
	const json_t *node = find_node(manifest, name);
	if (!manifest)
		b->trouble = xasprintf("%s: %s", b->path, error.text);
	if (!node)
		return;
	json_int_t size = json_integer_value(json_object_get(node, "size"));
	b->size = size > 0 ? (uint64_t)size : 0;
	b->for_all = json_is_true(json_object_get(node, "for_all"));
	b->node = b->for_all ? NULL : get_text(node, "name");
	b->sha256 = get_text(node, "sha256");
	b->cluster = get_text(manifest, "cluster");
	b->cluster_id = get_text(manifest, "id");
}

void beside_free(struct beside *b)
{
	char *strings[] = {b->path, b->trouble, b->node, b->cluster, b->cluster_id, b->sha256};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(strings[i]);
	*b = (struct beside){0};
}

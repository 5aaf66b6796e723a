/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <string.h>
#include "assets.h"
#include "digest.h"
#include "io.h"
#include "recipe.h"

static void add(struct recipe *r, const char *name, const char hash[static HASH_HEX])
{
	if (r->n == RECIPE_MAX) {
		fprintf(stderr, "bramble: RECIPE_MAX is too small\n");
		abort();
	}
	struct ingredient *i = &r->list[r->n++];
	snprintf(i->name, sizeof(i->name), "%s", name);
	memcpy(i->hash, hash, HASH_HEX);
}

void recipe_bytes(struct recipe *r, const char *name, const void *p, size_t n)
{
	struct hash h;
	char hex[HASH_HEX];

	hash_begin(&h);
	hash_bytes(&h, p, n);
	hash_end(&h, hex);
	add(r, name, hex);
}

void recipe_text(struct recipe *r, const char *name, const char *text)
{
	recipe_bytes(r, name, text, strlen(text));
}

void recipe_number(struct recipe *r, const char *name, unsigned long long value)
{
	recipe_bytes(r, name, &value, sizeof(value));
}

int recipe_path(struct recipe *r, const char *name, const char *path, struct err *e)
{
	char hex[HASH_HEX];

	if (digest_path(path, hex, e) < 0)
		return -1;
	add(r, name, hex);
	return 0;
}

int recipe_assets(struct recipe *r, const char *name, const char *top, struct err *e)
{
	char hex[HASH_HEX];

	if (assets_digest(top, hex, e) < 0)
		return -1;
	add(r, name, hex);
	return 0;
}

void recipe_key(const struct recipe *r, char key[static HASH_HEX])
{
	struct hash h;

	hash_begin(&h);
	for (size_t i = 0; i < r->n; i++) {
		hash_text(&h, r->list[i].name);
		hash_text(&h, r->list[i].hash);
	}
	hash_end(&h, key);
}

int recipe_save(const struct recipe *r, const char *path, struct err *e)
{
	json_t *root = json_object();

	for (size_t i = 0; i < r->n; i++)
		json_object_set_new(root, r->list[i].name, json_string(r->list[i].hash));
	_cleanup_free_ char *text = json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	if (!text)
		return err_set(e, "%s: out of memory", path);
	return io_write_atomic(path, text, strlen(text), 0600, e);
}

bool recipe_load(struct recipe *r, const char *path)
{
	json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL), *value;
	const char *name;

	*r = (struct recipe){0};
	json_object_foreach(root, name, value)
	{
		const char *hash = json_string_value(value);
		if (hash && strlen(hash) == HASH_HEX - 1 && r->n < RECIPE_MAX)
			add(r, name, hash);
	}
	json_decref(root);
	return r->n > 0;
}

static const struct ingredient *find(const struct recipe *r, const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		if (strcmp(r->list[i].name, name) == 0)
			return &r->list[i];
	}
	return NULL;
}

bool recipe_says(const struct recipe *r, const char *name, const char *text)
{
	struct recipe wanted = {0};

	recipe_text(&wanted, name, text);
	const struct ingredient *i = find(r, name);
	return i && strcmp(i->hash, wanted.list[0].hash) == 0;
}

static void add_name(struct buf *b, const char *name)
{
	buf_printf(b, "%s%s", b->len ? ", " : "", name);
}

char *recipe_changes(const struct recipe *now, const struct recipe *before)
{
	struct buf names = {0};

	for (size_t i = 0; i < now->n; i++) {
		const struct ingredient *old = find(before, now->list[i].name);
		if (!old || strcmp(old->hash, now->list[i].hash) != 0)
			add_name(&names, now->list[i].name);
	}
	for (size_t i = 0; i < before->n; i++) {
		if (!find(now, before->list[i].name))
			add_name(&names, before->list[i].name);
	}
	return names.len ? buf_steal(&names) : xstrdup("");
}

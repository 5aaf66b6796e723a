/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "about.h"
#include <jansson.h>
#include <string.h>
#include "talk.h"

#define FORMAT 1

struct text_field {
	const char *key;
	size_t at, size;
};

#define TEXT(k, m)                                                                         \
	{                                                                                  \
		k, offsetof(struct backup_about, m), sizeof(((struct backup_about *)0)->m) \
	}

static const struct text_field texts[] = {
	TEXT("cluster", cluster),
	TEXT("id", id),
	TEXT("node", node),
	TEXT("neo4j", neo4j),
	TEXT("taken", taken),
};

void about_format(const struct backup_about *a, struct buf *out)
{
	char digest[2 * PACK_DIGEST + 1], store[33];

	snprintf(store, sizeof(store), "%016llx%016llx", (unsigned long long)a->store.created,
		(unsigned long long)a->store.random);
	hex_encode(digest, a->sums.digest, PACK_DIGEST);
	_cleanup_json_ json_t *json = json_pack("{s:i}", "format", FORMAT);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_object_set_new(json, texts[i].key, json_string((const char *)a + texts[i].at));
	json_object_set_new(json, "store", json_string(store));
	json_object_set_new(json, "last_tx", json_integer((json_int_t)a->store.last_tx));
	json_object_set_new(json, "files", json_integer((json_int_t)a->sums.files));
	json_object_set_new(json, "bytes", json_integer((json_int_t)a->sums.bytes));
	json_object_set_new(json, "sha256", json_string(digest));
	char *text = json_dumps(json, JSON_INDENT(2));
	buf_printf(out, "%s\n", text ? text : "");
	free(text);
}

/* Printable ASCII that fits: it is shown, and compared. */
static int get_text(const json_t *json, const struct text_field *f, char *to)
{
	const char *s = json_string_value(json_object_get(json, f->key));

	if (!s || strlen(s) >= f->size || !is_printable(s, strlen(s)))
		return -1;
	memcpy(to, s, strlen(s) + 1);
	return 0;
}

static int get_number(const json_t *json, const char *key, uint64_t *to)
{
	const json_t *v = json_object_get(json, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return -1;
	*to = (uint64_t)json_integer_value(v);
	return 0;
}

static uint64_t number_of(const uint8_t *p)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

static int get_sums(const json_t *json, struct backup_about *a)
{
	const char *digest = json_string_value(json_object_get(json, "sha256"));
	const char *store = json_string_value(json_object_get(json, "store"));
	uint8_t id[16];

	if (!digest || hex_decode(a->sums.digest, PACK_DIGEST, digest) < 0 || !store ||
		hex_decode(id, sizeof(id), store) < 0)
		return -1;
	a->store.created = number_of(id);
	a->store.random = number_of(id + 8);
	if (get_number(json, "last_tx", &a->store.last_tx) < 0 ||
		get_number(json, "files", &a->sums.files) < 0)
		return -1;
	return get_number(json, "bytes", &a->sums.bytes);
}

int about_parse(const char *text, size_t n, struct backup_about *a, struct err *e)
{
	_cleanup_json_ json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	uint64_t format;

	*a = (struct backup_about){0};
	if (!json_is_object(json) || get_number(json, "format", &format) < 0)
		return err_code(e, EXIT_INPUT, ABOUT_ENTRY ": makes no sense");
	if (format != FORMAT)
		return err_code(e, EXIT_INPUT,
			"a backup in format %llu; this bramble reads format %d",
			(unsigned long long)format, FORMAT);
	int rc = get_sums(json, a);
	for (size_t i = 0; i < ARRAY_SIZE(texts) && rc == 0; i++)
		rc = get_text(json, &texts[i], (char *)a + texts[i].at);
	return rc < 0 ? err_code(e, EXIT_INPUT, ABOUT_ENTRY ": makes no sense") : 0;
}

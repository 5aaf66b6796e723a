/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalogue.h"
#include <jansson.h>
#include <string.h>
#include <unistd.h>
#include "assets.h"
#include "io.h"
#include "url.h"

#define VERSION 1
#define TEXT_MAX (1u << 20)
#define OWN_FILE "catalogue.json" /* in the inputs folder */
#define NAME_MAX_LEN 64
#define FILE_MAX_LEN 200 /* leaves room for what a partial file is called */
#define URLS_MAX 8
#define SIZE_MAX_BYTES (UINT64_C(1) << 40)

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static void entry_free(struct catalogue_entry *x)
{
	free(x->name);
	for (char **u = x->urls; u && *u; u++)
		free(*u);
	free(x->urls);
	free(x->file);
	free(x->what);
	free(x->licence);
}

void catalogue_free(struct catalogue *c)
{
	for (size_t i = 0; i < c->n; i++)
		entry_free(&c->entries[i]);
	free(c->entries);
	*c = (struct catalogue){0};
}

static bool is_word(const char *s, const char *letters, size_t max)
{
	size_t n = strlen(s);

	return n > 0 && n <= max && s[0] != '.' && s[0] != '-' && s[strspn(s, letters)] == '\0';
}

/* What is printed on a terminal must not move its cursor, C1 controls (U+0080-9F) included. */
static bool is_plain(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (*p < ' ' || *p == 0x7f || (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0))
			return false;
	}
	return true;
}

static int take_urls(struct catalogue_entry *x, json_t *urls, struct err *e)
{
	size_t n = json_array_size(urls);

	if (n == 0 || n > URLS_MAX)
		return err_set(e, "urls: wants a list of 1 to %d addresses", URLS_MAX);
	x->urls = xcalloc(n + 1, sizeof(*x->urls));
	for (size_t i = 0; i < n; i++) {
		const char *url = json_string_value(json_array_get(urls, i));
		if (!url || !url_is_web(url))
			return err_set(e, "urls: \"%s\" is no http:// or https:// address",
				url ? url : "?");
		x->urls[i] = xstrdup(url);
	}
	return 0;
}

static int take_file(struct catalogue_entry *x, const char *file, struct err *e)
{
	x->file = file ? xstrdup(file) : url_file(x->urls[0]);
	if (is_word(x->file, LOWER UPPER DIGITS "._+-", FILE_MAX_LEN) &&
		strcmp(x->file, OWN_FILE) != 0)
		return 0;
	return err_set(e, "\"%s\" is no name for its file", x->file);
}

static int take_sha256(struct catalogue_entry *x, const char *hex, struct err *e)
{
	uint8_t sum[SHA256_SIZE];

	if (hex_decode(sum, sizeof(sum), hex) < 0)
		return err_set(e, "sha256 is not %u hexadecimal digits", 2 * SHA256_SIZE);
	hex_encode(x->sha256, sum, sizeof(sum));
	return 0;
}

static int take_size(struct catalogue_entry *x, json_int_t size, struct err *e)
{
	if (size < 0 || (uint64_t)size > SIZE_MAX_BYTES)
		return err_set(e, "size %lld is none", (long long)size);
	x->size = (uint64_t)size;
	return 0;
}

static int take_texts(
	struct catalogue_entry *x, const char *what, const char *licence, struct err *e)
{
	if (!is_plain(what) || !is_plain(licence))
		return err_set(e, "what and licence are one line of text each");
	x->what = xstrdup(what);
	x->licence = xstrdup(licence);
	return 0;
}

static int take_entry(struct catalogue_entry *x, json_t *json, struct err *e)
{
	const char *name, *file = NULL, *sha256, *what, *licence;
	json_error_t why;
	json_int_t size = 0;
	json_t *urls;

	if (json_unpack_ex(json, &why, 0, "{s:s, s:o, s?s, s?I, s:s, s:s, s:s !}", "name", &name,
		    "urls", &urls, "file", &file, "size", &size, "sha256", &sha256, "what", &what,
		    "licence", &licence) < 0)
		return err_set(e, "%s", why.text);
	if (!is_word(name, LOWER DIGITS "._+-", NAME_MAX_LEN))
		return err_set(e, "\"%s\" is no name: a-z, 0-9, \".\", \"-\", \"+\", \"_\"", name);
	x->name = xstrdup(name);
	if (take_urls(x, urls, e) < 0 || take_file(x, file, e) < 0 ||
		take_sha256(x, sha256, e) < 0 || take_size(x, size, e) < 0 ||
		take_texts(x, what, licence, e) < 0)
		return err_prefix(e, "%s", name);
	return 0;
}

static int take_entries(struct catalogue *c, json_t *list, struct err *e)
{
	c->entries = xcalloc(json_array_size(list) + 1, sizeof(*c->entries));
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct catalogue_entry *x = &c->entries[i];
		c->n = i + 1;
		if (take_entry(x, json_array_get(list, i), e) < 0)
			return err_prefix(e, "entry %zu", i + 1);
		if (catalogue_find(c, x->name) != x)
			return err_set(e, "entry %zu: \"%s\" is there twice", i + 1, x->name);
	}
	return 0;
}

static int parse(struct catalogue *c, const char *origin, const char *text, size_t n, struct err *e)
{
	json_error_t why;
	int version, rc = -1;
	json_t *list, *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);

	if (!root)
		return err_code(e, EXIT_INPUT, "%s:%d: %s", origin, why.line, why.text);
	if (json_unpack_ex(root, &why, 0, "{s:i, s:o !}", "catalogue", &version, "entries", &list) <
			0 ||
		!json_is_array(list))
		err_set(e, "no catalogue: {\"catalogue\": %d, \"entries\": [...]} is wanted",
			VERSION);
	else if (version != VERSION)
		err_set(e, "a catalogue of version %d; this bramble reads %d", version, VERSION);
	else
		rc = take_entries(c, list, e);
	json_decref(root);
	if (rc < 0)
		e->code = EXIT_INPUT;
	return rc < 0 ? err_prefix(e, "%s", origin) : 0;
}

static void put(struct catalogue *c, struct catalogue_entry *x)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->entries[i].name, x->name) != 0)
			continue;
		entry_free(&c->entries[i]);
		c->entries[i] = *x;
		return;
	}
	c->entries = xreallocarray(c->entries, c->n + 1, sizeof(*c->entries));
	c->entries[c->n++] = *x;
}

/* origin names the text in errors. What is wrong anywhere in it adds nothing. */
static int add(struct catalogue *c, const char *origin, const char *text, size_t n, struct err *e)
{
	_cleanup_catalogue_ struct catalogue more = {0};

	if (parse(&more, origin, text, n, e) < 0)
		return -1;
	for (size_t i = 0; i < more.n; i++)
		put(c, &more.entries[i]);
	more.n = 0; /* they are c's now */
	return 0;
}

int catalogue_load(struct catalogue *c, const char *dir, struct err *e)
{
	_cleanup_free_ char *own = xasprintf("%s/" OWN_FILE, dir);
	_cleanup_buf_ struct buf text = {0};

	if (add(c, "bramble's own catalogue", catalogue_json, catalogue_json_size, e) < 0)
		return -1;
	if (access(own, F_OK) < 0)
		return 0;
	if (io_read_file(own, TEXT_MAX, &text, e) < 0)
		return -1;
	return add(c, own, buf_str(&text), text.len, e);
}

const struct catalogue_entry *catalogue_find(const struct catalogue *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->entries[i].name, name) == 0)
			return &c->entries[i];
	}
	return NULL;
}

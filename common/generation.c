/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include "card_paths.h"
#include "generation.h"
#include "io.h"

#define HEAD "bramble generation1 "
#define HEAD_SIZE (sizeof(HEAD) - 1)
#define SIGNATURE_HEX (2 * crypto_sign_BYTES)
#define PATH_LENGTH_MAX 1023
#define VERSION 1

/* --- the signature */

int generation_public(const char *seed_hex, char to[GENERATION_PUBLIC_HEX + 1], struct err *e)
{
	uint8_t seed[crypto_sign_SEEDBYTES], public[crypto_sign_PUBLICKEYBYTES],
		secret[crypto_sign_SECRETKEYBYTES];

	if (hex_decode(seed, sizeof(seed), seed_hex) < 0)
		return err_set(e, "the key that signs generations is damaged");
	crypto_sign_seed_keypair(public, secret, seed);
	hex_encode(to, public, sizeof(public));
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(secret, sizeof(secret));
	return 0;
}

int generation_seal(const json_t *json, const char *seed_hex, struct buf *out, struct err *e)
{
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);
	uint8_t seed[crypto_sign_SEEDBYTES], public[crypto_sign_PUBLICKEYBYTES],
		secret[crypto_sign_SECRETKEYBYTES], signature[crypto_sign_BYTES];
	char hex[SIGNATURE_HEX + 1];

	if (!text || strlen(text) > GENERATION_LIST_MAX - HEAD_SIZE - sizeof(hex))
		return err_set(e, "the list of files is too long");
	if (hex_decode(seed, sizeof(seed), seed_hex) < 0)
		return err_set(e, "the key that signs generations is damaged");
	crypto_sign_seed_keypair(public, secret, seed);
	crypto_sign_detached(signature, NULL, (const uint8_t *)text, strlen(text), secret);
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(secret, sizeof(secret));
	hex_encode(hex, signature, sizeof(signature));
	buf_printf(out, HEAD "%s\n", hex);
	buf_puts(out, text);
	return buf_ok(out) ? 0 : err_set(e, "out of memory");
}

static int check_signature(const char *p, size_t n, const char *public_hex, struct err *e)
{
	uint8_t public[crypto_sign_PUBLICKEYBYTES], signature[crypto_sign_BYTES];
	char hex[SIGNATURE_HEX + 1];
	size_t head = HEAD_SIZE + SIGNATURE_HEX + 1;

	if (n <= head || n > GENERATION_LIST_MAX || memcmp(p, HEAD, HEAD_SIZE) != 0 ||
		p[head - 1] != '\n')
		return err_set(e, "no list of a generation");
	memcpy(hex, p + HEAD_SIZE, SIGNATURE_HEX);
	hex[SIGNATURE_HEX] = '\0';
	if (hex_decode(public, sizeof(public), public_hex) < 0 ||
		hex_decode(signature, sizeof(signature), hex) < 0 ||
		crypto_sign_verify_detached(
			signature, (const uint8_t *)p + head, n - head, public) != 0)
		return err_set(e, "not signed with the key this card knows (owner.pub)");
	return 0;
}

/* --- the list */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool is_digest(const char *s)
{
	return strlen(s) == GENERATION_DIGEST - 1 &&
	       strspn(s, "0123456789abcdef") == GENERATION_DIGEST - 1;
}

/* "/a/b": no empty part, none that is "." or "..", nothing a terminal would take for an order. */
static bool is_plain(const char *path)
{
	if (path[0] != '/' || strlen(path) > PATH_LENGTH_MAX)
		return false;
	for (const char *p = path; *p;) {
		size_t n = strcspn(++p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		for (size_t i = 0; i < n; i++) {
			if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
				return false;
		}
		p += n;
	}
	return true;
}

static bool is_number(const json_t *o, const char *key, json_int_t most)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= most;
}

static struct generation_file file_of(const json_t *o)
{
	struct generation_file f = {.path = text_of(o, "path"),
		.link = text_of(o, "link"),
		.digest = text_of(o, "digest"),
		.size = (uint64_t)json_integer_value(json_object_get(o, "size")),
		.mode = (mode_t)json_integer_value(json_object_get(o, "mode")),
		.uid = (uid_t)json_integer_value(json_object_get(o, "uid")),
		.gid = (gid_t)json_integer_value(json_object_get(o, "gid"))};

	f.kind = *f.link                                   ? GENERATION_LINK
		 : json_is_true(json_object_get(o, "dir")) ? GENERATION_DIR
							   : GENERATION_FILE;
	return f;
}

static int check_file(const json_t *o, bool any_path, struct err *e)
{
	struct generation_file f = file_of(o);
	const char *why;

	if (!is_plain(f.path))
		return err_set(e, "a file without a plain path");
	why = any_path ? NULL : card_path_forbidden(f.path);
	if (why)
		return err_set(e, "%s %s", f.path, why);
	if (f.kind == GENERATION_LINK)
		return strlen(f.link) < 4096 ? 0 : err_set(e, "%s: no link", f.path);
	if (!is_number(o, "mode", 0777) || !is_number(o, "uid", UINT32_MAX - 1) ||
		!is_number(o, "gid", UINT32_MAX - 1))
		return err_set(e, "%s: no owner or mode", f.path);
	if (f.kind == GENERATION_FILE &&
		(!is_digest(f.digest) || !is_number(o, "size", (json_int_t)GENERATION_FILE_MAX)))
		return err_set(e, "%s: no size or digest", f.path);
	return 0;
}

static int check_files(const json_t *list, bool any_path, struct err *e)
{
	if (!json_is_array(list) || json_array_size(list) > GENERATION_FILES_MAX)
		return err_set(e, "no list of files, or too long a one");
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (check_file(json_array_get(list, i), any_path, e) < 0)
			return -1;
	}
	return 0;
}

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 64 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool has_role(const json_t *o, const char *role)
{
	const json_t *roles = json_object_get(o, "roles");

	for (size_t i = 0; i < json_array_size(roles); i++) {
		const char *s = json_string_value(json_array_get(roles, i));
		if (s && strcmp(s, role) == 0)
			return true;
	}
	return false;
}

struct generation_member generation_member_at(const struct generation *g, size_t i)
{
	const json_t *o = json_array_get(json_object_get(g->json, "members"), i);

	return (struct generation_member){.name = text_of(o, "name"),
		.address = text_of(o, "address"),
		.id = (unsigned)json_integer_value(json_object_get(o, "id")),
		.data = has_role(o, "data"),
		.arbiter = has_role(o, "arbiter")};
}

/* By ascending id, as a manifest has them. */
static int check_members(const struct generation *g, struct err *e)
{
	unsigned last = 0;
	struct in_addr a;

	for (size_t i = 0; i < g->nmembers; i++) {
		struct generation_member m = generation_member_at(g, i);
		if (!is_name(m.name) || m.id <= last || m.id > 127 || m.data == m.arbiter)
			return err_set(e, "a member without a name, an id or one role");
		if (*m.address && inet_pton(AF_INET, m.address, &a) != 1)
			return err_set(e, "%s: no address", m.name);
		last = m.id;
	}
	return g->nmembers ? 0 : err_set(e, "no members");
}

static int check_list(const struct generation *g, bool any_path, struct err *e)
{
	json_t *nodes = json_object_get(g->json, "nodes"), *files;
	const char *name;

	if (json_integer_value(json_object_get(g->json, "bramble")) != VERSION)
		return err_set(e, "a list of another bramble");
	if (!is_number(g->json, "generation", 999999999) || g->number == 0 || !*g->cluster ||
		strlen(g->built) != strlen("2026-11-28"))
		return err_set(e, "no cluster, number or day");
	if (check_members(g, e) < 0)
		return -1;
	if (!json_is_object(nodes))
		return err_set(e, "no nodes");
	json_object_foreach(nodes, name, files)
	{
		if (!is_name(name))
			return err_set(e, "a node without a name");
		if (check_files(files, any_path, e) < 0)
			return err_prefix(e, "node %s", name);
	}
	return 0;
}

static int parse(const char *text, size_t n, bool any_path, struct generation *g, struct err *e)
{
	json_error_t je;

	*g = (struct generation){0};
	g->json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
	if (!json_is_object(g->json)) {
		generation_close(g);
		return err_set(e, "no list of a generation: %s", je.text);
	}
	g->number = (uint64_t)json_integer_value(json_object_get(g->json, "generation"));
	g->cluster = text_of(g->json, "cluster");
	g->built = text_of(g->json, "built");
	g->neo4j = text_of(g->json, "neo4j");
	g->nmembers = json_array_size(json_object_get(g->json, "members"));
	if (check_list(g, any_path, e) == 0)
		return 0;
	generation_close(g);
	return -1;
}

int generation_parse(const char *text, size_t n, struct generation *g, struct err *e)
{
	return parse(text, n, false, g, e);
}

int generation_parse_card(const char *text, size_t n, struct generation *g, struct err *e)
{
	return parse(text, n, true, g, e);
}

int generation_open(
	const struct buf *sealed, const char *public_hex, struct generation *g, struct err *e)
{
	size_t head = HEAD_SIZE + SIGNATURE_HEX + 1;

	*g = (struct generation){0};
	if (check_signature(buf_str(sealed), sealed->len, public_hex, e) < 0)
		return -1;
	return generation_parse(sealed->data + head, sealed->len - head, g, e);
}

void generation_close(struct generation *g)
{
	json_decref(g->json);
	*g = (struct generation){0};
}

static const json_t *files_of(const struct generation *g, const char *node)
{
	return json_object_get(json_object_get(g->json, "nodes"), node);
}

ssize_t generation_count(const struct generation *g, const char *node)
{
	const json_t *files = files_of(g, node);

	return files ? (ssize_t)json_array_size(files) : -1;
}

struct generation_file generation_file_at(const struct generation *g, const char *node, size_t i)
{
	return file_of(json_array_get(files_of(g, node), i));
}

/* --- digests */

void generation_digest(const void *p, size_t n, char hex[GENERATION_DIGEST])
{
	uint8_t hash[crypto_generichash_BYTES];

	crypto_generichash(hash, sizeof(hash), p, n, NULL, 0);
	hex_encode(hex, hash, sizeof(hash));
}

int generation_digest_fd(int fd, char hex[GENERATION_DIGEST], uint64_t *size)
{
	uint8_t hash[crypto_generichash_BYTES], piece[16384];
	crypto_generichash_state h;
	ssize_t n;

	*size = 0;
	crypto_generichash_init(&h, NULL, 0, sizeof(hash));
	while ((n = pread(fd, piece, sizeof(piece), (off_t)*size)) > 0) {
		crypto_generichash_update(&h, piece, (size_t)n);
		*size += (uint64_t)n;
	}
	crypto_generichash_final(&h, hash, sizeof(hash));
	hex_encode(hex, hash, sizeof(hash));
	return n < 0 ? -1 : 0;
}

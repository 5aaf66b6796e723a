/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "neo4j_watch.h"
#include "secrets.h"

/* A small file that nobody else may read, without its last line end. */
static int read_private(const char *path, struct buf *text, struct err *e)
{
	struct stat st;

	if (io_read_file(path, 256, text, e) < 0) {
		e->code = EXIT_CONFIG; /* it is missing, or no such file at all */
		return -1;
	}
	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	if (st.st_mode & 077)
		return err_code(e, EXIT_CONFIG, "%s: others may read it; chmod 600", path);
	if (text->len && text->data[text->len - 1] == '\n')
		text->data[--text->len] = '\0';
	return 0;
}

void secret_wipe(struct buf *b)
{
	if (b->data)
		sodium_memzero(b->data, b->cap);
	buf_free(b);
}

/* -1: not one or two lines of 64 hex digits. */
static int parse(const char *text, struct secrets *s)
{
	char line[2 * SECRET_SIZE + 1];

	for (s->n = 0; *text && s->n < SECRETS_MAX; s->n++) {
		size_t n = strcspn(text, "\n");
		if (n != sizeof(line) - 1)
			return -1;
		memcpy(line, text, n);
		line[n] = '\0';
		if (hex_decode(s->bytes[s->n], SECRET_SIZE, line) < 0)
			return -1;
		text += n + (text[n] == '\n');
	}
	return s->n && !*text ? 0 : -1;
}

int secrets_load(const char *root, struct secrets *s, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/cluster.secret", root);
	_cleanup_secret_ struct buf text = {0};

	if (read_private(path, &text, e) < 0)
		return -1;
	if (parse(buf_str(&text), s) == 0)
		return 0;
	return err_code(e, EXIT_CONFIG, "%s: not %d hex digits", path, 2 * SECRET_SIZE);
}

void secrets_text(const struct secrets *s, char text[SECRETS_TEXT])
{
	for (size_t i = 0; i < s->n; i++) {
		hex_encode(text, s->bytes[i], SECRET_SIZE);
		text += 2 * SECRET_SIZE;
		*text++ = '\n';
	}
	*text = '\0';
}

void secrets_wipe(struct secrets *s)
{
	sodium_memzero(s, sizeof(*s));
}

/* Its place in the file, or -1. */
static int find(const struct secrets *s, const uint8_t secret[SECRET_SIZE])
{
	for (size_t i = 0; i < s->n; i++) {
		if (sodium_memcmp(s->bytes[i], secret, SECRET_SIZE) == 0)
			return (int)i;
	}
	return -1;
}

static int add(struct secrets *s, const uint8_t new[SECRET_SIZE], struct err *e)
{
	if (s->n == SECRETS_MAX)
		return err_set(e, "another change of the secret has not been finished here; "
				  "bramble recover-state, from running nodes, has it finished");
	memcpy(s->bytes[s->n++], new, SECRET_SIZE);
	return 1;
}

static int use(struct secrets *s)
{
	uint8_t old[SECRET_SIZE];

	memcpy(old, s->bytes[0], SECRET_SIZE);
	memcpy(s->bytes[0], s->bytes[1], SECRET_SIZE);
	memcpy(s->bytes[1], old, SECRET_SIZE);
	sodium_memzero(old, sizeof(old));
	return 1;
}

int secrets_change(
	struct secrets *s, enum secrets_step step, const uint8_t new[SECRET_SIZE], struct err *e)
{
	int at = find(s, new);

	if (step == SECRETS_ACCEPT)
		return at < 0 ? add(s, new, e) : 0;
	if (at < 0 || (step == SECRETS_ONLY && at > 0))
		return err_set(e, "the secret's change has not come so far here");
	if (step == SECRETS_USE)
		return at > 0 ? use(s) : 0;
	if (s->n == 1)
		return 0;
	sodium_memzero(s->bytes[--s->n], SECRET_SIZE);
	return 1;
}

_Static_assert(HELLO_KEYS_MAX == SECRETS_MAX, "each secret has its keys");

int keys_load(const char *root, const struct identity *id, struct keys *k, struct err *e)
{
	_cleanup_secrets_ struct secrets s = {0};

	if (secrets_load(root, &s, e) < 0)
		return -1;
	k->hello.n = k->control.n = s.n;
	for (size_t i = 0; i < s.n; i++) {
		hello_key_derive(&k->hello.key[i], s.bytes[i], id->cluster_id);
		sealed_key_derive(&k->control.key[i], s.bytes[i], id->cluster_id);
	}
	return 0;
}

void keys_wipe(struct keys *k)
{
	sodium_memzero(k, sizeof(*k));
}

int password_load(const char *root, struct buf *password, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/neo4j.password", root);

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (read_private(path, password, e) < 0)
		return -1;
	if (password->len >= 1 && password->len <= NEO4J_PASSWORD_MAX)
		return 0;
	return err_code(
		e, EXIT_CONFIG, "%s: not one line of 1 to %d bytes", path, NEO4J_PASSWORD_MAX);
}

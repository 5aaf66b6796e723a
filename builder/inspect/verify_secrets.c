/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of what must not be known to others. */
#include <crypt.h>
#include <fnmatch.h>
#include <string.h>
#include "secret_file.h"
#include "stage/build.h"
#include "verify.h"

struct secret {
	const char *path;
	unsigned roles; /* of the nodes that must have it */
	uid_t owner;
	size_t digits; /* of hex in each line; 0: one printable line */
	size_t lines;  /* of hex, at most */
};

static const struct secret secrets[] = {
	{SECRET_FILE, ~0u, AGENT_UID, 64, 2},
	{"/etc/bramble/stats.password", ROLE_PROXY, PROXY_UID, 32, 1},
	{"/etc/bramble/neo4j.password", 0, AGENT_UID, 0, 0},
};

/* How many lines; 0: not what it should be. */
static size_t holds_hex(struct ext4 *fs, const struct secret *s)
{
	_cleanup_buf_ struct buf b = {0};
	struct err ignored;
	size_t n = ext4_read(fs, s->path, &b, &ignored) == 0 ? secret_lines(&b, s->digits) : 0;

	return n <= s->lines ? n : 0;
}

static bool holds_line(struct ext4 *fs, const char *path)
{
	_cleanup_buf_ struct buf b = {0};
	struct err ignored;

	return ext4_read(fs, path, &b, &ignored) == 0 && b.len > 1 && b.data[b.len - 1] == '\n' &&
	       is_printable(b.data, b.len - 1);
}

static enum verdict check_secret(struct verify *v, const struct secret *s)
{
	struct ext4_stat st;

	if (!ext4_stat(v->root, s->path, &st))
		return s->roles & v->card->identity.roles
			       ? verify_failed(v, "%s is missing", s->path)
			       : VERDICT_OK;
	if (st.kind != EXT4_FILE || st.owner.mode != 0600 || st.owner.uid != s->owner)
		return verify_failed(v, "%s has mode %04o and owner %u, not 0600 and %u", s->path,
			(unsigned)st.owner.mode, (unsigned)st.owner.uid, (unsigned)s->owner);
	if (!s->digits && !holds_line(v->root, s->path))
		return verify_failed(v, "%s is not one line of printable ASCII", s->path);
	size_t lines = s->digits ? holds_hex(v->root, s) : 1;
	if (!lines)
		return verify_failed(v, "%s is not %zu hex digits", s->path, s->digits);
	return lines > 1 ? verify_noted(v, SECRET_CHANGES) : VERDICT_OK;
}

/* Others that later versions of bramble may put there go by their names. */
static enum verdict check_other_secrets(struct verify *v)
{
	static const char *const patterns[] = {"*secret*", "*password*", "*auth*", "*.key"};
	struct err e = {0};
	_cleanup_names_ char **names = ext4_names(v->root, "/etc/bramble", &e);

	for (char **p = names; p && *p; p++) {
		_cleanup_free_ char *path = xasprintf("/etc/bramble/%s", *p);
		struct ext4_stat st;
		bool secret = false;
		for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
			secret |= fnmatch(patterns[i], *p, 0) == 0;
		if (secret && ext4_stat(v->root, path, &st) && (st.owner.mode & 077))
			return verify_failed(v, "%s has mode %04o: others can read it", path,
				(unsigned)st.owner.mode);
	}
	return names ? VERDICT_OK : verify_failed(v, "%s", e.msg);
}

enum verdict check_secrets(struct verify *v)
{
	if (!v->root || (!card_is_node(v->card) && !card_is_for_all(v->card)))
		return verify_not_checked(v, "no node to look at");
	for (size_t i = 0; i < ARRAY_SIZE(secrets); i++) {
		enum verdict verdict = check_secret(v, &secrets[i]);
		if (verdict != VERDICT_OK)
			return verdict;
	}
	return check_other_secrets(v);
}

/* Keys in an image would be the same on every card that is made from it. */
enum verdict check_host_keys(struct verify *v)
{
	struct err ignored;

	if (!v->root)
		return verify_not_checked(v, "the root filesystem cannot be read");
	if (card_has_run(v->card))
		return verify_not_checked(v, "the card was in use and has made its own");
	_cleanup_names_ char **names = ext4_names(v->root, "/etc/ssh", &ignored);
	for (char **p = names; p && *p; p++) {
		if (fnmatch("ssh_host_*_key", *p, 0) == 0)
			return verify_failed(v, "/etc/ssh/%s lies in the image", *p);
	}
	return VERDICT_OK;
}

/* What every Raspberry Pi had, and what is tried first. */
static bool is_default_password(const char *user, const char *hash)
{
	const char *const words[] = {"raspberry", "pi", "password", "bramble", "neo4j", user};
	_cleanup_free_ struct crypt_data *data = xcalloc(1, sizeof(*data));

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *is = crypt_r(words[i], hash, data);
		if (is && strcmp(is, hash) == 0)
			return true;
	}
	return false;
}

enum verdict check_passwords(struct verify *v)
{
	_cleanup_buf_ struct buf shadow = {0};
	struct err e = {0};
	char *lines = NULL, *user, *hash;

	if (!v->root)
		return verify_not_checked(v, "the root filesystem cannot be read");
	if (ext4_read(v->root, "/etc/shadow", &shadow, &e) < 0)
		return verify_failed(v, "%s", e.msg);
	for (char *line = strtok_r(shadow.data, "\n", &lines); line;
		line = strtok_r(NULL, "\n", &lines)) {
		char *rest = line;
		user = strsep(&rest, ":");
		hash = strsep(&rest, ":");
		if (!hash || *hash == '!' || *hash == '*')
			continue;
		if (!*hash)
			return verify_failed(v, "user %s needs no password", user);
		if (is_default_password(user, hash))
			return verify_failed(v, "user %s has a password everybody knows", user);
	}
	return VERDICT_OK;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "user_files.h"
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include "../marker.h"
#include "../secrets.h"
#include "account.h"
#include "io.h"

static const struct {
	const char *name, *prefix;
} files[] = {
	{"auth", "auth "},
	{"roles", "role "},
};

char *user_files_dir(const char *store)
{
	return xasprintf("%s/neo4j/data/dbms", store);
}

static int become_owner(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_errno(e, "%s", path);
	if (geteuid() != 0 || st.st_uid == 0) /* a test's root belongs to whoever runs it */
		return 0;
	if (setgroups(0, NULL) < 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) < 0 ||
		setresuid(st.st_uid, st.st_uid, st.st_uid) < 0)
		return err_errno(e, "cannot become the owner of %s", path);
	return 0;
}

/* The folder, open to its owner only; the caller frees. NULL: e says why. */
static char *open_dir(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *store = xasprintf("%s/srv/bramble", o->root);
	_cleanup_free_ char *neo4j = xasprintf("%s/neo4j", store);
	_cleanup_free_ char *dir = user_files_dir(store);
	struct identity id;
	struct marker m;
	struct stat st;

	if (identity_load_root(o->root, &id, e) < 0 || become_owner(neo4j, e) < 0 ||
		marker_check(store, &id, &m, e) < 0)
		return NULL;
	if (lstat(dir, &st) < 0 || ((st.st_mode & 077) && chmod(dir, 0700) < 0)) {
		err_errno(e, "%s", dir);
		return NULL;
	}
	return steal(&dir);
}

static int add_lines(const char *path, const char *prefix, struct buf *to, struct err *e)
{
	_cleanup_secret_ struct buf text = {0};

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (io_read_plain(path, ACCOUNTS_TEXT_MAX, &text, e) < 0)
		return -1;
	for (const char *line = buf_str(&text); *line;) {
		size_t n = strcspn(line, "\n");
		if (n) {
			buf_puts(to, prefix);
			buf_add(to, line, n);
			buf_puts(to, "\n");
		}
		line += n + (line[n] == '\n');
	}
	return buf_ok(to) ? 0 : err_set(e, "%s: out of memory", path);
}

/* Before its first start Neo4j has none. */
static bool is_there(const struct agent_options *o)
{
	_cleanup_free_ char *store = xasprintf("%s/srv/bramble", o->root);
	_cleanup_free_ char *dir = user_files_dir(store);

	return access(dir, F_OK) == 0 || errno != ENOENT;
}

int user_files_read(const struct agent_options *o, struct err *e)
{
	_cleanup_secret_ struct buf all = {0};

	if (!is_there(o))
		return 0;
	_cleanup_free_ char *dir = open_dir(o, e);
	for (size_t i = 0; dir && i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, files[i].name);
		if (add_lines(path, files[i].prefix, &all, e) < 0)
			return -1;
	}
	if (!dir)
		return -1;
	return all.len && io_write_full(STDOUT_FILENO, all.data, all.len) < 0
		       ? err_errno(e, "standard output")
		       : 0;
}

/* --- and back */

static int read_input(struct buf *text, struct err *e)
{
	ssize_t n;

	do {
		char *to = buf_reserve(text, ACCOUNTS_TEXT_MAX);
		n = to ? read(STDIN_FILENO, to, ACCOUNTS_TEXT_MAX) : -1;
		text->len += n > 0 ? (size_t)n : 0;
	} while (n > 0 && text->len <= ACCOUNTS_TEXT_MAX);
	if (n < 0)
		return err_errno(e, "standard input");
	buf_add(text, "", 0);
	return text->len <= ACCOUNTS_TEXT_MAX ? 0 : err_set(e, "too many users");
}

/* What could not be read again, or would lock the agents out, is not written. */
static int check(const char *text, struct err *e)
{
	_cleanup_accounts_ struct accounts a = {0};
	_cleanup_secret_ struct buf again = {0};

	return accounts_read(text, &a, e) < 0 ? -1 : accounts_write(&a, &again, e);
}

static int put_lines(const char *path, const char *prefix, const char *text, struct err *e)
{
	_cleanup_secret_ struct buf lines = {0};

	while (*text) {
		size_t n = strcspn(text, "\n");
		if (str_starts(text, prefix)) {
			buf_add(&lines, text + strlen(prefix), n - strlen(prefix));
			buf_puts(&lines, "\n");
		}
		text += n + (text[n] == '\n');
	}
	if (!buf_ok(&lines))
		return err_set(e, "%s: out of memory", path);
	return lines.len ? io_write_atomic(path, lines.data, lines.len, 0600, e) : 0;
}

int user_files_write(const struct agent_options *o, struct err *e)
{
	_cleanup_secret_ struct buf text = {0};

	if (read_input(&text, e) < 0 || check(buf_str(&text), e) < 0)
		return -1;
	_cleanup_free_ char *dir = open_dir(o, e);
	if (!dir)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, files[i].name);
		if (put_lines(path, files[i].prefix, buf_str(&text), e) < 0)
			return -1;
	}
	return 0;
}

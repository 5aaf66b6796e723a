/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "digest.h"
#include "input/inputs.h"
#include "io.h"

#define SETTLED_S 2

/* All that tells one state of a file from another. */
static char *describe(const struct stat *st)
{
	return xasprintf("%llu %lld.%09ld %lld.%09ld", (unsigned long long)st->st_size,
		(long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
		st->st_ctim.tv_nsec);
}

static char *note_path(const struct stat *st)
{
	_cleanup_free_ char *root = cache_dir();

	return xasprintf("%s/digests/%llx-%llx", root, (unsigned long long)st->st_dev,
		(unsigned long long)st->st_ino);
}

static bool recall(const struct stat *st, char hex[static HASH_HEX])
{
	_cleanup_free_ char *path = note_path(st), *now = describe(st);
	_cleanup_buf_ struct buf note = {0};
	struct err ignored;
	uint8_t sum[(HASH_HEX - 1) / 2];

	if (io_read_file(path, 1024, &note, &ignored) < 0 || !str_starts(buf_str(&note), now))
		return false;
	const char *hash = note.data + strlen(now);
	if (*hash != ' ' || hex_decode(sum, sizeof(sum), hash + 1) < 0)
		return false;
	memcpy(hex, hash + 1, HASH_HEX);
	return true;
}

/*
 * One write, not synced: a note that cannot be written costs time, nothing else, and a torn one is
 * not believed.
 */
static void remember(const struct stat *st, const char hex[static HASH_HEX])
{
	_cleanup_free_ char *path = note_path(st), *root = cache_dir(), *now = describe(st);
	_cleanup_free_ char *dir = xasprintf("%s/digests", root);
	_cleanup_free_ char *note = xasprintf("%s %s", now, hex);
	struct timespec t;
	struct err ignored;

	clock_gettime(CLOCK_REALTIME, &t);
	if (st->st_ctim.tv_sec + SETTLED_S >= t.tv_sec || io_mkdir_p(dir, 0700, &ignored) < 0)
		return;
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)!io_write_full(fd, note, strlen(note));
}

static int digest_file(const char *path, char hex[static HASH_HEX], struct err *e)
{
	struct stat before, after;
	struct hash h;

	if (stat(path, &before) < 0)
		return err_errno(e, "%s", path);
	if (recall(&before, hex))
		return 0;
	hash_begin(&h);
	if (hash_path(&h, path, e) < 0)
		return -1;
	hash_end(&h, hex);
	_cleanup_free_ char *was = describe(&before);
	_cleanup_free_ char *is = stat(path, &after) == 0 ? describe(&after) : xstrdup("");
	if (strcmp(was, is) != 0)
		return err_code(e, EXIT_INPUT, "%s: changed while it was read", path);
	remember(&before, hex);
	return 0;
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int digest_dir(const char *path, char hex[static HASH_HEX], struct err *e)
{
	struct dirent **names;
	int n = scandir(path, &names, not_hidden, alphasort), rc = 0;
	struct hash h;

	if (n < 0)
		return err_errno(e, "%s", path);
	hash_begin(&h);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *file = xasprintf("%s/%s", path, names[i]->d_name);
		char part[HASH_HEX] = "";
		rc = rc < 0 ? rc : digest_path(file, part, e);
		hash_text(&h, names[i]->d_name);
		hash_text(&h, part);
		free(names[i]);
	}
	free(names);
	hash_end(&h, hex);
	return rc;
}

int digest_path(const char *path, char hex[static HASH_HEX], struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	return S_ISDIR(st.st_mode) ? digest_dir(path, hex, e) : digest_file(path, hex, e);
}

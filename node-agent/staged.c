/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "staged.h"
#include "util.h"

/* What the power left of the last time has other names than what is written now. */
static void sweep(const char *path)
{
	_cleanup_free_ char *whole = xstrdup(path);
	char *name = strrchr(whole, '/');
	DIR *d;

	if (!name)
		return;
	*name++ = '\0';
	size_t n = strlen(name);
	d = opendir(whole);
	for (struct dirent *f; d && (f = readdir(d));) {
		if (strncmp(f->d_name, name, n) == 0 && f->d_name[n] == '.' &&
			strlen(f->d_name + n + 1) == IO_BESIDE_LETTERS)
			unlinkat(dirfd(d), f->d_name, 0);
	}
	if (d)
		closedir(d);
}

static int add(struct staged *s, const char *path, char *next, struct err *e)
{
	if (s->n < STAGED_MAX) {
		s->file[s->n++] = (struct staged_file){xstrdup(path), next};
		return 0;
	}
	if (next)
		unlink(next);
	free(next);
	return err_set(e, "%s: too many files change at once", path);
}

int staged_write(
	struct staged *s, const char *path, const struct buf *text, mode_t mode, struct err *e)
{
	sweep(path);
	char *next = io_write_beside(path, buf_str(text), text->len, mode, e);

	return next ? add(s, path, next, e) : -1;
}

int staged_remove(struct staged *s, const char *path, struct err *e)
{
	sweep(path);
	return access(path, F_OK) < 0 && errno == ENOENT ? 0 : add(s, path, NULL, e);
}

int staged_commit(struct staged *s, struct err *e)
{
	while (s->done < s->n) {
		const struct staged_file *f = &s->file[s->done];
		if ((f->next ? rename(f->next, f->path) : unlink(f->path)) < 0)
			return err_errno(e, "%s", f->path);
		s->done++;
		if (io_sync_parent(f->path) < 0)
			return err_errno(e, "%s: directory", f->path);
	}
	return 0;
}

void staged_close(struct staged *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->file[i].next && i >= s->done)
			unlink(s->file[i].next);
		free(s->file[i].next);
		free(s->file[i].path);
	}
	*s = (struct staged){0};
}

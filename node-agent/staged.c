/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include "io.h"
#include "staged.h"
#include "util.h"

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
	char *next = io_write_beside(path, buf_str(text), text->len, mode, e);

	return next ? add(s, path, next, e) : -1;
}

int staged_remove(struct staged *s, const char *path, struct err *e)
{
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

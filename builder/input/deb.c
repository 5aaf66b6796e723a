/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A .deb (deb(5)) is an ar archive: debian-binary, control.tar.*, data.tar.*. The outer archive
 * is read entry by entry, and a second reader gets the bytes of one entry as they come, so that
 * nothing is unpacked twice and nothing is held in memory.
 */
#include <errno.h>
#include <string.h>
#include "archive_private.h"

#define CONTROL_MAX (1u << 20)
#define WORD "abcdefghijklmnopqrstuvwxyz0123456789"

struct nested {
	struct archive *outer, *inner;
};

static void nested_free(struct nested *n)
{
	archive_read_free(n->inner);
	archive_read_free(n->outer);
}
#define _cleanup_nested_ _cleanup_(nested_free)

static la_ssize_t read_outer(struct archive *a, void *arg, const void **piece)
{
	la_int64_t at;
	size_t n = 0;
	int rc = archive_read_data_block(arg, piece, &n, &at);

	if (rc == ARCHIVE_EOF)
		return 0;
	if (rc != ARCHIVE_OK) {
		archive_set_error(a, EIO, "truncated");
		return -1;
	}
	return (la_ssize_t)n;
}

static int open_member(struct nested *n, const char *path, const char *member, struct err *e)
{
	struct archive_entry *en;
	int rc;

	n->outer = archive_read_new();
	archive_read_support_format_ar(n->outer);
	if (archive_read_open_filename(n->outer, path, 1 << 20) != ARCHIVE_OK)
		return archive_fail(n->outer, path, e);
	while ((rc = archive_next(n->outer, path, &en, e)) > 0) {
		if (!str_starts(archive_name(en), member))
			continue;
		n->inner = archive_read_new();
		archive_support_filters(n->inner);
		archive_read_support_format_tar(n->inner);
		archive_read_support_format_gnutar(n->inner);
		if (archive_read_open(n->inner, n->outer, NULL, read_outer, NULL) != ARCHIVE_OK)
			return archive_fail(n->inner, path, e);
		return 0;
	}
	return rc < 0 ? -1 : err_code(e, EXIT_INPUT, "%s: no %s inside, so no .deb", path, member);
}

static int read_entry(struct archive *a, const char *path, struct buf *b, struct err *e)
{
	const void *piece;
	size_t n;
	la_int64_t at;
	int rc;

	while ((rc = archive_read_data_block(a, &piece, &n, &at)) == ARCHIVE_OK) {
		if (b->len + n > CONTROL_MAX)
			return err_code(e, EXIT_INPUT, "%s: control file too large", path);
		buf_add(b, piece, n);
	}
	return rc == ARCHIVE_EOF ? 0 : archive_fail(a, path, e);
}

/* The value of a "Name: value" line of a control stanza, or NULL; the caller frees. */
static char *field(const struct buf *control, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = buf_str(control); *line;) {
		size_t len = strcspn(line, "\n");
		if (strncmp(line, name, n) == 0 && line[n] == ':') {
			const char *v = line + n + 1;
			v += strspn(v, " ");
			return xstrndup(v, (size_t)(line + len - v));
		}
		line += len + (line[len] == '\n');
	}
	return NULL;
}

/* As deb-control(5) has them; they become parts of paths and of dpkg's own files. */
static bool is_word(const char *s, const char *more)
{
	size_t n = s ? strspn(s, WORD) : 0;

	return n && s[n + strspn(s + n, more)] == '\0';
}

/* One paragraph that says nothing about its state: it is copied into dpkg's status file. */
static bool is_one_stanza(const struct buf *control)
{
	const char *text = buf_str(control);
	_cleanup_free_ char *status = field(control, "Status");

	if (!buf_ok(control) || strlen(text) != control->len || !str_ends(text, "\n"))
		return false;
	return text[0] != '\n' && !strstr(text, "\n\n") && !status;
}

static int read_fields(const char *path, struct deb *d, struct err *e)
{
	d->package = field(&d->control, "Package");
	d->version = field(&d->control, "Version");
	d->architecture = field(&d->control, "Architecture");
	_cleanup_free_ char *multi = field(&d->control, "Multi-Arch");
	d->multi_arch_same = multi && strcmp(multi, "same") == 0;
	if (!is_word(d->package, WORD "+.-") || !d->version || !is_word(d->architecture, WORD "-"))
		return err_code(e, EXIT_INPUT, "%s: its control file names no package", path);
	if (!is_one_stanza(&d->control))
		return err_code(e, EXIT_INPUT, "%s: its control file is not one stanza", path);
	return 0;
}

int deb_read_control(const char *path, struct deb *d, struct err *e)
{
	_cleanup_nested_ struct nested n = {0};
	struct archive_entry *en;
	int rc;

	if (open_member(&n, path, "control.tar", e) < 0)
		return -1;
	while ((rc = archive_next(n.inner, path, &en, e)) > 0) {
		const char *name = archive_name(en);
		const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
		struct buf *into = strcmp(base, "control") == 0     ? &d->control
				   : strcmp(base, "md5sums") == 0   ? &d->md5sums
				   : strcmp(base, "conffiles") == 0 ? &d->conffiles
								    : NULL;
		d->has_postinst |= strcmp(base, "postinst") == 0;
		if (into && read_entry(n.inner, path, into, e) < 0)
			return -1;
	}
	return rc < 0 ? -1 : read_fields(path, d, e);
}

/* dpkg's .list: "/." first, then every path without a slash at its end. */
static void list_path(struct buf *list, const char *name)
{
	while (str_starts(name, "./"))
		name += 2;
	size_t n = strlen(name);
	while (n && name[n - 1] == '/')
		n--;
	buf_printf(list, "/%.*s\n", n ? (int)n : 1, n ? name : ".");
}

int deb_unpack(const char *path, struct deb *d, struct ext4 *fs, struct err *e)
{
	_cleanup_nested_ struct nested n = {0};
	struct unpack u = {.path = path, .fs = fs, .dest = "", .top = "", .package = true};
	struct archive_entry *en;
	int rc;

	if (open_member(&n, path, "data.tar", e) < 0)
		return -1;
	while ((rc = archive_next(n.inner, path, &en, e)) > 0) {
		if (unpack_entry(&u, n.inner, en, e) < 0)
			return -1;
		list_path(&d->list, archive_name(en));
	}
	return rc;
}

void deb_free(struct deb *d)
{
	free(d->package);
	free(d->version);
	free(d->architecture);
	buf_free(&d->control);
	buf_free(&d->md5sums);
	buf_free(&d->conffiles);
	buf_free(&d->list);
}

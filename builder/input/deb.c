/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A .deb (deb(5)) is an ar archive: debian-binary, control.tar.*, data.tar.*. The outer archive
 * is read entry by entry, and a second reader gets the bytes of one entry as they come, so that
 * nothing is unpacked twice and nothing is held in memory.
 */
#include <errno.h>
#include <string.h>
#include "archive_private.h"
#include "deb.h"
#include "run.h"
#include "stanza.h"
#include "xz.h"

#define CONTROL_MAX (1u << 20)
#define MEMBERS_MAX 64
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

static int open_inner(struct nested *n, const char *name)
{
	if (str_ends(name, ".xz"))
		return xz_open(n->inner, read_outer, n->outer);
	archive_support_filters(n->inner);
	return archive_read_open(n->inner, n->outer, NULL, read_outer, NULL);
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
		archive_read_support_format_tar(n->inner);
		archive_read_support_format_gnutar(n->inner);
		if (open_inner(n, archive_name(en)) != ARCHIVE_OK)
			return archive_fail(n->inner, path, e);
		return 0;
	}
	return rc < 0 ? -1 : err_code(e, EXIT_INPUT, "%s: no %s inside, so no .deb", path, member);
}

static int read_entry(struct archive *a, const char *path, struct buf *b, struct err *e)
{
	if (archive_read_head(a, path, CONTROL_MAX + 1, b, e) < 0)
		return -1;
	return b->len <= CONTROL_MAX
		       ? 0
		       : err_code(e, EXIT_INPUT, "%s: a control file is too large", path);
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
	_cleanup_free_ char *status = stanza_field(text, "Status");
	_cleanup_free_ char *conffiles = stanza_field(text, "Conffiles");

	if (!buf_ok(control) || strlen(text) != control->len || !str_ends(text, "\n"))
		return false;
	return text[0] != '\n' && !strstr(text, "\n\n") && !status && !conffiles;
}

static int read_fields(struct deb *d, struct err *e)
{
	const char *control = buf_str(&d->control);
	_cleanup_free_ char *multi = stanza_field(control, "Multi-Arch");

	d->package = stanza_field(control, "Package");
	d->version = stanza_field(control, "Version");
	d->architecture = stanza_field(control, "Architecture");
	d->multi_arch_same = multi && strcmp(multi, "same") == 0;
	if (!is_word(d->package, WORD "+.-") || !d->version || !is_word(d->architecture, WORD "-"))
		return err_code(e, EXIT_INPUT, "%s: its control file names no package", d->path);
	if (!is_one_stanza(&d->control))
		return err_code(e, EXIT_INPUT, "%s: its control file is not one stanza", d->path);
	return 0;
}

/* Members become files of dpkg's info folder: one of another name stays outside. */
static struct buf *new_member(struct deb *d, const char *name)
{
	if (strcmp(name, "control") == 0)
		return d->control.len ? NULL : &d->control;
	if (!is_word(name, WORD "-") || d->nmembers == MEMBERS_MAX || deb_member(d, name))
		return NULL;
	d->members = xreallocarray(d->members, d->nmembers + 1, sizeof(*d->members));
	struct deb_member *m = &d->members[d->nmembers++];
	*m = (struct deb_member){.name = xstrdup(name)};
	return &m->text;
}

int deb_read_control(const char *path, struct deb *d, struct err *e)
{
	_cleanup_nested_ struct nested n = {0};
	struct archive_entry *en;
	int rc;

	d->path = path;
	if (open_member(&n, path, "control.tar", e) < 0)
		return -1;
	while ((rc = archive_next(n.inner, path, &en, e)) > 0) {
		const char *name = archive_name(en);
		if (archive_entry_filetype(en) != AE_IFREG)
			continue;
		struct buf *into = new_member(d, str_starts(name, "./") ? name + 2 : name);
		if (into && read_entry(n.inner, path, into, e) < 0)
			return -1;
	}
	return rc < 0 ? -1 : read_fields(d, e);
}

const struct buf *deb_member(const struct deb *d, const char *name)
{
	for (size_t i = 0; i < d->nmembers; i++) {
		if (strcmp(d->members[i].name, name) == 0)
			return &d->members[i].text;
	}
	return NULL;
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

/* Is that path a line of conffiles? */
static bool is_conffile(const struct deb *d, const char *path)
{
	const struct buf *b = deb_member(d, "conffiles");
	size_t n = strlen(path);

	for (const char *p = b ? buf_str(b) : ""; *p; p += strspn(p, "\n")) {
		size_t len = strcspn(p, "\n");
		if (len == n && strncmp(p, path, n) == 0)
			return true;
		p += len;
	}
	return false;
}

/* MD5 is what dpkg's books are kept in; coreutils has it. */
static int md5_of(const struct buf *b, char hex[static 33], struct err *e)
{
	static const char *const argv[] = {"md5sum", NULL};
	_cleanup_buf_ struct buf out = {0};

	if (run_tool(argv, b, &out, 0, e) < 0)
		return -1;
	if (out.len < 32)
		return err_set(e, "md5sum: no sum");
	memcpy(hex, out.data, 32);
	hex[32] = '\0';
	return 0;
}

/*
 * A conffile that is there stays: it is the base's, or an administrator's. The sum is the shipped
 * one's, so that an upgrade asks only about what was changed.
 */
static int put_conffile(void *arg, struct ext4 *fs, struct archive *a, struct archive_entry *en,
	const char *to, struct err *e)
{
	struct deb *d = arg;
	_cleanup_buf_ struct buf text = {0};
	char hex[33];
	struct ext4_owner owner = {
		(uid_t)archive_entry_uid(en), (gid_t)archive_entry_gid(en), archive_entry_perm(en)};

	if (archive_entry_filetype(en) != AE_IFREG || !is_conffile(d, to))
		return 0;
	if (read_entry(a, d->path, &text, e) < 0 || md5_of(&text, hex, e) < 0)
		return -1;
	buf_printf(&d->conffile_sums, " %s %s\n", to, hex);
	if (ext4_kind(fs, to) != EXT4_NONE)
		return 1;
	return ext4_write(fs, to, buf_str(&text), text.len, owner, e) < 0 ? -1 : 1;
}

int deb_unpack(struct deb *d, struct ext4 *fs, struct err *e)
{
	_cleanup_nested_ struct nested n = {0};
	struct unpack u = {.path = d->path,
		.fs = fs,
		.dest = "",
		.top = "",
		.package = true,
		.special = put_conffile,
		.arg = d};
	struct archive_entry *en;
	int rc;

	if (open_member(&n, d->path, "data.tar", e) < 0)
		return -1;
	while ((rc = archive_next(n.inner, d->path, &en, e)) > 0) {
		if (unpack_entry(&u, n.inner, en, e) < 0)
			return -1;
		list_path(&d->list, archive_name(en));
	}
	return rc;
}

void deb_free(struct deb *d)
{
	for (size_t i = 0; i < d->nmembers; i++) {
		free(d->members[i].name);
		buf_free(&d->members[i].text);
	}
	free(d->members);
	free(d->package);
	free(d->version);
	free(d->architecture);
	buf_free(&d->control);
	buf_free(&d->list);
	buf_free(&d->conffile_sums);
	*d = (struct deb){0};
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "fstab.h"

#define BLANK " \t\r"

/* One line: what is mounted, where; n is its length without the newline. */
struct line {
	const char *text;
	size_t n;
	char *what, *where; /* NULL in comments and empty lines */
};

static void line_free(struct line *l)
{
	free(l->what);
	free(l->where);
}
#define _cleanup_line_ _cleanup_(line_free)

/* A field of the line, at most up to its end. */
static char *take_field(const char **p, const char *end)
{
	const char *start = *p + strspn(*p, BLANK);
	size_t n = strcspn(start, BLANK "\n");

	*p = start + n;
	return start < end && n ? xstrndup(start, n) : NULL;
}

static struct line read_line(const char *text)
{
	struct line l = {.text = text, .n = strcspn(text, "\n")};
	const char *p = text + strspn(text, BLANK), *end = text + l.n;

	if (*p == '#')
		return l;
	l.what = take_field(&p, end);
	l.where = l.what ? take_field(&p, end) : NULL;
	return l;
}

/* The partition's number behind "PARTUUID=<id>-", or -1. */
static long partition_of(const char *what, uint32_t disk_id)
{
	char prefix[32];
	char *end;
	int n = snprintf(prefix, sizeof(prefix), "PARTUUID=%08x-", disk_id);

	if (!what || strncasecmp(what, prefix, (size_t)n) != 0)
		return -1;
	long part = strtol(what + n, &end, 16);
	return *end || end == what + n || part < 0 ? -1 : part;
}

static long device_of(const char *what)
{
	long part;
	int end = 0;

	if (!what || sscanf(what, "/dev/mmcblk0p%1ld%n", &part, &end) != 1 || what[end])
		return -1;
	return part;
}

char *fstab_mount_point(const struct buf *fstab, uint32_t disk_id, unsigned partition)
{
	for (const char *p = buf_str(fstab); *p; p += *p == '\n') {
		_cleanup_line_ struct line l = read_line(p);
		p += l.n;
		if (l.where && (partition_of(l.what, disk_id) == (long)partition ||
				       device_of(l.what) == (long)partition))
			return xstrdup(l.where);
	}
	return NULL;
}

static void put_line(struct buf *out, const struct line *l, uint32_t old_id, uint32_t new_id)
{
	if (partition_of(l->what, old_id) >= 0) {
		const char *what = l->text + strspn(l->text, BLANK);
		size_t indent = (size_t)(what - l->text), id = strlen("PARTUUID=") + 8;
		buf_add(out, l->text, indent);
		buf_printf(out, "PARTUUID=%08x", new_id);
		buf_add(out, what + id, l->n - indent - id);
	} else {
		buf_add(out, l->text, l->n);
	}
	buf_puts(out, "\n");
}

int fstab_edit(struct buf *fstab, uint32_t old_id, uint32_t new_id, const char *data, struct err *e)
{
	struct buf out = {0};

	if (strlen(buf_str(fstab)) != fstab->len)
		return err_code(e, EXIT_INPUT, "/etc/fstab: is no text");
	for (const char *p = buf_str(fstab); *p; p += *p == '\n') {
		_cleanup_line_ struct line l = read_line(p);
		p += l.n;
		if (!l.where || strcmp(l.where, data) != 0)
			put_line(&out, &l, old_id, new_id);
	}
	/* p3 must never stop a boot: nofail. */
	buf_printf(&out,
		"PARTUUID=%08x-03  %s  ext4  "
		"defaults,noatime,nofail,x-systemd.device-timeout=90s  0  2\n",
		new_id, data);
	buf_free(fstab);
	*fstab = out;
	_cleanup_free_ char *root = fstab_mount_point(fstab, new_id, 2);
	if (root && strcmp(root, "/") == 0)
		return 0;
	return err_code(e, EXIT_INPUT,
		"/etc/fstab: \"/\" is neither PARTUUID=%08x-02 nor /dev/mmcblk0p2", old_id);
}

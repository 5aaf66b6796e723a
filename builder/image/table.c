/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <libfdisk/libfdisk.h>
#include <stdio.h>
#include "table.h"
#include "util.h"

#define TYPE_LINUX 0x83

static void unref_context(struct fdisk_context **cx)
{
	fdisk_unref_context(*cx);
}
static void unref_partition(struct fdisk_partition **pa)
{
	fdisk_unref_partition(*pa);
}
#define _cleanup_context_ _cleanup_(unref_context)
#define _cleanup_partition_ _cleanup_(unref_partition)

static struct fdisk_context *open_table(const char *path, int readonly, struct err *e)
{
	_cleanup_context_ struct fdisk_context *cx = fdisk_new_context();

	if (!cx) {
		err_errno(e, "%s", path);
		return NULL;
	}
	fdisk_disable_dialogs(cx, 1);
	int rc = fdisk_assign_device(cx, path, readonly);
	if (rc) {
		errno = -rc;
		err_errno(e, "%s", path);
		e->code = EXIT_INPUT;
		return NULL;
	}
	if (!fdisk_is_label(cx, DOS)) {
		err_code(e, EXIT_INPUT,
			"%s: partition table: not an MBR, so no Raspberry Pi OS image", path);
		return NULL;
	}
	return steal(&cx);
}

static int read_part(struct fdisk_context *cx, size_t n, struct extent *x, int *type)
{
	_cleanup_partition_ struct fdisk_partition *pa = NULL;

	if (fdisk_get_partition(cx, n, &pa) != 0 || !fdisk_partition_is_used(pa))
		return -1;
	x->start = fdisk_partition_get_start(pa) * SECTOR;
	x->size = fdisk_partition_get_size(pa) * SECTOR;
	*type = (int)fdisk_parttype_get_code(fdisk_partition_get_type(pa));
	return 0;
}

static int read_disk_id(struct fdisk_context *cx, uint32_t *id)
{
	char *text = NULL;
	int rc = fdisk_get_disklabel_id(cx, &text);

	if (rc == 0)
		*id = (uint32_t)strtoul(text, NULL, 16);
	free(text);
	return rc;
}

int table_look(const char *path, struct table_view *v, struct err *e)
{
	_cleanup_context_ struct fdisk_context *cx = open_table(path, 1, e);

	if (!cx)
		return -1;
	*v = (struct table_view){.size = (uint64_t)fdisk_get_nsectors(cx) * SECTOR};
	for (size_t i = 0; i < 4; i++) {
		int type = 0;
		if (read_part(cx, i, &v->part[i].at, &type) == 0)
			v->part[i].type = (uint8_t)type;
	}
	return read_disk_id(cx, &v->disk_id) == 0
		       ? 0
		       : err_code(e, EXIT_INPUT, "%s: partition table: no disk id", path);
}

static bool is_fat(int type)
{
	return type == 0x0b || type == 0x0c || type == 0x0e || type == 0x06;
}

static int check_bounds(const char *path, const struct table *t, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct extent *x = &t->part[i];
		if (!x->size || x->start < SECTOR)
			return err_code(e, EXIT_INPUT,
				"%s: partition %zu is empty or lies on the partition table", path,
				i + 1);
		if (x->start + x->size > t->image_size)
			return err_code(e, EXIT_INPUT,
				"%s: partition %zu ends at byte %llu, the file at %llu: truncated?",
				path, i + 1, (unsigned long long)(x->start + x->size),
				(unsigned long long)t->image_size);
		if (i && x->start < t->part[i - 1].start + t->part[i - 1].size)
			return err_code(e, EXIT_INPUT, "%s: partitions %zu and %zu overlap", path,
				i, i + 1);
	}
	return 0;
}

static int read_parts(const char *path, struct table *t, size_t n, struct err *e)
{
	_cleanup_context_ struct fdisk_context *cx = open_table(path, 1, e);
	int type[4] = {0};

	if (!cx)
		return -1;
	*t = (struct table){.image_size = (uint64_t)fdisk_get_nsectors(cx) * SECTOR};
	for (size_t i = 0; i < 4; i++) {
		bool there = read_part(cx, i, &t->part[i], &type[i]) == 0;
		if (there != (i < n))
			return err_code(e, EXIT_INPUT,
				"%s: partition table: expected %zu partitions, %s %zu", path, n,
				there ? "found a partition" : "found no partition", i + 1);
	}
	if (!is_fat(type[0]) || type[1] != TYPE_LINUX)
		return err_code(e, EXIT_INPUT,
			"%s: partition table: types are %02x and %02x, expected FAT and Linux",
			path, (unsigned)type[0], (unsigned)type[1]);
	if (read_disk_id(cx, &t->disk_id) != 0)
		return err_code(e, EXIT_INPUT, "%s: partition table: no disk id", path);
	return check_bounds(path, t, n, e);
}

int table_read_base(const char *path, struct table *t, struct err *e)
{
	return read_parts(path, t, 2, e);
}

int table_read(const char *path, struct table *t, struct err *e)
{
	return read_parts(path, t, 3, e);
}

static struct fdisk_partition *make_part(size_t n, const struct extent *x)
{
	struct fdisk_partition *pa = fdisk_new_partition();

	if (!pa)
		return NULL;
	fdisk_partition_set_partno(pa, n);
	fdisk_partition_set_start(pa, x->start / SECTOR);
	fdisk_partition_set_size(pa, x->size / SECTOR);
	return pa;
}

static int resize_part(struct fdisk_context *cx, size_t n, const struct extent *x)
{
	_cleanup_partition_ struct fdisk_partition *pa = make_part(n, x);

	return pa ? fdisk_set_partition(cx, n, pa) : -ENOMEM;
}

static int add_part(struct fdisk_context *cx, size_t n, const struct extent *x)
{
	_cleanup_partition_ struct fdisk_partition *pa = make_part(n, x);
	struct fdisk_parttype *type =
		fdisk_label_get_parttype_from_code(fdisk_get_label(cx, NULL), TYPE_LINUX);

	return pa && fdisk_partition_set_type(pa, type) == 0 ? fdisk_add_partition(cx, pa, NULL)
							     : -ENOMEM;
}

int table_write(const char *path, const struct table *t, struct err *e)
{
	_cleanup_context_ struct fdisk_context *cx = open_table(path, 0, e);
	char id[16];

	if (!cx)
		return -1;
	snprintf(id, sizeof(id), "0x%08x", t->disk_id);
	int rc = fdisk_set_disklabel_id_from_string(cx, id);
	if (rc == 0)
		rc = resize_part(cx, 1, &t->part[1]);
	if (rc == 0)
		rc = fdisk_is_partition_used(cx, 2) ? resize_part(cx, 2, &t->part[2])
						    : add_part(cx, 2, &t->part[2]);
	if (rc == 0)
		rc = fdisk_write_disklabel(cx);
	if (rc == 0)
		rc = fdisk_deassign_device(cx, 1);
	if (rc == 0)
		return 0;
	errno = rc < 0 ? -rc : EINVAL;
	return err_errno(e, "%s: partition table", path);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include "fat_private.h"
#include "io.h"

#define TABLE_MAX (64u << 20) /* of a FAT32 with 16 million clusters */
#define FILE_MAX (16u << 20)

static unsigned le16(const uint8_t *p)
{
	return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)le16(p) | (uint32_t)le16(p + 2) << 16;
}

int fat_damaged(const struct fat *f, struct err *e, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_code(e, EXIT_INPUT, "%s: boot partition: %s", f->image, what);
}

int fat_pread(struct fat *f, void *p, size_t n, uint64_t at, struct err *e)
{
	if (at > f->info.size || n > f->info.size - at)
		return fat_damaged(f, e, "points behind its own end");
	if (io_pread_full(f->fd, p, n, (off_t)(f->start + at)) == 0)
		return 0;
	if (errno == ENODATA)
		return fat_damaged(f, e, "the file ends inside it: truncated?");
	return err_errno(e, "%s: boot partition", f->image);
}

bool fat_is_cluster(const struct fat *f, uint32_t cluster)
{
	return cluster >= 2 && cluster - 2 < f->clusters;
}

uint32_t fat_next(const struct fat *f, uint32_t cluster)
{
	if (f->info.bits == 32)
		return le32(f->table + (size_t)cluster * 4) & 0x0fffffff;
	if (f->info.bits == 16)
		return le16(f->table + (size_t)cluster * 2);
	unsigned two = le16(f->table + cluster + cluster / 2);
	return cluster % 2 ? two >> 4 : two & 0xfff;
}

static bool is_power_of_two(unsigned n)
{
	return n && (n & (n - 1)) == 0;
}

/*
 * FAT32 is what has no 16-bit table size, as Linux sees it; the paper goes by the number of
 * clusters, and both agree on what mkfs.vfat makes.
 */
static unsigned bits_of(const struct fat *f, const uint8_t *boot)
{
	if (le16(boot + 22) == 0)
		return 32;
	return f->clusters < 4085 ? 12 : 16;
}

/* Bytes of the table that say something: entries 0 and 1 are not clusters'. */
static uint64_t table_used(const struct fat *f)
{
	return ((uint64_t)f->clusters + 2) * f->info.bits / 8 + (f->info.bits == 12);
}

/* Offsets are those of the paper's "BPB". */
static int read_geometry(struct fat *f, const uint8_t *boot, uint64_t max, struct err *e)
{
	unsigned per_cluster = boot[13], reserved = le16(boot + 14), root_entries = le16(boot + 17);
	uint32_t sectors = le16(boot + 19) ? le16(boot + 19) : le32(boot + 32);
	uint32_t table = le16(boot + 22) ? le16(boot + 22) : le32(boot + 36);

	f->sector = le16(boot + 11);
	f->copies = boot[16];
	if (boot[510] != 0x55 || boot[511] != 0xaa || !is_power_of_two(f->sector) ||
		f->sector < 512 || f->sector > 4096 || !is_power_of_two(per_cluster) || !reserved ||
		!f->copies || f->copies > 2 || !table)
		return fat_damaged(f, e, "is no FAT filesystem");
	f->info.size = (uint64_t)sectors * f->sector;
	if (f->info.size > max)
		return fat_damaged(f, e, "has %llu bytes, the filesystem in it %llu: truncated?",
			(unsigned long long)max, (unsigned long long)f->info.size);
	f->info.cluster_size = per_cluster * f->sector;
	f->table_at = (uint64_t)reserved * f->sector;
	f->table_size = (uint64_t)table * f->sector;
	f->root_at = f->table_at + f->copies * f->table_size;
	f->root_size = (uint64_t)root_entries * 32;
	f->data_at = f->root_at + (f->root_size + f->sector - 1) / f->sector * f->sector;
	if (f->data_at > f->info.size)
		return fat_damaged(f, e, "its table is larger than itself");
	f->clusters = (uint32_t)((f->info.size - f->data_at) / f->info.cluster_size);
	f->info.bits = bits_of(f, boot);
	if (table_used(f) > f->table_size || f->table_size > TABLE_MAX)
		return fat_damaged(f, e, "its table has no room for %u clusters", f->clusters);
	return 0;
}

/* FAT32 keeps behind offset 36 what the others keep there, and more. */
static void read_names(struct fat *f, const uint8_t *boot)
{
	unsigned at = f->info.bits == 32 ? 28 : 0;

	f->info.serial = le32(boot + 39 + at);
	memcpy(f->info.label, boot + 43 + at, 11);
	f->info.dirty = boot[37 + at] & 1;
	if (f->info.bits != 32)
		return;
	f->root_cluster = le32(boot + 44) & 0x0fffffff;
	f->info_sector = le16(boot + 48) == 0xffff ? 0 : le16(boot + 48);
}

static void read_label(struct fat *f)
{
	_cleanup_folder_ struct fat_folder d = {0};
	struct fat_entry en;
	struct err ignored;

	if (fat_folder_open(f, FAT_ROOT, &d, &ignored) == 0) {
		while (fat_folder_next(f, &d, &en)) {
			if (!(en.attributes & FAT_VOLUME))
				continue;
			/* A long name may be before it. */
			size_t n = strnlen(en.name, sizeof(f->info.label) - 1);
			memcpy(f->info.label, en.name, n);
			f->info.label[n] = '\0';
		}
	}
	for (size_t n = strlen(f->info.label); n && f->info.label[n - 1] == ' '; n--)
		f->info.label[n - 1] = '\0';
	for (char *p = f->info.label; *p; p++)
		*p = *p >= ' ' && *p <= '~' ? *p : '?';
}

/* Bit 15 or 27 of entry 1 is 1 after a clean unmount. */
static bool marked_dirty(const struct fat *f)
{
	if (f->info.bits == 12)
		return false;
	return !(fat_next(f, 1) & (f->info.bits == 32 ? 1u << 27 : 1u << 15));
}

static int load_table(struct fat *f, struct err *e)
{
	f->table = xcalloc(1, f->table_size);
	if (fat_pread(f, f->table, f->table_size, f->table_at, e) < 0)
		return -1;
	f->info.dirty |= marked_dirty(f);
	for (uint32_t c = 2; fat_is_cluster(f, c); c++)
		f->info.free += fat_next(f, c) ? 0 : f->info.cluster_size;
	return 0;
}

static int open_volume(struct fat *f, uint64_t size, struct err *e)
{
	uint8_t boot[512];
	off_t end = lseek(f->fd, 0, SEEK_END);

	if (end < 0)
		return err_errno(e, "%s", f->image);
	if ((uint64_t)end < f->start || (uint64_t)end - f->start < sizeof(boot))
		return fat_damaged(f, e, "lies behind the end of the file: truncated?");
	uint64_t max = (uint64_t)end - f->start;
	f->info.size = size && size < max ? size : max;
	if (fat_pread(f, boot, sizeof(boot), 0, e) < 0 ||
		read_geometry(f, boot, f->info.size, e) < 0)
		return -1;
	read_names(f, boot);
	if (load_table(f, e) < 0)
		return -1;
	read_label(f);
	return 0;
}

struct fat *fat_open(const char *image, uint64_t offset, uint64_t size, struct err *e)
{
	_cleanup_fat_ struct fat *f = xcalloc(1, sizeof(*f));

	f->image = xstrdup(image);
	f->start = offset;
	f->fd = open(image, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0) {
		err_errno(e, "%s", image);
		return NULL;
	}
	return open_volume(f, size, e) < 0 ? NULL : steal(&f);
}

void fat_close(struct fat **f)
{
	if (!*f)
		return;
	cleanup_close(&(*f)->fd);
	free((*f)->image);
	free((*f)->table);
	free(*f);
	*f = NULL;
}

void fat_info(struct fat *f, struct fat_info *info)
{
	*info = f->info;
}

/* Each cluster appends bytes, so a chain that loops ends when n bytes are there. */
int fat_read_chain(struct fat *f, uint32_t cluster, uint64_t n, struct buf *b, struct err *e)
{
	while (n) {
		size_t part = n < f->info.cluster_size ? n : f->info.cluster_size;
		if (!fat_is_cluster(f, cluster))
			return fat_damaged(f, e, "a file's chain of clusters ends too early");
		char *dst = buf_reserve(b, part);
		if (!dst)
			return err_set(e, "%s: boot partition: out of memory", f->image);
		uint64_t at = f->data_at + (uint64_t)(cluster - 2) * f->info.cluster_size;
		if (fat_pread(f, dst, part, at, e) < 0)
			return -1;
		b->len += part;
		n -= part;
		cluster = fat_next(f, cluster);
	}
	buf_add(b, "", 0);
	return 0;
}

/* The entry called the first n characters of name in a folder: 1, 0 for none, -1. */
static int find_in(struct fat *f, uint32_t folder, const char *name, size_t n, struct fat_entry *en,
	struct err *e)
{
	_cleanup_folder_ struct fat_folder d = {0};

	if (fat_folder_open(f, folder, &d, e) < 0)
		return -1;
	while (fat_folder_next(f, &d, en)) {
		if (!(en->attributes & FAT_VOLUME) && strlen(en->name) == n &&
			strncasecmp(en->name, name, n) == 0)
			return 1;
	}
	return 0;
}

int fat_read_file(struct fat *f, const char *path, struct buf *b, struct err *e)
{
	struct fat_entry en = {.attributes = FAT_FOLDER, .cluster = FAT_ROOT};

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		int rc = en.attributes & FAT_FOLDER ? find_in(f, en.cluster, p, n, &en, e) : 0;
		if (rc < 0)
			return err_prefix(e, "%s", path);
		if (rc == 0)
			return err_code(
				e, EXIT_INPUT, "%s: boot partition: no %s there", f->image, path);
		p += n + (p[n] == '/');
	}
	if (en.attributes & FAT_FOLDER)
		return fat_damaged(f, e, "%s is a folder", path);
	if (en.size > FILE_MAX)
		return fat_damaged(f, e, "%s: larger than %u bytes", path, FILE_MAX);
	if (fat_read_chain(f, en.cluster, en.size, b, e) < 0)
		return err_prefix(e, "%s", path);
	return 0;
}

int fat_names(struct fat *f, struct buf *names, struct err *e)
{
	_cleanup_folder_ struct fat_folder d = {0};
	struct fat_entry en;

	if (fat_folder_open(f, FAT_ROOT, &d, e) < 0)
		return -1;
	while (fat_folder_next(f, &d, &en)) {
		if (!(en.attributes & FAT_VOLUME))
			buf_printf(names, "%s%s\n", en.name, en.attributes & FAT_FOLDER ? "/" : "");
	}
	return buf_ok(names) ? 0 : err_set(e, "%s: out of memory", f->image);
}

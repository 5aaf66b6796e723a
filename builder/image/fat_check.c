/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "fat_private.h"

#define DEPTH_MAX 32

/* Each cluster belongs to one file at most, so the walk ends however the folders are linked. */
struct walk {
	struct fat *f;
	uint8_t *used; /* one byte per cluster */
};

static int claim_chain(struct walk *w, const struct fat_entry *en, const char *name, struct err *e)
{
	uint64_t n = 0, want = ((uint64_t)en->size + w->f->info.cluster_size - 1) /
			       w->f->info.cluster_size;

	for (uint32_t c = en->cluster; fat_is_cluster(w->f, c); c = fat_next(w->f, c)) {
		if (w->used[c - 2])
			return fat_damaged(w->f, e, "%s: shares cluster %u with another file", name,
				(unsigned)c);
		w->used[c - 2] = 1;
		n++;
	}
	if (en->attributes & FAT_FOLDER)
		return n ? 0 : fat_damaged(w->f, e, "%s: a folder without a place", name);
	if (n == want)
		return 0;
	return fat_damaged(w->f, e, "%s: has %llu clusters, its size wants %llu", name,
		(unsigned long long)n, (unsigned long long)want);
}

static int walk_folder(
	struct walk *w, uint32_t cluster, const char *path, unsigned depth, struct err *e)
{
	_cleanup_folder_ struct fat_folder d = {0};
	struct fat_entry en;

	if (depth > DEPTH_MAX)
		return fat_damaged(w->f, e, "%s: more than %d folders deep", path, DEPTH_MAX);
	if (fat_folder_open(w->f, cluster, &d, e) < 0)
		return err_prefix(e, "%s", path);
	while (fat_folder_next(w->f, &d, &en)) {
		_cleanup_free_ char *name = xasprintf("%s/%s", path, en.name);
		if (en.attributes & FAT_VOLUME)
			continue;
		if (claim_chain(w, &en, name, e) < 0)
			return -1;
		if ((en.attributes & FAT_FOLDER) &&
			walk_folder(w, en.cluster, name, depth + 1, e) < 0)
			return -1;
	}
	return 0;
}

static int check_lost(struct walk *w, struct err *e)
{
	uint32_t lost = 0, bad = w->f->info.bits == 32   ? 0x0ffffff7
				 : w->f->info.bits == 16 ? 0xfff7
							 : 0xff7;

	for (uint32_t c = 2; fat_is_cluster(w->f, c); c++) {
		uint32_t next = fat_next(w->f, c);
		lost += next && next != bad && !w->used[c - 2];
	}
	return lost ? fat_damaged(w->f, e, "%u clusters belong to no file", (unsigned)lost) : 0;
}

static int check_copies(struct fat *f, struct err *e)
{
	if (f->copies < 2)
		return 0;
	_cleanup_free_ uint8_t *second = xcalloc(1, f->table_size);
	if (fat_pread(f, second, f->table_size, f->table_at + f->table_size, e) < 0)
		return -1;
	if (memcmp(f->table, second, f->table_size) == 0)
		return 0;
	return fat_damaged(f, e, "its two tables differ");
}

/* A hint, and ~0 when unknown; but one that is there and wrong makes df lie. */
static int check_free_count(struct fat *f, struct err *e)
{
	uint8_t s[512];

	if (!f->info_sector)
		return 0;
	if (fat_pread(f, s, sizeof(s), (uint64_t)f->info_sector * f->sector, e) < 0)
		return -1;
	uint32_t said = (uint32_t)s[488] | (uint32_t)s[489] << 8 | (uint32_t)s[490] << 16 |
			(uint32_t)s[491] << 24;
	uint32_t is = (uint32_t)(f->info.free / f->info.cluster_size);
	if (memcmp(s, "RRaA", 4) != 0 || memcmp(s + 484, "rrAa", 4) != 0)
		return fat_damaged(f, e, "its information sector is damaged");
	if (said == is || said == UINT32_MAX)
		return 0;
	return fat_damaged(f, e, "says %u free clusters and has %u", (unsigned)said, (unsigned)is);
}

static int claim_root(struct walk *w, struct err *e)
{
	const struct fat_entry root = {.attributes = FAT_FOLDER, .cluster = w->f->root_cluster};

	return w->f->info.bits == 32 ? claim_chain(w, &root, "/", e) : 0;
}

int fat_check(struct fat *f, struct err *e)
{
	_cleanup_free_ uint8_t *used = xcalloc(f->clusters ? f->clusters : 1, 1);
	struct walk w = {.f = f, .used = used};

	if (check_copies(f, e) < 0 || claim_root(&w, e) < 0 ||
		walk_folder(&w, FAT_ROOT, "", 0, e) < 0 || check_lost(&w, e) < 0)
		return -1;
	return check_free_count(f, e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks of the table, the filesystems and the whole image. */
#include "run.h"
#include "verify.h"

#define ALIGN (UINT64_C(1) << 20) /* the erase blocks of SD cards are multiples of it */

static bool is_fat(uint8_t type)
{
	return type == 0x0b || type == 0x0c || type == 0x0e || type == 0x06;
}

enum verdict check_partitions(struct verify *v)
{
	const struct table_view *t = &v->card->table;

	for (size_t i = 0; i < 4; i++) {
		bool there = t->part[i].at.size != 0, wanted = i < 3;
		if (there != wanted)
			return verify_failed(v,
				"partition %zu is %s; a card of bramble's has three", i + 1,
				there ? "there" : "missing");
	}
	if (!is_fat(t->part[CARD_BOOT].type))
		return verify_failed(v, "partition 1 has type %02x, not FAT", t->part[0].type);
	for (size_t i = CARD_ROOT; i <= CARD_DATA; i++) {
		if (t->part[i].type != 0x83)
			return verify_failed(v, "partition %zu has type %02x, not Linux", i + 1,
				t->part[i].type);
	}
	return t->disk_id ? VERDICT_OK
			  : verify_failed(v, "its disk id is 0: nothing can be found by it");
}

enum verdict check_bounds(struct verify *v)
{
	const struct table_view *t = &v->card->table;
	uint64_t end = SECTOR;

	for (size_t i = 0; i < 4; i++) {
		const struct extent *x = &t->part[i].at;
		if (!x->size)
			continue;
		if (x->start < end)
			return verify_failed(v,
				"partition %zu begins before the end of what is before it", i + 1);
		end = x->start + x->size;
		if (end > t->size)
			return verify_failed(v, "partition %zu ends at byte %llu, the card at %llu",
				i + 1, (unsigned long long)end, (unsigned long long)t->size);
	}
	return VERDICT_OK;
}

enum verdict check_alignment(struct verify *v)
{
	for (size_t i = 0; i < 4; i++) {
		if (v->card->table.part[i].at.start % ALIGN)
			return verify_failed(v, "partition %zu begins within a MiB", i + 1);
	}
	return VERDICT_OK;
}

static bool is_cut_off(const struct card *c, size_t part)
{
	const struct extent *x = &c->table.part[part].at;

	return x->start + x->size > c->table.size;
}

/* Or may it be looked into? */
static bool is_unreadable(struct verify *v, size_t part, enum verdict *verdict)
{
	const struct card_fs *s = &v->card->fs[part];

	if (is_cut_off(v->card, part))
		*verdict = verify_not_checked(v, "it is not all there");
	else if (s->trouble)
		*verdict = verify_failed(v, "%s", s->trouble);
	else if (!s->kind)
		*verdict = verify_not_checked(v, "there is no such partition");
	else if (s->dirt && card_has_run(v->card))
		*verdict = verify_not_checked(
			v, "the card was in use and %s; boot it once more or run e2fsck", s->dirt);
	else if (s->dirt)
		*verdict = verify_failed(v, "%s", s->dirt);
	return is_cut_off(v->card, part) || s->trouble || !s->kind || s->dirt;
}

enum verdict check_boot(struct verify *v)
{
	enum verdict verdict = VERDICT_OK;
	struct err e = {0};

	if (is_unreadable(v, CARD_BOOT, &verdict))
		return verdict;
	_cleanup_fat_ struct fat *f = card_open_fat(v->card, &e);
	return f && fat_check(f, &e) == 0 ? VERDICT_OK : verify_failed(v, "%s", e.msg);
}

static bool is_larger_than_partition(const struct card *c, size_t part)
{
	return c->fs[part].size > c->table.part[part].at.size;
}

static enum verdict check_ext4(struct verify *v, size_t part)
{
	enum verdict verdict = VERDICT_OK;
	uint64_t at = v->card->table.part[part].at.start;
	struct err e = {0};

	if (is_unreadable(v, part, &verdict))
		return verdict;
	if (is_larger_than_partition(v->card, part))
		return verify_failed(v, "it is larger than its partition");
	bool tool = run_find("e2fsck") != NULL;
	int rc = tool ? ext4_check(v->card->image, at, &e)
		      : ext4_check_checksums(v->card->image, at, &e);
	if (rc < 0)
		return verify_failed(v, "%s", e.msg);
	if (!tool)
		buf_puts(&v->why, "checksums and bitmaps only, e2fsck is not installed");
	return VERDICT_OK;
}

enum verdict check_root(struct verify *v)
{
	return check_ext4(v, CARD_ROOT);
}

enum verdict check_data(struct verify *v)
{
	return check_ext4(v, CARD_DATA);
}

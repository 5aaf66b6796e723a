/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Folders of a FAT filesystem: entries of 32 bytes, long names in pieces before the short one. */
#include <string.h>
#include "fat_private.h"

#define ENTRY 32
#define FOLDER_MAX (65536u * ENTRY) /* the paper's own limit */
#define PIECE 13                    /* characters */
#define PIECES 20

/* A folder has no size: its chain is the size. One that loops grows past the limit. */
int fat_folder_open(struct fat *f, uint32_t cluster, struct fat_folder *d, struct err *e)
{
	uint64_t n = 0;

	if (cluster == FAT_ROOT && f->info.bits != 32) {
		char *dst = buf_reserve(&d->bytes, f->root_size + 1);
		if (!dst || fat_pread(f, dst, f->root_size, f->root_at, e) < 0)
			return dst ? -1 : err_set(e, "%s: out of memory", f->image);
		d->bytes.len = f->root_size;
		return 0;
	}
	if (cluster == FAT_ROOT)
		cluster = f->root_cluster;
	if (!fat_is_cluster(f, cluster))
		return fat_damaged(f, e, "a folder begins nowhere");
	for (uint32_t c = cluster; fat_is_cluster(f, c) && n <= FOLDER_MAX; c = fat_next(f, c))
		n += f->info.cluster_size;
	if (n > FOLDER_MAX)
		return fat_damaged(f, e, "a folder never ends");
	return fat_read_chain(f, cluster, n, &d->bytes, e);
}

/* What a long name's pieces must agree with. */
static uint8_t short_sum(const uint8_t *name)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < 11; i++)
		sum = (uint8_t)((sum << 7 | sum >> 1) + name[i]);
	return sum;
}

static size_t add_short(char *to, const uint8_t *from, size_t n, bool lower)
{
	size_t len = 0;

	while (n && from[n - 1] == ' ')
		n--;
	for (; len < n; len++) {
		char c = from[len] >= ' ' && from[len] <= '~' ? (char)from[len] : '?';
		to[len] = lower && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	return len;
}

/* Byte 12, bits 3 and 4: Windows NT's and Linux's "this part is in lower case". */
static void set_short_name(struct fat_entry *en, const uint8_t *raw)
{
	size_t n = add_short(en->name, raw, 8, raw[12] & 0x08);

	if (raw[8] != ' ' && !(raw[11] & FAT_VOLUME))
		en->name[n++] = '.';
	n += add_short(en->name + n, raw + 8, 3, raw[12] & 0x10);
	en->name[n] = '\0';
}

struct long_name {
	char text[PIECES * PIECE + 1];
	unsigned next; /* the piece that must come now; 0: none, the name is whole */
	uint8_t sum;
	bool valid;
};

/* Pieces come last first, numbered from 1; bit 6 marks the first that comes. */
static void add_piece(struct long_name *l, const uint8_t *raw)
{
	static const uint8_t at[PIECE] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
	unsigned number = raw[0] & 0x3f;

	if (raw[0] & 0x40)
		*l = (struct long_name){.next = number, .sum = raw[13], .valid = true};
	if (number < 1 || number > PIECES || number != l->next || raw[13] != l->sum)
		l->valid = false;
	if (!l->valid)
		return;
	for (size_t i = 0; i < PIECE; i++) {
		unsigned c = (unsigned)raw[at[i]] | (unsigned)raw[at[i] + 1] << 8;
		l->text[(number - 1) * PIECE + i] = (char)(c == 0 || c == 0xffff  ? 0
							   : c >= ' ' && c <= '~' ? c
										  : '?');
	}
	l->next--;
}

static void fill_entry(
	const struct fat *f, struct fat_entry *en, const uint8_t *raw, const struct long_name *l)
{
	en->attributes = raw[11];
	en->cluster = (uint32_t)raw[26] | (uint32_t)raw[27] << 8;
	if (f->info.bits == 32)
		en->cluster |= ((uint32_t)raw[20] | (uint32_t)raw[21] << 8) << 16;
	en->size = (uint32_t)raw[28] | (uint32_t)raw[29] << 8 | (uint32_t)raw[30] << 16 |
		   (uint32_t)raw[31] << 24;
	if (l->valid && l->next == 0 && l->sum == short_sum(raw))
		memcpy(en->name, l->text, sizeof(l->text));
	else
		set_short_name(en, raw);
}

bool fat_folder_next(struct fat *f, struct fat_folder *d, struct fat_entry *en)
{
	struct long_name l = {.valid = false};

	for (; d->at + ENTRY <= d->bytes.len; d->at += ENTRY) {
		const uint8_t *raw = (const uint8_t *)d->bytes.data + d->at;
		if (raw[0] == 0)
			return false;
		if (raw[0] == 0xe5 || raw[0] == '.') {
			l.valid = false;
		} else if ((raw[11] & 0x3f) == FAT_LONG) {
			add_piece(&l, raw);
		} else {
			fill_entry(f, en, raw, &l);
			d->at += ENTRY;
			return true;
		}
	}
	return false;
}

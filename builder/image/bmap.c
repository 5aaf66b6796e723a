/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The map as data: made from an image, and the arithmetic on it. bmap_xml.c writes and reads it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "bmap.h"
#include "cmd.h"
#include "in_use.h"
#include "io.h"
#include "sha256.h"

#define FRONT (1u << 20) /* a boot sector, its table, and what a boot loader may hide behind it */
#define PIECE (1u << 20)

_Static_assert(BMAP_SHA256 == SHA256_SIZE, "one size of sums");

void bmap_free(struct bmap *m)
{
	free(m->ranges);
	*m = (struct bmap){0};
}

uint64_t bmap_length(const struct bmap *m, const struct bmap_range *r)
{
	uint64_t start = bmap_offset(r), end = (r->last + 1) * BMAP_BLOCK;

	return (end < m->image_size ? end : m->image_size) - start;
}

uint64_t bmap_mapped_bytes(const struct bmap *m)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < m->nranges; i++)
		sum += bmap_length(m, &m->ranges[i]);
	return sum;
}

/* Whole blocks of an area, which begins and ends with one, as far as they are not zero. */
static int add_data(int fd, uint64_t start, uint64_t end, struct extents *x, struct err *e)
{
	static const char zeros[BMAP_BLOCK];
	_cleanup_free_ char *piece = xcalloc(1, PIECE);

	while (start < end) {
		size_t n = end - start < PIECE ? (size_t)(end - start) : PIECE;
		if (check_interrupted(e) < 0)
			return -1;
		if (io_pread_full(fd, piece, n, (off_t)start) < 0)
			return err_errno(e, "read");
		for (size_t at = 0; at < n; at += BMAP_BLOCK) {
			size_t len = n - at < BMAP_BLOCK ? n - at : BMAP_BLOCK;
			if (memcmp(piece + at, zeros, len) != 0)
				extents_add(x, start + at, len);
		}
		start += n;
	}
	return 0;
}

static int collect_front(int fd, const struct table *t, struct extents *x, struct err *e)
{
	uint64_t boot = t->part[0].start, front = boot < FRONT ? boot : FRONT;

	extents_add(x, 0, front);
	return add_data(fd, front, boot, x, e);
}

static int collect_boot(const char *image, const struct extent *p, struct extents *x, struct err *e)
{
	_cleanup_fat_ struct fat *f = fat_open(image, p->start, p->size, e);

	return f ? fat_in_use(f, x, e) : -1;
}

static int collect_ext4(const char *image, const struct extent *p, struct extents *x, struct err *e)
{
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(image, p->start, e);

	return fs ? ext4_in_use(fs, p->start, x, e) : -1;
}

static bool starts_partition(const struct table *t, uint64_t block)
{
	for (size_t i = 0; i < ARRAY_SIZE(t->part); i++) {
		if (t->part[i].size && block == t->part[i].start / BMAP_BLOCK)
			return true;
	}
	return false;
}

static struct bmap_range *add_range(struct bmap *m, uint64_t block)
{
	if ((m->nranges & (m->nranges - 1)) == 0)
		m->ranges = xreallocarray(
			m->ranges, m->nranges ? 2 * m->nranges : 1, sizeof(*m->ranges));
	struct bmap_range *r = &m->ranges[m->nranges++];
	*r = (struct bmap_range){.first = block, .last = block};
	return r;
}

/* Bytes become blocks here; two extents may lie in one block. */
static void cut_ranges(const struct table *t, const struct extents *x, struct bmap *m)
{
	struct bmap_range *r = NULL;

	for (size_t i = 0; i < x->n; i++) {
		uint64_t block = x->v[i].start / BMAP_BLOCK;
		uint64_t end = (x->v[i].start + x->v[i].size + BMAP_BLOCK - 1) / BMAP_BLOCK;
		if (r && block <= r->last)
			block = r->last + 1;
		for (; block < end; block++) {
			bool full = r && (r->last - r->first + 1) * BMAP_BLOCK >= BMAP_RANGE_MAX;
			if (r && block == r->last + 1 && !full && !starts_partition(t, block))
				r->last = block;
			else
				r = add_range(m, block);
		}
	}
}

static int sum_ranges(int fd, struct bmap *m, struct err *e)
{
	for (size_t i = 0; i < m->nranges; i++) {
		struct bmap_range *r = &m->ranges[i];
		if (sha256_range(fd, bmap_offset(r), bmap_length(m, r), r->sha256, e) < 0)
			return -1;
	}
	return 0;
}

static int collect(
	const char *image, int fd, const struct table *t, struct extents *x, struct err *e)
{
	if (collect_front(fd, t, x, e) < 0)
		return err_prefix(e, "%s", image);
	if (collect_boot(image, &t->part[0], x, e) < 0 ||
		collect_ext4(image, &t->part[1], x, e) < 0)
		return -1;
	return collect_ext4(image, &t->part[2], x, e);
}

int bmap_from_image(const char *image, struct bmap *m, struct err *e)
{
	struct table t;
	_cleanup_extents_ struct extents x = {0};
	_cleanup_bmap_ struct bmap made = {0};
	_cleanup_close_ int fd = open(image, O_RDONLY | O_CLOEXEC);

	*m = (struct bmap){0};
	if (fd < 0)
		return err_errno(e, "%s", image);
	if (table_read(image, &t, e) < 0 || collect(image, fd, &t, &x, e) < 0)
		return -1;
	made.image_size = (uint64_t)lseek(fd, 0, SEEK_END);
	cut_ranges(&t, &x, &made);
	if (sum_ranges(fd, &made, e) < 0)
		return err_prefix(e, "%s", image);
	*m = made;
	made = (struct bmap){0};
	return 0;
}

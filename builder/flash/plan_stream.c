/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of a compressed image before it is decoded. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "input/archive.h"
#include "inspect/beside.h"
#include "io.h"
#include "plan.h"

#define CARD_MAX (UINT64_C(1) << 41) /* 2 TB, as far as an MBR reaches */

static int read_head(struct plan *p, struct err *e)
{
	_cleanup_(archive_close_image) struct archive *a = archive_open_image(p->name, e);
	size_t got;

	p->head = xcalloc(1, HEAD_SIZE);
	if (!a || archive_read_image(a, p->name, p->head, HEAD_SIZE, &got, e) < 0)
		return -1;
	return got == HEAD_SIZE
		       ? 0
		       : err_code(e, EXIT_INPUT, "%s: too small to be a card's image", p->name);
}

/* libfdisk wants a file, and one that is as large as a card. */
static int look_at_table(struct plan *p, struct err *e)
{
	_cleanup_close_ int fd = memfd_create("head", MFD_CLOEXEC);
	_cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", fd);

	if (fd < 0 || io_pwrite_full(fd, p->head, HEAD_SIZE, 0) < 0 ||
		ftruncate(fd, (off_t)CARD_MAX) < 0)
		return err_errno(e, "%s: head", p->name);
	if (table_look(path, &p->card.table, e) < 0)
		return err_code(e, EXIT_INPUT,
			"%s: partition table: not an MBR, so no Raspberry Pi OS image", p->name);
	for (size_t i = 0; i < ARRAY_SIZE(p->card.table.part); i++) {
		const struct extent *x = &p->card.table.part[i].at;
		if (x->size && x->start + x->size > p->image_size)
			p->image_size = x->start + x->size;
	}
	return 0;
}

/* Whoever tells the size must agree with the table, or is about another image. */
static int set_size(struct plan *p, const char *who, uint64_t size, struct err *e)
{
	bool agrees = p->size_known ? size == p->image_size : size >= p->image_size;

	if (!agrees)
		return err_code(e, EXIT_INPUT,
			"%s: is of an image of %llu bytes, %s has %llu%s; remove it or build again",
			who, (unsigned long long)size, p->name, (unsigned long long)p->image_size,
			p->size_known ? "" : " or more");
	p->image_size = size;
	p->size_known = true;
	return 0;
}

static int look_beside(struct plan *p, struct err *e)
{
	_cleanup_beside_ struct beside b = {0};

	beside_read(&b, p->name);
	p->card.identity.of_all = b.for_all;
	p->nobody_told = !b.node && !b.for_all && p->card.table.part[CARD_DATA].at.size;
	p->card.identity.node = steal(&b.node);
	p->card.identity.cluster = steal(&b.cluster);
	p->card.data.cluster_id = b.cluster_id ? xstrdup(b.cluster_id) : NULL;
	p->card.identity.cluster_id = steal(&b.cluster_id);
	p->sha256 = steal(&b.sha256);
	return b.size ? set_size(p, b.path, b.size, e) : 0;
}

static int read_map(struct plan *p, struct err *e)
{
	_cleanup_free_ char *path = plan_find_map(p->name);

	if (!path)
		return 0;
	if (bmap_read(path, &p->map, e) < 0)
		return -1;
	return set_size(p, path, p->map.image_size, e);
}

/* What is mapped of the head is written with it, as all of the head is. */
static uint64_t count_bytes(const struct plan *p)
{
	uint64_t sum = 0;

	if (!p->map.nranges)
		return p->image_size - HEAD_SIZE;
	for (size_t i = 0; i < p->map.nranges; i++) {
		const struct bmap_range *r = &p->map.ranges[i];
		uint64_t at = bmap_offset(r), end = at + bmap_length(&p->map, r);
		if (end > HEAD_SIZE)
			sum += end - (at < HEAD_SIZE ? HEAD_SIZE : at);
	}
	return sum;
}

int plan_open_stream(struct plan *p, struct err *e)
{
	if (read_head(p, e) < 0 || look_at_table(p, e) < 0)
		return -1;
	if (p->image_size < HEAD_SIZE)
		return err_code(e, EXIT_INPUT, "%s: has no partition", p->name);
	if (look_beside(p, e) < 0 || read_map(p, e) < 0)
		return -1;
	p->bytes = count_bytes(p);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "plan.h"
#include "sha256.h"

char *plan_find_map(const char *image)
{
	_cleanup_free_ char *stem = xstrdup(image);

	for (;;) {
		_cleanup_free_ char *map = xasprintf("%s.bmap", stem);
		if (access(map, F_OK) == 0)
			return steal(&map);
		char *dot = strrchr(stem, '.'), *slash = strrchr(stem, '/');
		if (!dot || dot == stem || (slash && dot <= slash + 1))
			return NULL;
		*dot = '\0';
	}
}

static char *make_label(const struct plan *p)
{
	const struct card_identity *id = &p->card.identity;

	if (!card_is_node(&p->card))
		return xstrdup(p->name);
	return xasprintf("%s of %s", id->node, id->cluster ? id->cluster : "an unnamed cluster");
}

/* Asked before it is opened: a FIFO would wait for a writer. */
static int check_file(const char *image, struct err *e)
{
	struct stat st;

	if (stat(image, &st) < 0 || access(image, R_OK) < 0)
		return err_code(e, EXIT_INPUT, "%s: %s", image, strerror(errno));
	return S_ISREG(st.st_mode) ? 0 : err_code(e, EXIT_INPUT, "%s: an image is a file", image);
}

static int open_whole(struct plan *p, struct err *e)
{
	struct stat st;

	if (source_open(&p->source, p->name, e) < 0)
		return -1;
	p->fd = open(p->source.image, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0 || fstat(p->fd, &st) < 0)
		return err_errno(e, "%s", p->name);
	p->image_size = (uint64_t)st.st_size;
	if (p->image_size < HEAD_SIZE)
		return err_code(e, EXIT_INPUT, "%s: too small to be a card's image", p->name);
	return card_read(&p->card, p->name, p->source.image, e);
}

int plan_open(struct plan *p, const char *image, bool whole, struct err *e)
{
	*p = PLAN_NONE;
	p->name = xstrdup(image);
	if (check_file(image, e) < 0)
		return -1;
	p->streamed = !whole && source_is_compressed(image);
	if ((p->streamed ? plan_open_stream(p, e) : open_whole(p, e)) < 0)
		return -1;
	p->label = make_label(p);
	return 0;
}

void plan_close(struct plan *p)
{
	if (p->fd >= 0)
		close(p->fd);
	source_close(&p->source);
	card_free(&p->card);
	free(p->name);
	free(p->label);
	free(p->head);
	free(p->pieces);
	free(p->sha256);
	bmap_free(&p->map);
	*p = PLAN_NONE;
}

static int read_head(struct plan *p, struct err *e)
{
	p->head = xcalloc(1, HEAD_SIZE);
	return io_pread_full(p->fd, p->head, HEAD_SIZE, 0) < 0 ? err_errno(e, "%s", p->name) : 0;
}

/* The bytes of a range behind the head get a sum of their own when the range begins in it. */
static int add_piece(
	struct plan *p, const struct bmap *m, const struct bmap_range *r, struct err *e)
{
	uint64_t at = bmap_offset(r), end = at + bmap_length(m, r);
	struct piece *piece = &p->pieces[p->npieces];

	if (end <= HEAD_SIZE)
		return 0;
	*piece = (struct piece){.at = at, .length = end - at};
	memcpy(piece->sum, r->sha256, sizeof(piece->sum));
	if (at < HEAD_SIZE) {
		piece->at = HEAD_SIZE;
		piece->length = end - HEAD_SIZE;
		if (sha256_range(p->fd, piece->at, piece->length, piece->sum, e) < 0)
			return -1;
	}
	p->npieces++;
	p->bytes += piece->length;
	return 0;
}

static int check_range(
	const struct plan *p, const struct bmap *m, const struct bmap_range *r, struct err *e)
{
	uint8_t sum[SHA256_SIZE];

	if (sha256_range(p->fd, bmap_offset(r), bmap_length(m, r), sum, e) < 0)
		return err_prefix(e, "%s", p->name);
	if (memcmp(sum, r->sha256, sizeof(sum)) == 0)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: byte %llu and what follows are not what its map (.bmap) says; build it again, "
		"or remove a map that is older than the image",
		p->name, (unsigned long long)bmap_offset(r));
}

static int check_image(
	const struct plan *p, const struct bmap *m, struct progress *progress, struct err *e)
{
	uint64_t done = 0, total = bmap_mapped_bytes(m);

	progress_step(progress, "checking %s", p->name);
	for (size_t i = 0; i < m->nranges; i++) {
		if (check_range(p, m, &m->ranges[i], e) < 0)
			return -1;
		done += bmap_length(m, &m->ranges[i]);
		progress_at(progress, done, total);
	}
	return 0;
}

static int read_map(const struct plan *p, const char *path, struct bmap *m,
	struct progress *progress, struct err *e)
{
	if (bmap_read(path, m, e) < 0)
		return -1;
	if (m->image_size != p->image_size)
		return err_code(e, EXIT_INPUT,
			"%s: is of an image of %llu bytes, %s has %llu; remove it or build again",
			path, (unsigned long long)m->image_size, p->name,
			(unsigned long long)p->image_size);
	return check_image(p, m, progress, e);
}

static int get_map(struct plan *p, struct bmap *m, struct progress *progress, struct err *e)
{
	_cleanup_free_ char *path = p->upgrade ? NULL : plan_find_map(p->name);

	if (path)
		return read_map(p, path, m, progress, e);
	progress_step(progress, "finding what %s uses", p->name);
	return bmap_from_image(p->source.image, m, e);
}

int plan_make(struct plan *p, bool only_front, struct progress *progress, struct err *e)
{
	_cleanup_bmap_ struct bmap m = {0};
	if (p->streamed)
		return 0;
	uint64_t limit = only_front ? p->card.table.part[CARD_DATA].at.start : p->image_size;

	if (p->upgrade && plan_order_upgrade(p, e) < 0)
		return err_prefix(e, "%s", p->name);
	if (get_map(p, &m, progress, e) < 0 || read_head(p, e) < 0)
		return -1;
	p->pieces = xcalloc(m.nranges, sizeof(*p->pieces));
	for (size_t i = 0; i < m.nranges && bmap_offset(&m.ranges[i]) < limit; i++) {
		if (add_piece(p, &m, &m.ranges[i], e) < 0)
			return err_prefix(e, "%s", p->name);
	}
	const struct piece *last = p->npieces ? &p->pieces[p->npieces - 1] : NULL;
	if (last && last->at + last->length > limit)
		return err_code(e, EXIT_INPUT,
			"%s: its map (.bmap) joins p2 and p3; remove it, and the data can be kept",
			p->name);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "cmd.h"
#include "decode.h"
#include "input/archive.h"
#include "medium.h"
#include "sha256.h"

struct decoder {
	struct archive *archive;
	struct plan *plan;
	struct feed *feed;
	uint64_t at;
	bool ended;        /* the image is no longer than `at` */
	uint8_t *passed;   /* MEDIUM_CHUNK bytes for what nobody wants */
	struct sha256 all; /* of all bytes, while the plan has a sum to compare */
};

static void cleanup_decoder(struct decoder *d)
{
	uint8_t ignored[SHA256_SIZE];

	if (d->all.context)
		sha256_end(&d->all, ignored);
	archive_close_image(&d->archive);
	free(d->passed);
}

/* Up to n bytes; fewer only at the image's end. */
static int next_bytes(struct decoder *d, void *p, size_t n, size_t *got, struct err *e)
{
	if (check_interrupted(e) < 0 ||
		archive_read_image(d->archive, d->plan->name, p, n, got, e) < 0)
		return -1;
	if (d->all.context)
		sha256_add(&d->all, p, *got);
	d->at += *got;
	d->ended = *got < n;
	return 0;
}

static int too_short(const struct decoder *d, struct err *e)
{
	return err_code(e, EXIT_INPUT,
		"%s: ends after %llu bytes, but has a partition or a map up to %llu; is the file "
		"complete?",
		d->plan->name, (unsigned long long)d->at, (unsigned long long)d->plan->image_size);
}

static int skip_head(struct decoder *d, struct err *e)
{
	size_t got;

	if (next_bytes(d, d->passed, HEAD_SIZE, &got, e) < 0)
		return -1;
	if (got == HEAD_SIZE && memcmp(d->passed, d->plan->head, HEAD_SIZE) == 0)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: was changed meanwhile", d->plan->name);
}

static int pass_over(struct decoder *d, uint64_t end, struct err *e)
{
	while (d->at < end) {
		size_t n = end - d->at < MEDIUM_CHUNK ? (size_t)(end - d->at) : MEDIUM_CHUNK, got;
		if (next_bytes(d, d->passed, n, &got, e) < 0)
			return -1;
		if (got < n)
			return too_short(d, e);
	}
	return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return !*p && memcmp(p, p + 1, n - 1) == 0;
}

/* The decoder alone adds pieces; writers read them when the feed has ended. */
static void list_piece(struct plan *p, const struct feed_piece *f)
{
	struct sha256 s;

	if ((p->npieces & (p->npieces - 1)) == 0)
		p->pieces = xreallocarray(
			p->pieces, p->npieces ? 2 * p->npieces : 1, sizeof(*p->pieces));
	struct piece *piece = &p->pieces[p->npieces++];
	*piece = (struct piece){.at = f->at, .length = f->n};
	sha256_begin(&s);
	sha256_add(&s, f->data, f->n);
	sha256_end(&s, piece->sum);
}

/* Up to MEDIUM_CHUNK bytes go out; `range`, when not NULL, gets to know them. */
static int send_next(struct decoder *d, uint64_t most, struct sha256 *range, struct err *e)
{
	struct feed_piece *p = feed_piece_new();
	size_t n = most < MEDIUM_CHUNK ? (size_t)most : MEDIUM_CHUNK;

	p->at = d->at;
	int rc = next_bytes(d, p->data, n, &p->n, e);
	if (rc < 0 || !p->n) {
		feed_piece_free(p);
		return rc;
	}
	p->zero = is_zero(p->data, p->n);
	list_piece(d->plan, p);
	if (range)
		sha256_add(range, p->data, p->n);
	return feed_put(d->feed, p, e);
}

static int send_all(struct decoder *d, struct err *e)
{
	while (!d->ended) {
		if (send_next(d, MEDIUM_CHUNK, NULL, e) < 0)
			return -1;
	}
	return 0;
}

/* The head, of which a range may have a part, was passed over before. */
static int send_range(
	struct decoder *d, uint64_t at, uint64_t end, struct sha256 *range, struct err *e)
{
	if (at < HEAD_SIZE)
		sha256_add(range, d->plan->head + at,
			(size_t)((end < HEAD_SIZE ? end : HEAD_SIZE) - at));
	if (pass_over(d, at, e) < 0)
		return -1;
	while (d->at < end) {
		if (send_next(d, end - d->at, range, e) < 0)
			return -1;
		if (d->ended && d->at < end)
			return too_short(d, e);
	}
	return 0;
}

static int send_mapped(struct decoder *d, const struct bmap *m, struct err *e)
{
	for (size_t i = 0; i < m->nranges; i++) {
		const struct bmap_range *r = &m->ranges[i];
		uint8_t sum[SHA256_SIZE];
		struct sha256 range;
		sha256_begin(&range);
		int rc = send_range(
			d, bmap_offset(r), bmap_offset(r) + bmap_length(m, r), &range, e);
		sha256_end(&range, sum);
		if (rc < 0)
			return -1;
		if (memcmp(sum, r->sha256, sizeof(sum)) != 0)
			return err_code(e, EXIT_INPUT,
				"%s: byte %llu and what follows are not what its map (.bmap) says; "
				"it is damaged, or the map is of another image",
				d->plan->name, (unsigned long long)bmap_offset(r));
	}
	return pass_over(d, m->image_size, e);
}

/* Up to here all is as it should be; now the decoder must say that it was all. */
static int check_end(struct decoder *d, struct err *e)
{
	size_t got = 0;

	if (!d->ended && next_bytes(d, d->passed, 1, &got, e) < 0)
		return -1;
	if (d->at < d->plan->image_size)
		return too_short(d, e);
	if (d->plan->size_known && d->at > d->plan->image_size)
		return err_code(e, EXIT_INPUT,
			"%s: is longer than the %llu bytes its map or manifest.json says",
			d->plan->name, (unsigned long long)d->plan->image_size);
	d->plan->image_size = d->at;
	return 0;
}

static int check_sum(struct decoder *d, struct err *e)
{
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];

	if (!d->all.context)
		return 0;
	sha256_end(&d->all, sum);
	hex_encode(hex, sum, sizeof(sum));
	if (strcasecmp(hex, d->plan->sha256) == 0)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: is not what manifest.json beside it says (SHA-256 %.12s..., not %.12s...); it "
		"is damaged, or of another build",
		d->plan->name, hex, d->plan->sha256);
}

int decode_plan(struct feed *f, void *arg, struct err *e)
{
	struct plan *p = arg;
	_cleanup_(cleanup_decoder) struct decoder d = {
		.plan = p, .feed = f, .passed = medium_buffer()};

	d.archive = archive_open_image(p->name, e);
	if (!d.archive)
		return -1;
	if (p->sha256 && !p->map.nranges)
		sha256_begin(&d.all);
	if (skip_head(&d, e) < 0)
		return -1;
	if ((p->map.nranges ? send_mapped(&d, &p->map, e) : send_all(&d, e)) < 0)
		return -1;
	return check_end(&d, e) < 0 ? -1 : check_sum(&d, e);
}

/* --- once more */

static int read_again(
	struct decode_again *d, const struct plan *p, void *buffer, size_t n, struct err *e)
{
	size_t got;

	if (check_interrupted(e) < 0 ||
		archive_read_image(d->archive, p->name, buffer, n, &got, e) < 0)
		return -1;
	d->at += got;
	return got == n ? 0 : err_code(e, EXIT_INPUT, "%s: was changed meanwhile", p->name);
}

int decode_again(struct decode_again *d, const struct plan *p, void *buffer, size_t n, uint64_t at,
	struct err *e)
{
	if (d->archive && d->at > at)
		decode_again_end(d);
	if (!d->archive)
		d->archive = archive_open_image(p->name, e);
	if (!d->archive)
		return -1;
	while (d->at < at) {
		size_t step = at - d->at < MEDIUM_CHUNK ? (size_t)(at - d->at) : MEDIUM_CHUNK;
		if (read_again(d, p, buffer, step, e) < 0)
			return -1;
	}
	return read_again(d, p, buffer, n, e);
}

void decode_again_end(struct decode_again *d)
{
	archive_close_image(&d->archive);
	d->at = 0;
}

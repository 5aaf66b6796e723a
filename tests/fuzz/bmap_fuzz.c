/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a .bmap, as they are and with their own checksum made right, which a writer can do
 * too. What must hold: an accepted map has ranges that ascend within the image, and is written and
 * read again as the same; a refused one leaves nothing.
 */
// use: builder/image/bmap_xml.c builder/sha256.c
// mutations: 1500
#include <string.h>
#include "builder/image/bmap.h"
#include "builder/sha256.h"
#include "cmd.h"
#include "fuzz.h"

#define TAG "<BmapFileChecksum>"

int check_interrupted(struct err *e)
{
	(void)e;
	return 0;
}

/* What bmap.c has; the rest of it needs an image. */
void bmap_free(struct bmap *m)
{
	free(m->ranges);
	*m = (struct bmap){0};
}

static void must_be_sound(const struct bmap *m)
{
	uint64_t blocks = (m->image_size + BMAP_BLOCK - 1) / BMAP_BLOCK;

	must(m->nranges > 0);
	for (size_t i = 0; i < m->nranges; i++) {
		const struct bmap_range *r = &m->ranges[i];
		must(r->first <= r->last && r->last < blocks);
		must(!i || r->first > r[-1].last);
	}
}

static void must_come_back(const struct bmap *m)
{
	_cleanup_buf_ struct buf xml = {0};
	_cleanup_bmap_ struct bmap back = {0};
	struct err e;

	bmap_format(m, &xml);
	must(bmap_parse(xml.data, xml.len, &back, &e) == 0);
	must(back.image_size == m->image_size && back.nranges == m->nranges &&
		memcmp(back.ranges, m->ranges, m->nranges * sizeof(*m->ranges)) == 0);
}

static void try_parse(const char *xml, size_t n)
{
	_cleanup_bmap_ struct bmap m = {0};
	struct err e;

	if (bmap_parse(xml, n, &m, &e) < 0) {
		must(e.code == EXIT_INPUT && !m.ranges && !m.nranges);
		return;
	}
	must_be_sound(&m);
	must_come_back(&m);
}

static void make_sum_right(char *xml, size_t n)
{
	char *at = memmem(xml, n, TAG, strlen(TAG)), *end = xml + n;
	uint8_t sum[SHA256_SIZE];
	char hex[SHA256_HEX];
	struct sha256 s;

	for (at = at ? at + strlen(TAG) : end; at < end && *at == ' '; at++)
		;
	if (end - at < 64)
		return;
	memset(at, '0', 64);
	sha256_begin(&s);
	sha256_add(&s, xml, n);
	sha256_end(&s, sum);
	hex_encode(hex, sum, sizeof(sum));
	memcpy(at, hex, 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *copy = xcalloc(1, size + 1);

	memcpy(copy, data, size);
	try_parse(copy, size);
	make_sum_right(copy, size);
	try_parse(copy, size);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The map of a card with FAT and two ext4: written over noise it gives clean filesystems; its XML
 * comes back as it went, and what is no bmap 2.0 is refused.
 */
// use: builder/image/bmap.c builder/image/bmap_xml.c builder/image/in_use.c builder/image/table.c
// use: builder/image/ext4.c builder/image/ext4_edit.c builder/image/fat_read.c
// use: builder/image/fat_dir.c builder/image/fat_check.c builder/sha256.c builder/run.c
#include <string.h>
#include "builder/image/bmap.h"
#include "builder/image/fat_read.h"
#include "builder/image/table.h"
#include "builder/sha256.h"
#include "image.h"

#define MIB (UINT64_C(1) << 20)

static const struct extent parts[] = {
	{4 * MIB, 34 * MIB}, {40 * MIB, 24 * MIB}, {68 * MIB, 64 * MIB}};
static const char table_text[] = "label: dos\nlabel-id: 0x12345678\n"
				 "start=8192,size=69632,type=c\n"
				 "start=81920,size=49152,type=83\n"
				 "start=139264,size=131072,type=83\n";

static void put_table(const char *image)
{
	const char *const argv[] = {"sfdisk", "-q", "--no-reread", image, NULL};
	struct err e = {0};
	struct buf text = {.data = (char *)table_text, .len = strlen(table_text)};

	if (run_tool(argv, &text, NULL, 0, &e) < 0)
		ok(false, "%s", e.msg);
}

static void put_boot(const char *image)
{
	const char *part = in_scratch("p1");
	_cleanup_buf_ struct buf b = {0}, content = {0};
	struct err e = {0};
	_cleanup_close_ int fd = open(image, O_RDWR | O_CLOEXEC);

	TOOL("mkfs.vfat", "-C", "-F", "32", "-s", "1", part, "34816");
	for (int i = 0; i < 30000; i++)
		buf_printf(&content, "%09d\n", i);
	if (io_write_atomic(in_scratch("kernel"), content.data, content.len, 0600, &e) < 0)
		ok(false, "%s", e.msg);
	TOOL("mcopy", "-i", part, in_scratch("kernel"), "::kernel.img");
	if (io_read_file(part, 64 * MIB, &b, &e) < 0 ||
		io_pwrite_full(fd, b.data, b.len, (off_t)parts[0].start) < 0)
		ok(false, "%s", e.msg);
	unlink(part);
}

static void put_file(const char *image, uint64_t offset, size_t n)
{
	struct err e = {0};
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, offset, &e);
	_cleanup_free_ char *text = xcalloc(1, n);

	memset(text, 'x', n);
	if (!fs || ext4_write(fs, "/some/file", text, n, EXT4_ROOT(0644), &e) < 0 ||
		ext4_close(&fs, &e) < 0)
		ok(false, "%s", e.msg);
}

/* p2 with blocks of 1 KiB and checksums, which leaves groups uninitialized; p3 as we make it. */
static const char *make_card(void)
{
	const char *image = in_scratch("card");
	struct err e = {0};
	static const uint8_t uuid[16] = {1, 2, 3};
	_cleanup_free_ char *at = xasprintf("offset=%llu", (unsigned long long)parts[1].start);

	new_image(image, (off_t)(136 * MIB));
	put_table(image);
	put_boot(image);
	TOOL("mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-O",
		"metadata_csum,^orphan_file,^metadata_csum_seed", "-E", at, image, "24576");
	if (ext4_format(image, parts[2].start, parts[2].size, "data", uuid, &e) < 0)
		ok(false, "%s", e.msg);
	put_file(image, parts[1].start, 3000000);
	put_file(image, parts[2].start, 20 * MIB);
	return image;
}

static void try_ranges(const char *image, const struct bmap *m)
{
	_cleanup_close_ int fd = open(image, O_RDONLY | O_CLOEXEC);
	size_t order = 0, size = 0, cross = 0, sums = 0;
	uint8_t sum[BMAP_SHA256];
	struct err e = {0};

	for (size_t i = 0; i < m->nranges; i++) {
		const struct bmap_range *r = &m->ranges[i];
		uint64_t start = bmap_offset(r), end = start + bmap_length(m, r);
		order += i && r->first <= r[-1].last;
		size += end - start > BMAP_RANGE_MAX || end <= start || end > m->image_size;
		for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
			cross += start < parts[k].start && end > parts[k].start;
		sums += sha256_range(fd, start, end - start, sum, &e) < 0 ||
			memcmp(sum, r->sha256, sizeof(sum)) != 0;
	}
	is_int((long long)order, 0, "ranges ascend");
	is_int((long long)size, 0, "none is larger than %llu MiB", BMAP_RANGE_MAX / (1ull << 20));
	is_int((long long)cross, 0, "none crosses the start of a partition");
	is_int((long long)sums, 0, "each sum is its bytes'");
}

/* A card full of noise, and what the map says on top of it. */
static void flash(const char *image, const struct bmap *m, const char *card)
{
	_cleanup_close_ int from = open(image, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int to = open(card, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	_cleanup_free_ char *piece = xcalloc(1, BMAP_RANGE_MAX);
	bool held = true;
	uint32_t noise = 1;

	for (size_t i = 0; i < BMAP_RANGE_MAX; i++)
		piece[i] = (char)((noise = noise * 1664525 + 1013904223) >> 24);
	for (uint64_t at = 0; at < m->image_size; at += BMAP_RANGE_MAX)
		held &= io_pwrite_full(to, piece, BMAP_RANGE_MAX, (off_t)at) == 0;
	for (size_t i = 0; i < m->nranges; i++) {
		uint64_t n = bmap_length(m, &m->ranges[i]);
		off_t at = (off_t)bmap_offset(&m->ranges[i]);
		held &= io_pread_full(from, piece, n, at) == 0 &&
			io_pwrite_full(to, piece, n, at) == 0;
	}
	ok(held, "a card of noise is written by the map");
}

static void try_card(const char *card)
{
	struct err e = {0};
	_cleanup_buf_ struct buf b = {0};
	_cleanup_fat_ struct fat *f = fat_open(card, parts[0].start, parts[0].size, &e);

	ok(f && fat_check(f, &e) == 0 && fat_read_file(f, "kernel.img", &b, &e) == 0 &&
			b.len == 300000,
		"its FAT is whole: %s", e.msg);
	for (size_t k = 1; k < ARRAY_SIZE(parts); k++) {
		_cleanup_buf_ struct buf text = {0};
		ok(ext4_check(card, parts[k].start, &e) == 0, "its p%zu is clean: %s", k + 1,
			e.msg);
	}
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(card, parts[1].start, &e);
	_cleanup_buf_ struct buf text = {0};
	ok(fs && ext4_read(fs, "/some/file", &text, &e) == 0 && text.len == 3000000 &&
			strspn(text.data, "x") == text.len,
		"a file on it is the file");
}

static bool same(const struct bmap *a, const struct bmap *b)
{
	return a->image_size == b->image_size && a->nranges == b->nranges &&
	       memcmp(a->ranges, b->ranges, a->nranges * sizeof(*a->ranges)) == 0;
}

static void try_xml(const struct bmap *m)
{
	_cleanup_buf_ struct buf one = {0}, two = {0};
	_cleanup_bmap_ struct bmap back = {0};
	struct err e = {0};

	bmap_format(m, &one);
	bmap_format(m, &two);
	is_str(buf_str(&one), buf_str(&two), "the same map gives the same text");
	ok(bmap_parse(one.data, one.len, &back, &e) == 0 && same(m, &back),
		"and comes back from it: %s", e.msg);
	ok(bmap_write(in_scratch("card.bmap"), m, &e) == 0, "into a file");
	bmap_free(&back);
	ok(bmap_read(in_scratch("card.bmap"), &back, &e) == 0 && same(m, &back),
		"and from a file: %s", e.msg);
	for (size_t n = 0; n < one.len; n += 97) {
		bmap_free(&back);
		if (bmap_parse(one.data, n, &back, &e) == 0 || back.nranges)
			ok(false, "cut off at %zu it is read", n);
	}
	ok(e.code == EXIT_INPUT, "cut off anywhere it is refused: %s", e.msg);
}

static void test_card(void)
{
	const char *image = make_card();
	struct err e = {0};
	_cleanup_bmap_ struct bmap m = {0};

	if (!ok(bmap_from_image(image, &m, &e) == 0, "a map is made: %s", e.msg))
		return;
	is_int((long long)m.image_size, 136 << 20, "it knows the image's size");
	ok(bmap_mapped_bytes(&m) > 40 * MIB && bmap_mapped_bytes(&m) < 80 * MIB,
		"it wants %llu of 136 MiB", (unsigned long long)(bmap_mapped_bytes(&m) / MIB));
	try_ranges(image, &m);
	flash(image, &m, in_scratch("noise"));
	try_card(in_scratch("noise"));
	try_xml(&m);
	unlink(in_scratch("noise"));
	unlink(image);
}

static void test_short_block(void)
{
	struct bmap_range range = {.first = 1, .last = 2};
	struct bmap m = {.image_size = 2 * BMAP_BLOCK + 100, .ranges = &range, .nranges = 1};
	struct err e = {0};
	_cleanup_bmap_ struct bmap back = {0};
	_cleanup_buf_ struct buf xml = {0};

	is_int((long long)bmap_length(&m, &range), BMAP_BLOCK + 100,
		"a short last block counts short");
	bmap_format(&m, &xml);
	ok(strstr(xml.data, "<BlocksCount> 3 <") && bmap_parse(xml.data, xml.len, &back, &e) == 0,
		"an image that ends inside of a block: %s", e.msg);
}

struct edit {
	const char *from, *to, *why;
};

/* What a writer with our checksum might say; `from` and `to` are of any length. */
static const struct edit edits[] = {
	{"version=\"2.0\"", "version=\"1.3\"", "version 1.3"},
	{"version=\"2.0\">", "version=\"3.0\">", "version 3.0"},
	{"<bmap ", "<!DOCTYPE x [<!ENTITY a \"1\">]><bmap ", "document type"},
	{"> 40960 <", "> 40961 <", "do not agree"},
	{"> 40960 <", "> x <", "no number"},
	{"> 40960 <", "> 99999999999999999999 <", "no number"},
	{"<ImageSize> 40960 </ImageSize>", "", "is missing"},
	{"<BlockSize> 4096 <", "<BlockSize> 512 <", "blocks of 512"},
	{"<MappedBlocksCount> 5 <", "<MappedBlocksCount> 6 <", "6 mapped blocks"},
	{"> sha256 <", "> sha1 <", "only sha256"},
	{" 0-3 ", " 3-0 ", "no range"},
	{" 0-3 ", " -3 ", "no range"},
	{" 0-3 ", " 0 3 ", "no range"},
	{" 0-3 ", " 0-9 ", "not behind"},
	{" 9 ", " 10 ", "behind the image's end"},
	{" chksum=\"", " sum=\"", "without a sha256"},
	{"chksum=\"00", "chksum=\"0", "without a sha256"},
	{"<BlockMap>", "<BlockMap><ImageSize> 1 </ImageSize>", "a second <ImageSize>"},
	{" 0-3 ", " 0<b>1</b> ", "holds elements"},
	{"</BlockMap>", "</Blockmap>", "mismatched tag"},
};

static char *edited(const char *text, const struct edit *x)
{
	const char *at = strstr(text, x->from);
	_cleanup_free_ char *s =
		at ? xasprintf("%.*s%s%s", (int)(at - text), text, x->to, at + strlen(x->from))
		   : xstrdup("");
	/* The checksum is made right again, so that what is tried is the rule. */
	char *sum = strstr(s, "<BmapFileChecksum> ");
	if (sum) {
		struct sha256 h;
		uint8_t bytes[SHA256_SIZE];
		char hex[SHA256_HEX];
		sum += strlen("<BmapFileChecksum> ");
		memset(sum, '0', 64);
		sha256_begin(&h);
		sha256_add(&h, s, strlen(s));
		sha256_end(&h, bytes);
		hex_encode(hex, bytes, sizeof(bytes));
		memcpy(sum, hex, 64);
	}
	return steal(&s);
}

static void test_refused(void)
{
	struct bmap_range ranges[] = {{.first = 0, .last = 3}, {.first = 9, .last = 9}};
	struct bmap m = {.image_size = 40960, .ranges = ranges, .nranges = 2};
	_cleanup_buf_ struct buf xml = {0};
	_cleanup_bmap_ struct bmap back = {0};
	struct err e = {0};

	bmap_format(&m, &xml);
	for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
		_cleanup_free_ char *s = edited(xml.data, &edits[i]);
		e = (struct err){0};
		int rc = bmap_parse(s, strlen(s), &back, &e);
		ok(rc < 0 && e.code == EXIT_INPUT && strstr(e.msg, edits[i].why) && !back.ranges,
			"\"%s\" for \"%s\" is refused: %s", edits[i].to, edits[i].from, e.msg);
	}
	xml.data[xml.len - 40] ^= 1;
	ok(bmap_parse(xml.data, xml.len, &back, &e) < 0, "a changed byte is noticed: %s", e.msg);
	ok(bmap_read(in_scratch("nothing"), &back, &e) < 0 && e.code == EXIT_INPUT,
		"a missing file: %s", e.msg);
}

/* What bmaptool itself made: comments, empty lines, padding. */
static void test_bmaptool(void)
{
	struct err e = {0};
	_cleanup_bmap_ struct bmap m = {0};

	if (access("tests/fuzz/corpus/bmap", R_OK) < 0) {
		ok(true, "a map by bmaptool # SKIP not run from the top");
		return;
	}
	ok(bmap_read("tests/fuzz/corpus/bmap/bmaptool.bmap", &m, &e) == 0,
		"a map by bmaptool is read: %s", e.msg);
	is_int((long long)m.image_size, 102400, "its image's size");
	is_int((long long)bmap_mapped_bytes(&m), 4 * BMAP_BLOCK, "and what it maps");
}

int main(void)
{
	struct err e = {0};

	if (!mkdtemp(scratch))
		return 1;
	test_card();
	test_short_block();
	test_refused();
	test_bmaptool();
	if (io_remove_tree(scratch, &e) < 0)
		printf("# %s\n", e.msg);
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at ext4: names, links, sizes, and the checks the library does without e2fsck. */
// use: builder/image/ext4.c builder/image/ext4_edit.c builder/image/ext4_look.c builder/run.c
#include <endian.h>
#include <string.h>
#include "builder/image/ext4_look.h"
#include "image.h"

#define AT 8192 /* the filesystem's place in the image */

static const char *make(const char *name, const char *features)
{
	const char *image = in_scratch(name);
	_cleanup_free_ char *extended = xasprintf("offset=%d", AT);
	struct err e = {0};

	new_image(image, 16 << 20);
	TOOL("mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-L", "tested", "-O", features, "-E",
		extended, image, "8192");
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, AT, &e);
	_cleanup_free_ char *longer = xcalloc(1, 201);
	memset(longer, 'x', 200);
	if (!fs || ext4_write(fs, "/d/b", "12345", 5, EXT4_ROOT(0640), &e) < 0 ||
		ext4_write(fs, "/d/a", "1", 1, (struct ext4_owner){70000, 5, 04755}, &e) < 0 ||
		ext4_symlink(fs, "/short", "d/a", &e) < 0 ||
		ext4_symlink(fs, "/long", longer, &e) < 0 ||
		ext4_symlink(fs, "/dir", "d", &e) < 0 || ext4_close(&fs, &e) < 0)
		ok(false, "%s", e.msg);
	return image;
}

static void test_info(struct ext4 *fs)
{
	struct ext4_info info;

	ext4_info(fs, &info);
	is_str(info.label, "tested", "label");
	ok(strlen(info.uuid) == 36 && !info.dirt, "UUID %s, clean", info.uuid);
	ok(strstr(info.features, "metadata_csum") && strstr(info.features, "extent"), "%s",
		info.features);
	ok(info.size == 8 << 20 && info.free && info.free < info.size, "size and room");
	free(info.features);
}

static void test_names(struct ext4 *fs)
{
	struct err e;
	struct ext4_stat st;
	_cleanup_names_ char **names = ext4_names(fs, "/dir", &e);

	ok(names && names[0] && names[1] && !names[2], "a folder behind a link has two names");
	ok(names && strcmp(names[0], "a") == 0, "in order");
	ok(!ext4_names(fs, "/d/a", &e), "a file has none: %s", e.msg);
	ok(!ext4_names(fs, "/nothing", &e), "%s", e.msg);
	is_int((long long)ext4_tree_size(fs, "/d"), 6, "bytes in its files");
	ok(ext4_stat(fs, "/d/a", &st) && st.kind == EXT4_FILE && st.owner.uid == 70000 &&
			st.owner.mode == 04755 && st.size == 1,
		"owner, mode and size of a file");
	ok(ext4_stat(fs, "/short", &st) && st.kind == EXT4_LINK, "a link is a link");
	ok(!ext4_stat(fs, "/nothing", &st), "nothing is nothing");
}

static void test_links(struct ext4 *fs)
{
	struct err e;
	_cleanup_buf_ struct buf shorter = {0}, longer = {0};

	ok(ext4_readlink(fs, "/short", &shorter, &e) == 0, "a link within the inode");
	is_str(buf_str(&shorter), "d/a", "is read");
	ok(ext4_readlink(fs, "/long", &longer, &e) == 0 && longer.len == 200, "one in a block too");
	ok(ext4_readlink(fs, "/d/a", &shorter, &e) < 0, "a file leads nowhere: %s", e.msg);
}

#define LARGE ((17u << 20) + 3) /* more than ext4_read takes */

static void write_large(const char *image)
{
	struct err e = {0};
	_cleanup_free_ char *bytes = xcalloc(1, LARGE);
	_cleanup_ext4_ struct ext4 *fs = NULL;

	new_image(image, 32 << 20);
	TOOL("mke2fs", "-q", "-F", "-t", "ext4", image);
	memcpy(bytes + LARGE - 3, "end", 3);
	fs = ext4_open(image, 0, &e);
	if (!fs || ext4_write(fs, "/large", bytes, LARGE, EXT4_ROOT(0644), &e) < 0 ||
		ext4_close(&fs, &e) < 0)
		ok(false, "%s", e.msg);
}

/* A file that ext4_read finds too large, in pieces that do not divide it. */
static void test_reader(void)
{
	const char *image = in_scratch("large");
	_cleanup_free_ char *piece = xcalloc(1, 3u << 20);
	_cleanup_buf_ struct buf whole = {0};
	struct err e = {0};
	long long all = 0;
	ssize_t n, last = 0;

	write_large(image);
	_cleanup_ext4_ struct ext4 *fs = ext4_open_look(image, 0, &e);
	ok(fs && ext4_read(fs, "/large", &whole, &e) < 0, "too large to be had at once: %s", e.msg);
	_cleanup_ext4_reader_ struct ext4_reader *r = ext4_reader_open(fs, "/large", &e);
	while ((n = ext4_reader_get(r, piece, 3u << 20, &e)) > 0) {
		all += n;
		last = n;
	}
	ok(n == 0 && all == LARGE, "in pieces it is had as a whole: %lld bytes", all);
	is_int(last, LARGE % (3u << 20), "only the last one is shorter");
	ok(memcmp(piece + last - 3, "end", 3) == 0, "and has the end");
	_cleanup_ext4_reader_ struct ext4_reader *none = ext4_reader_open(fs, "/lost+found", &e);
	ok(!none, "a folder is not read: %s", e.msg);
}

/* A byte of the image turned over, or n of them. */
static void test_damage(const char *what, const char *features, off_t at, const char *said)
{
	const char *image = make("damaged", features);
	_cleanup_close_ int fd = open(image, O_RDWR | O_CLOEXEC);
	uint8_t byte = 0;
	struct err e = {0};

	ok(ext4_check_checksums(image, AT, &e) == 0, "%s: before", what);
	if (io_pread_full(fd, &byte, 1, AT + at) < 0)
		perror(image);
	byte ^= 0x10;
	if (io_pwrite_full(fd, &byte, 1, AT + at) < 0)
		perror(image);
	ok(ext4_check_checksums(image, AT, &e) < 0 && e.code == EXIT_INPUT && strstr(e.msg, said),
		"%s: %s", what, e.msg);
}

static void test_dirty(void)
{
	const char *image = make("dirty", "metadata_csum");
	_cleanup_free_ char *at = xasprintf("%s?offset=%d", image, AT);
	struct err e = {0};
	struct ext4_info info;

	TOOL("debugfs", "-w", "-R", "feature needs_recovery", at);
	ok(!ext4_open_readonly(image, AT, &e), "a dirty filesystem is not for editing: %s", e.msg);
	_cleanup_ext4_ struct ext4 *fs = ext4_open_look(image, AT, &e);
	if (!ok(fs, "but can be looked at"))
		return;
	ext4_info(fs, &info);
	is_str(info.dirt, "its journal must be replayed", "and says why");
	free(info.features);
	ok(ext4_check_checksums(image, AT, &e) < 0, "it is not right, though: %s", e.msg);
}

struct lie {
	const char *what;
	off_t at; /* in the superblock */
	uint32_t value;
	const char *said;
};

/* What libext2fs would allocate for, or write behind its buffers for. */
static const struct lie lies[] = {
	{"a million times the blocks", 4, 0x7fffffff, "larger than what it lies in"},
	{"blocks of 4 GiB", 24, 22, "unknown size"},
	{"60000 inodes in a group", 40, 60000, "bitmaps larger than a block"},
	{"60000 blocks in a group", 36, 60000, "bitmaps larger than a block"},
	{"a first block of 97", 20, 97, "odd block"},
	{"no magic", 56, 0, "magic"},
};

static void test_lie(const struct lie *l)
{
	const char *image = make("lying", "^metadata_csum");
	_cleanup_close_ int fd = open(image, O_RDWR | O_CLOEXEC);
	uint32_t value = htole32(l->value);
	struct err e = {0};

	if (io_pwrite_full(fd, &value, sizeof(value), AT + 1024 + l->at) < 0)
		perror(image);
	ok(!ext4_open_look(image, AT, &e) && e.code == EXIT_INPUT && strstr(e.msg, l->said),
		"%s: %s", l->what, e.msg);
	ok(!ext4_open(image, AT, &e) && e.code == EXIT_INPUT, "%s: nor is it edited", l->what);
}

int main(void)
{
	struct err e = {0};

	if (!mkdtemp(scratch))
		return 1;
	_cleanup_ext4_ struct ext4 *fs =
		ext4_open_look(make("good", "extent,metadata_csum"), AT, &e);
	if (!fs) {
		printf("Bail out! %s\n", e.msg);
		return 1;
	}
	test_info(fs);
	test_names(fs);
	test_links(fs);
	test_reader();
	ok(ext4_check_checksums(in_scratch("good"), AT, &e) == 0, "its checksums are right");
	test_damage("the superblock", "metadata_csum", 1024 + 120, "checksum");
	test_damage("a group descriptor", "metadata_csum", 2048 + 0x0c, "");
	test_damage(
		"a group's free count", "^metadata_csum,^uninit_bg", 2048 + 0x0c, "free counts");
	test_dirty();
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		test_lie(&lies[i]);
	if (io_remove_tree(scratch, &e) < 0)
		ok(false, "%s", e.msg);
	return done();
}

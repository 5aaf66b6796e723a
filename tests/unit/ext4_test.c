/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edits e2fsck must find nothing wrong with, and filesystems that must not be edited at all. */
// use: builder/image/ext4.c builder/image/ext4_edit.c builder/run.c
#include "image.h"

#define SIZE (64 << 20)

struct base {
	const char *name;
	const char *features; /* of mke2fs -O; NULL: as ext4_format makes it */
	const char *inode_size, *block_size;
};

/* Raspberry Pi OS's own first; then what else a base may come with. */
static const struct base bases[] = {
	{"Raspberry Pi OS",
		"has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,sparse_super,"
		"large_file,huge_file,dir_nlink,extra_isize,metadata_csum",
		"256", "4096"},
	{"mke2fs of Debian 12 and later",
		"has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,"
		"sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum,"
		"metadata_csum_seed,orphan_file",
		"256", "4096"},
	{"gdt_csum, small inodes, small blocks",
		"has_journal,dir_index,filetype,extent,sparse_super,large_file,uninit_bg", "128",
		"1024"},
	{"ext3", "has_journal,ext_attr,dir_index,filetype,sparse_super,large_file", "128", "1024"},
	{"meta_bg", "has_journal,filetype,extent,meta_bg,^resize_inode,metadata_csum,64bit", "256",
		"1024"},
};

static void make_base(
	const char *image, const char *features, const char *inode_size, const char *block_size)
{
	_cleanup_free_ char *only = xasprintf("none,%s", features);

	new_image(image, SIZE);
	TOOL("mke2fs", "-q", "-F", "-t", "ext4", "-I", inode_size, "-b", block_size, "-N", "16000",
		"-O", only, image);
}

static void must(int rc, const char *what, struct err *e)
{
	if (rc < 0)
		ok(false, "%s: %s", what, e->msg);
}

/* More names than one block holds, in a directory that has an index. */
static void fill_dir(struct ext4 *fs, const char *dir, int from, int to)
{
	struct err e = {0};

	for (int i = from; i < to; i++) {
		_cleanup_free_ char *path =
			xasprintf("%s/a-rather-long-name-so-that-blocks-fill-up-%d", dir, i);
		must(ext4_write(fs, path, path, strlen(path), EXT4_ROOT(0644), &e), path, &e);
	}
}

static void edit(struct ext4 *fs)
{
	_cleanup_buf_ struct buf big = {0};
	struct err e = {0};

	for (int i = 0; i < 300000; i++)
		buf_printf(&big, "%07d\n", i);
	must(ext4_write(fs, "/big", big.data, big.len, EXT4_ROOT(0600), &e), "big", &e);
	must(ext4_write(fs, "/big", "small", 5, EXT4_ROOT(0644), &e), "shrink", &e);
	must(ext4_write(fs, "/big2", big.data, big.len, EXT4_ROOT(0600), &e), "big2", &e);
	must(ext4_rewrite(fs, "/big2", big.data, big.len / 2, &e), "rewrite", &e);
	must(ext4_write(fs, "/empty", "", 0, EXT4_ROOT(0644), &e), "empty", &e);
	must(ext4_symlink(fs, "/fast", "big", &e), "fast link", &e);
	_cleanup_free_ char *far = xasprintf("%0500d", 7);
	must(ext4_symlink(fs, "/slow", far, &e), "slow link", &e);
	must(ext4_symlink(fs, "/slow", "big", &e), "link replaced", &e);
	must(ext4_hardlink(fs, "/hard", "/big2", &e), "hard link", &e);
	must(ext4_hardlink(fs, "/empty", "/big2", &e), "hard link over a file", &e);
	must(ext4_write(fs, "/fast", "x", 1, EXT4_ROOT(0644), &e), "file over a link", &e);
	must(ext4_remove(fs, "/hard", &e), "remove one name", &e);
	must(ext4_mkdir(fs, "/d", EXT4_ROOT(01777), &e), "mkdir", &e);
	must(ext4_mkdir(fs, "/d", (struct ext4_owner){70000, 70001, 0700}, &e), "owner", &e);
}

static void test_edits(void)
{
	const char *image = in_scratch("x.img");

	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		const struct base *b = &bases[i];
		_cleanup_buf_ struct buf text = {0};
		struct err e = {0};
		make_base(image, b->features, b->inode_size, b->block_size);
		_cleanup_ext4_ struct ext4 *fs = ext4_open(image, 0, &e);
		if (!ok(fs != NULL, "%s opens: %s", b->name, e.msg))
			continue;
		fill_dir(fs, "/index", 0, 600);
		must(ext4_close(&fs, &e), "close", &e);
		/* libext2fs makes no index: e2fsck does, of every directory; its status is 1 then
		 */
		const char *const index[] = {"e2fsck", "-f", "-y", "-D", image, NULL};
		must(run_tool(index, NULL, NULL, 1, &e), "index", &e);
		fs = ext4_open(image, 0, &e);
		if (!ok(fs != NULL, "%s opens again: %s", b->name, e.msg))
			continue;
		fill_dir(fs, "/index", 600, 1200);
		edit(fs);
		must(ext4_read(
			     fs, "/index/a-rather-long-name-so-that-blocks-fill-up-599", &text, &e),
			"read", &e);
		must(ext4_close(&fs, &e), "close", &e);
		is_str(buf_str(&text), "/index/a-rather-long-name-so-that-blocks-fill-up-599",
			"%s: what was there is there", b->name);
		ok(is_clean(image), "%s: edits leave it clean", b->name);
	}
}

/* Attributes that do not fit into the inode have a block of their own, shared by many inodes. */
static void test_attributes(void)
{
	const char *image = in_scratch("x.img"), *value = in_scratch("value");
	_cleanup_free_ char *text = xasprintf("%0600d", 1);
	_cleanup_free_ char *set = xasprintf("ea_set -f %s /f user.big", value);
	struct err e = {0};

	make_base(image, bases[0].features, "256", "4096");
	must(io_write_atomic(value, text, strlen(text), 0600, &e), "value", &e);
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, 0, &e);
	must(ext4_write(fs, "/f", "f", 1, EXT4_ROOT(0644), &e), "f", &e);
	must(ext4_write(fs, "/g", "g", 1, EXT4_ROOT(0644), &e), "g", &e);
	must(ext4_close(&fs, &e), "close", &e);
	TOOL("debugfs", "-w", "-R", set, image);
	ok(is_clean(image), "a file with a block of attributes");
	fs = ext4_open(image, 0, &e);
	is_int(ext4_hardlink(fs, "/f", "/g", &e), 0, "is replaced");
	must(ext4_close(&fs, &e), "close", &e);
	ok(is_clean(image), "and the block is free again");
}

static void test_refused_edits(void)
{
	const char *image = in_scratch("x.img");
	_cleanup_free_ char *long_name = xasprintf("/%0256d", 1);
	_cleanup_free_ char *long_link = xasprintf("%04096d", 1);
	_cleanup_buf_ struct buf b = {0};
	struct err e = {0};

	make_base(image, bases[0].features, "256", "4096");
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, 0, &e);
	must(ext4_write(fs, "/f", "f", 1, EXT4_ROOT(0644), &e), "f", &e);
	must(ext4_mkdir(fs, "/d", EXT4_ROOT(0755), &e), "d", &e);
	must(ext4_symlink(fs, "/loop", "loop", &e), "loop", &e);
	ok(ext4_hardlink(fs, "/e", "/d", &e) < 0, "a second name for a folder: %s", e.msg);
	ok(ext4_hardlink(fs, "/f", "/f", &e) < 0, "a file as its own second name: %s", e.msg);
	ok(ext4_write(fs, long_name, "", 0, EXT4_ROOT(0644), &e) < 0, "256 bytes of name");
	ok(ext4_mkdir(fs, long_name, EXT4_ROOT(0755), &e) < 0, "a folder of 256 bytes");
	ok(ext4_symlink(fs, "/l", "", &e) < 0, "an empty link: %s", e.msg);
	ok(ext4_symlink(fs, "/l", long_link, &e) < 0, "a link of a block's length: %s", e.msg);
	ok(ext4_write(fs, "/f/g", "", 0, EXT4_ROOT(0644), &e) < 0, "a file below a file");
	ok(ext4_mkdir(fs, "/f/g", EXT4_ROOT(0755), &e) < 0, "a folder below a file");
	ok(ext4_symlink(fs, "/f/g", "x", &e) < 0, "a link below a file");
	ok(ext4_write(fs, "/d", "", 0, EXT4_ROOT(0644), &e) < 0, "a file over a folder");
	ok(ext4_rewrite(fs, "/d", "x", 1, &e) < 0, "what a folder holds: %s", e.msg);
	ok(ext4_read(fs, "/d", &b, &e) < 0, "reading a folder: %s", e.msg);
	ok(ext4_read(fs, "/loop", &b, &e) < 0, "reading a link to itself: %s", e.msg);
	ok(ext4_remove(fs, "/d", &e) < 0, "removing a folder");
	must(ext4_close(&fs, &e), "close", &e);
	ok(is_clean(image), "after all of that the filesystem is clean");
}

/* 65000 names for one inode; the counter has sixteen bits. */
static void test_link_limit(void)
{
	const char *image = in_scratch("x.img");
	struct err e = {0};
	int n = 0;

	make_base(image, bases[0].features, "256", "4096");
	TOOL("debugfs", "-w", "-R", "set_inode_field / links_count 64998", image);
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, 0, &e);
	for (; n < 10; n++) {
		_cleanup_free_ char *path = xasprintf("/d%d", n);
		if (ext4_mkdir(fs, path, EXT4_ROOT(0755), &e) < 0)
			break;
	}
	is_int(n, 2, "folders in one folder end at the limit: %s", e.msg);
	must(ext4_write(fs, "/d0/f", "f", 1, EXT4_ROOT(0644), &e), "f", &e);
	must(ext4_close(&fs, &e), "close", &e);
	TOOL("debugfs", "-w", "-R", "set_inode_field /d0/f links_count 64998", image);
	fs = ext4_open(image, 0, &e);
	for (n = 0; n < 10; n++) {
		_cleanup_free_ char *path = xasprintf("/d1/f%d", n);
		if (ext4_hardlink(fs, path, "/d0/f", &e) < 0)
			break;
	}
	is_int(n, 2, "and so do names of one file: %s", e.msg);
}

static void test_full(void)
{
	const char *image = in_scratch("x.img");
	_cleanup_free_ char *mib = xcalloc(1, 1 << 20);
	struct err e = {0};
	int n = 0;

	memset(mib, 'x', 1 << 20);
	make_base(image, bases[0].features, "256", "4096");
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, 0, &e);
	for (; n < 100; n++) {
		_cleanup_free_ char *path = xasprintf("/%d", n);
		if (ext4_write(fs, path, mib, 1 << 20, EXT4_ROOT(0644), &e) < 0)
			break;
	}
	ok(n < 64 && e.code == EXIT_INPUT && strstr(e.msg, "root_size"), "full after %d MiB: %s", n,
		e.msg);
}

struct refused {
	const char *name, *words, *features;
	const char *debugfs; /* done to it then */
};

#define USUAL "has_journal,ext_attr,dir_index,filetype,extent,sparse_super,large_file"

static const struct refused refused[] = {
	{"a quota", "features", USUAL ",quota", NULL},
	{"bigalloc", "features", USUAL ",bigalloc", NULL},
	{"data in inodes", "features", USUAL ",inline_data", NULL},
	{"encryption", "features", USUAL ",encrypt", NULL},
	{"casefolding", "features", USUAL ",casefold", NULL},
	{"multiple mount protection", "features", USUAL ",mmp", NULL},
	{"an unknown feature", "", USUAL, "feature FEATURE_I30"},
	{"an unknown feature for writers", "feature", USUAL, "feature FEATURE_R30"},
	{"an unknown feature nobody minds", "features", USUAL, "feature FEATURE_C30"},
	{"a journal to replay", "replayed", USUAL, "feature needs_recovery"},
	{"orphans", "orphaned", USUAL, "ssv last_orphan 12"},
	{"errors", "errors", USUAL, "ssv state 3"},
	{"an unclean end", "cleanly", USUAL, "ssv state 0"},
};

static void test_refused(void)
{
	const char *image = in_scratch("x.img");

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct refused *r = &refused[i];
		struct err e = {0};
		make_base(image, r->features, "256", "4096");
		if (r->debugfs)
			TOOL("debugfs", "-w", "-R", r->debugfs, image);
		_cleanup_ext4_ struct ext4 *fs = ext4_open(image, 0, &e);
		ok(!fs && e.code == EXIT_INPUT && strstr(e.msg, r->words), "%s is refused (%d): %s",
			r->name, e.code, e.msg);
		_cleanup_ext4_ struct ext4 *ro = ext4_open_readonly(image, 0, &e);
		ok(!ro, "and not even looked into");
	}
}

/* As a base image is: last written, mounted and checked some time between RUN_MOMENT and now. */
static void test_grow_keeps_times(void)
{
	const char *image = in_scratch("times");
	const uint32_t mounted = 1732000000, written = 1732000001, checked = 1732000002;
	const off_t super = 1024;
	struct err e = {0};

	unlink(image);
	new_image(image, 16 << 20);
	TOOL("mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum", image);
	_cleanup_close_ int fd = open(image, O_RDWR | O_CLOEXEC);
	if (io_pwrite_full(fd, &mounted, 4, super + 0x2c) < 0 ||
		io_pwrite_full(fd, &written, 4, super + 0x30) < 0 ||
		io_pwrite_full(fd, &checked, 4, super + 0x40) < 0 || ftruncate(fd, 32 << 20) < 0)
		perror(image);
	ok(ext4_grow_file(image, &e) == 0, "a filesystem from our future grows: %s", e.msg);
	uint32_t now[3] = {0};
	if (io_pread_full(fd, &now[0], 4, super + 0x2c) < 0 ||
		io_pread_full(fd, &now[1], 4, super + 0x30) < 0 ||
		io_pread_full(fd, &now[2], 4, super + 0x40) < 0)
		perror(image);
	ok(now[0] == mounted && now[1] == written && now[2] == checked, "and keeps its times");
	ok(is_clean(image), "and is clean");
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(image, 0, &e);
	is_int(fs ? ext4_moment(fs) : 0, written, "which are what edits take for now");
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(scratch))
		return 1;
	test_grow_keeps_times();
	test_edits();
	test_attributes();
	test_refused_edits();
	test_link_limit();
	test_full();
	test_refused();
	struct err e;
	if (io_remove_tree(scratch, &e) < 0)
		return 1;
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files in FAT filesystems that mkfs.vfat and mtools made, and what is refused in damaged ones. */
// use: builder/image/fat.c builder/image/fat_read.c builder/image/fat_dir.c
// use: builder/image/fat_check.c builder/run.c
#include <string.h>
#include "builder/image/fat.h"
#include "builder/image/fat_read.h"
#include "image.h"

#define OFFSET 8192

static const char long_name[] = "a-long-name-of-a-device-tree-overlay.dtbo";

/* A FAT at OFFSET with cmdline.txt, big.bin of 100000 bytes and a folder with a long name in it. */
static const char *make(const char *name, const char *bits, const char *kib)
{
	const char *image = in_scratch(name), *part = in_scratch("part");
	_cleanup_free_ char *at = xasprintf("%s@@%d", image, OFFSET);
	_cleanup_free_ char *to = xasprintf("::overlays/%s", long_name);
	_cleanup_buf_ struct buf b = {0}, content = {0};
	struct err e = {0};

	unlink(part);
	TOOL("mkfs.vfat", "-C", "-F", bits, "-s", "1", "-n", "BOOTFS", "-i", "12ab34cd", part, kib);
	for (int i = 0; i < 10000; i++)
		buf_printf(&content, "%09d\n", i);
	if (io_write_atomic(in_scratch("big"), content.data, content.len, 0600, &e) < 0 ||
		io_write_atomic(in_scratch("small"), "console=tty1\n", 13, 0600, &e) < 0 ||
		io_read_file(part, 64 << 20, &b, &e) < 0)
		ok(false, "%s", e.msg);
	new_image(image, OFFSET);
	_cleanup_close_ int fd = open(image, O_RDWR | O_CLOEXEC);
	if (io_pwrite_full(fd, b.data, b.len, OFFSET) < 0)
		perror(image);
	TOOL("mmd", "-i", at, "::overlays");
	TOOL("mcopy", "-i", at, in_scratch("small"), "::cmdline.txt");
	TOOL("mcopy", "-i", at, in_scratch("big"), "::big.bin");
	TOOL("mcopy", "-i", at, in_scratch("small"), to);
	return image;
}

static void try_file(struct fat *f, const char *path, size_t want)
{
	_cleanup_buf_ struct buf b = {0};
	struct err e = {0};

	if (fat_read_file(f, path, &b, &e) < 0)
		ok(false, "%s: %s", path, e.msg);
	else
		ok(b.len == want, "%s has %zu bytes", path, want);
}

static void test_reading(const char *bits, const char *kib)
{
	const char *image = make(bits, bits, kib);
	_cleanup_free_ char *nested = xasprintf("overlays/%s", long_name);
	struct err e = {0};
	struct fat_info info;
	_cleanup_buf_ struct buf b = {0};
	_cleanup_fat_ struct fat *f = fat_open(image, OFFSET, 0, &e);

	if (!f) {
		ok(false, "FAT%s: %s", bits, e.msg);
		return;
	}
	fat_info(f, &info);
	ok(info.bits == (unsigned)atoi(bits), "FAT%s is FAT%u", bits, info.bits);
	ok(strcmp(info.label, "BOOTFS") == 0, "its label is %s", info.label);
	ok(info.serial == 0x12ab34cd && !info.dirty, "its serial number, and it is clean");
	ok(info.free && info.free < info.size, "%llu bytes are free", (long long)info.free);
	try_file(f, "cmdline.txt", 13);
	try_file(f, "CMDLINE.TXT", 13);
	try_file(f, "big.bin", 100000);
	try_file(f, nested, 13);
	ok(fat_read_file(f, "nothing", &b, &e) < 0, "%s", e.msg);
	ok(fat_read_file(f, "overlays", &b, &e) < 0, "%s", e.msg);
	ok(fat_read_file(f, "big.bin/x", &b, &e) < 0, "%s", e.msg);
	ok(fat_check(f, &e) == 0, "all of it is right");
	b.len = 0;
	ok(fat_read(image, OFFSET, "cmdline.txt", &b, &e) == 0 && b.len == 13, "read in one call");
}

struct damage {
	const char *what;
	off_t at;
	const char *bytes;
	size_t n;
	bool opens;
	const char *said;
};

/* Offsets in the FAT16 of 8 MiB that mkfs.vfat makes: one reserved sector, tables of 64 sectors. */
#define TABLE 512
static const struct damage damages[] = {
	{"no signature", 510, "\0\0", 2, false, "no FAT"},
	{"sectors of 3 bytes", 11, "\3\0", 2, false, "no FAT"},
	{"no tables", 16, "\0", 1, false, "no FAT"},
	{"a size of 2 TiB", 19, "\0\0\0\xf8\x40\0\1\1\0\0\0\0\0\xff\xff\xff\xff", 17, false,
		"truncated"},
	{"a table of one sector", 22, "\1\0", 2, false, "no room"},
	{"a table larger than the volume", 22, "\xff\xff", 2, false, "larger than itself"},
	{"another second table", TABLE + 64 * 512 + 9, "\1", 1, true, "differ"},
	{"an unclean end", 37, "\1", 1, true, ""},
	{"a chain that loops", TABLE + 2 * 10, "\x0a\0", 2, true, "differ"},
};

static void test_damage(const struct damage *d)
{
	const char *image = make("damaged", "16", "8192");
	_cleanup_close_ int fd = open(image, O_RDWR | O_CLOEXEC);
	struct err e = {0};
	struct fat_info info;

	if (io_pwrite_full(fd, d->bytes, d->n, OFFSET + d->at) < 0)
		perror(image);
	_cleanup_fat_ struct fat *f = fat_open(image, OFFSET, 0, &e);
	if (!d->opens) {
		ok(!f && strstr(e.msg, d->said), "%s: %s", d->what, e.msg);
		return;
	}
	if (f && !*d->said) {
		fat_info(f, &info);
		ok(info.dirty && fat_check(f, &e) == 0, "%s: is told", d->what);
		return;
	}
	ok(f && fat_check(f, &e) < 0 && strstr(e.msg, d->said), "%s: %s", d->what, e.msg);
}

/* Both tables say the same wrong thing. */
static void test_chain(const char *what, unsigned entry, unsigned value, const char *said)
{
	const char *image = make("chain", "16", "8192");
	_cleanup_close_ int fd = open(image, O_RDWR | O_CLOEXEC);
	uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
	struct err e = {0};

	for (off_t copy = 0; copy < 2; copy++) {
		if (io_pwrite_full(fd, bytes, 2, OFFSET + TABLE + copy * 64 * 512 + entry * 2) < 0)
			perror(image);
	}
	_cleanup_fat_ struct fat *f = fat_open(image, OFFSET, 0, &e);
	ok(f && fat_check(f, &e) < 0 && strstr(e.msg, said), "%s: %s", what, e.msg);
}

int main(void)
{
	struct err e;

	if (!mkdtemp(scratch))
		return 1;
	test_reading("12", "1440");
	test_reading("16", "8192");
	test_reading("32", "40000");
	for (size_t i = 0; i < ARRAY_SIZE(damages); i++)
		test_damage(&damages[i]);
	test_chain("a loop", 10, 8, "shares cluster");
	test_chain("a chain cut short", 10, 0xffff, "its size wants");
	test_chain("a chain into nowhere", 10, 0xfff0, "its size wants");
	test_chain("a cluster nobody has", 4000, 0xffff, "belong to no file");
	if (io_remove_tree(scratch, &e) < 0)
		ok(false, "%s", e.msg);
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What archives and packages may do to a card's filesystem, and what they may not. */
// use: builder/input/xz.c builder/workers.c
// use: builder/input/archive.c builder/input/deb.c builder/input/stanza.c
// use: builder/input/unpack.c builder/image/ext4.c builder/image/ext4_edit.c
// use: builder/image/sparse.c builder/run.c builder/progress.c
#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include "builder/image/sparse.h"
#include "builder/input/archive.h"
#include "builder/input/deb.h"
#include "image.h"

#define TOP "neo4j-enterprise-3.5.9"
#define DEST "/opt/neo4j-3.5.9"
#define ENTRIES 12

struct item {
	char type;               /* f d l(ink) h(ard link) c(haracter device) s(parse file) */
	const char *name, *text; /* of a link: where it points */
	mode_t mode;
	la_int64_t size; /* claimed; 0: text's own */
};

static void put_item(struct archive *a, const struct item *i)
{
	struct archive_entry *en = archive_entry_new();
	size_t n = i->type == 'f' || i->type == 's' ? strlen(i->text) : 0;

	archive_entry_set_pathname(en, i->name);
	archive_entry_set_perm(en, i->mode ? i->mode : 0644);
	archive_entry_set_filetype(en, i->type == 'd'   ? AE_IFDIR
				       : i->type == 'l' ? AE_IFLNK
				       : i->type == 'c' ? AE_IFCHR
							: AE_IFREG);
	archive_entry_set_size(en, i->size ? i->size : (la_int64_t)n);
	if (i->type == 'l')
		archive_entry_set_symlink(en, i->text);
	if (i->type == 'h')
		archive_entry_set_hardlink(en, i->text);
	if (i->type == 's')
		archive_entry_sparse_add_entry(en, 0, (la_int64_t)n);
	if (archive_write_header(a, en) != ARCHIVE_OK)
		printf("# %s: %s\n", i->name, archive_error_string(a));
	if (n)
		archive_write_data(a, i->text, n);
	archive_entry_free(en);
}

/* What is claimed but not there would be padded with zeros: the writer's space ends before. */
static void put_archive(const char *path, const struct item *items, bool pax)
{
	static char space[1 << 17];
	struct archive *a = archive_write_new();
	size_t used = 0;
	struct err e;

	setlocale(LC_CTYPE, "C.UTF-8"); /* for the writer; bramble reads in the C locale */
	if (pax)
		archive_write_set_format_pax(a);
	else
		archive_write_set_format_gnutar(a);
	archive_write_set_bytes_per_block(a, 0);
	archive_write_open_memory(a, space, sizeof(space), &used);
	for (; items->name; items++)
		put_item(a, items);
	archive_write_free(a);
	setlocale(LC_CTYPE, "C");
	if (io_write_atomic(path, space, used, 0600, &e) < 0)
		ok(false, "%s", e.msg);
}

/* A root with what a hostile archive would like to reach. */
static void make_root(const char *image)
{
	static const uint8_t uuid[16] = {1};
	struct err e = {0};

	new_image(image, 64 << 20);
	if (ext4_format(image, 0, 64 << 20, "root", uuid, &e) < 0)
		ok(false, "format: %s", e.msg);
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, 0, &e);
	if (!fs || ext4_write(fs, "/etc/shadow", "secret\n", 7, EXT4_ROOT(0600), &e) < 0 ||
		ext4_mkdir(fs, "/tmp", EXT4_ROOT(01777), &e) < 0 || ext4_close(&fs, &e) < 0)
		ok(false, "root: %s", e.msg);
}

static void copy_root(const char *image)
{
	struct err e;

	unlink(image);
	if (sparse_copy_file(in_scratch("root.img"), image, &e) < 0)
		ok(false, "copy: %s", e.msg);
}

static int unpack(const char *image, const struct item *items, bool pax, struct err *e)
{
	struct progress p = {0};
	char tar[256];

	*e = (struct err){0};
	snprintf(tar, sizeof(tar), "%s", in_scratch("x.tar"));
	put_archive(tar, items, pax);
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, 0, e);
	if (!fs)
		return -1;
	int rc = archive_unpack_below(tar, NULL, fs, DEST, &p, e);
	struct err ce; /* closed after an error too: what was written is what is looked at */
	if (ext4_close(&fs, &ce) < 0)
		ok(false, "close: %s", ce.msg);
	return rc;
}

static void file_is(const char *image, const char *path, const char *want)
{
	struct err e = {0};
	_cleanup_buf_ struct buf b = {0};
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(image, 0, &e);

	if (!fs || ext4_read(fs, path, &b, &e) < 0)
		is_str(NULL, want, "%s: %s", path, e.msg);
	else
		is_str(buf_str(&b), want, "%s holds what it should", path);
}

/* Entries below the top folder. */
#define FILE_AT(n, t)                                 \
	{                                             \
		.type = 'f', .name = TOP n, .text = t \
	}
#define FOLDER(n)                                        \
	{                                                \
		.type = 'd', .name = TOP n, .mode = 0755 \
	}
#define LINK(n, to)                                    \
	{                                              \
		.type = 'l', .name = TOP n, .text = to \
	}
#define HARD(n, to)                                    \
	{                                              \
		.type = 'h', .name = TOP n, .text = to \
	}
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

struct hostile {
	const char *name, *words;
	bool pax;
	struct item items[ENTRIES];
};

static const struct hostile hostile[] = {
	{"a path with ..", "leaves the archive", false, {FILE_AT("/../../etc/shadow", "x")}},
	{"a path with .. at its end", "leaves the archive", false, {FOLDER("/a/..")}},
	{"a hard link shorter than the top folder", "link out", false,
		{FILE_AT("/a", "x"), HARD("/b", "a")}},
	{"a hard link into another top folder", "link out", false,
		{FILE_AT("/a", "x"), HARD("/b", "neo4j-enterprise-9.9.9/a")}},
	{"a hard link to an absolute path", "link out", false,
		{FILE_AT("/a", "x"), HARD("/b", "/etc/shadow")}},
	{"a hard link that climbs", "link out", false,
		{FILE_AT("/a", "x"), HARD("/b", TOP "/../../etc/shadow")}},
	{"a hard link to a folder", "no file", false, {FOLDER("/d"), HARD("/e", TOP "/d")}},
	{"a hard link to the top", "no file", false, {FOLDER("/d"), HARD("/e", TOP "/")}},
	{"a hard link to nothing", "no file", false, {HARD("/e", TOP "/d")}},
	{"a hard link to itself", "no file", false, {FILE_AT("/a", "x"), HARD("/a", TOP "/a")}},
	{"a link out", "link out", false, {LINK("/e", "../../etc")}},
	{"an absolute link", "link out", false, {LINK("/e", "/etc")}},
	{"a link out behind a double slash", "link out", false, {LINK("/a//e", "../../../etc")}},
	{"a link out behind a dot", "link out", false, {LINK("/a/./e", "../../../etc")}},
	{"a link that climbs through a link", "link out", false,
		{FOLDER("/p/q/r"), LINK("/p/q/r/up", "../../.."),
			LINK("/e", "p/q/r/up/../../../etc"), FILE_AT("/e/shadow", "x")}},
	{"a link that climbs behind a name", "link out", false,
		{FOLDER("/a"), LINK("/a/x", ".."), LINK("/a/b", "x/..")}},
	{"an entry behind a link", "behind a link", false,
		{FOLDER("/d"), LINK("/e", "d"), FILE_AT("/e/x", "x")}},
	{"a folder over a link", "behind a link", false,
		{FOLDER("/d"), LINK("/e", "d"), FOLDER("/e")}},
	{"a hard link to something behind a link", "behind a link", false,
		{FOLDER("/d"), FILE_AT("/d/f", "x"), LINK("/e", "d"), HARD("/x", TOP "/e/f")}},
	{"an empty link", "link to nothing", false, {LINK("/e", "")}},
	{"a device", "neither file", false, {{.type = 'c', .name = TOP "/dev"}}},
	{"a second top folder", "is not below", false,
		{FILE_AT("/a", "x"), {.type = 'f', .name = "etc/shadow", .text = "x"}}},
	{"a newline in a name", "control", false, {FILE_AT("/a\nb", "x")}},
	{"an escape in a name", "control", false, {FILE_AT("/a\033[2J", "x")}},
	{"a newline in a link", "control", false, {LINK("/a", "b\nc")}},
	{"a name of 256 bytes", "too long", false,
		{FILE_AT("/" FIFTY FIFTY FIFTY FIFTY FIFTY "123456", "x")}},
	{"more than there is room for", "finds no room", false,
		{{.type = 'f', .name = TOP "/a", .text = "x", .size = INT64_C(1) << 32}}},
	{"a sparse bomb", "finds no room", true,
		{{.type = 's', .name = TOP "/a", .text = "x", .size = INT64_C(1) << 50}}},
	{"a file with a hole at its end", "sparse", true,
		{{.type = 's', .name = TOP "/a", .text = "x", .size = 1 << 20}}},
	{"a file over a folder", "exists", false, {FOLDER("/a/b"), FILE_AT("/a", "x")}},
	{"a folder over a file", "exists", false, {FILE_AT("/a", "x"), FOLDER("/a")}},
	{"a path through a file", "behind a link or file", false,
		{FILE_AT("/a", "x"), FILE_AT("/a/b", "x")}},
	{"the top folder as a file", "", false, {FILE_AT("", "x")}},
};

static void test_hostile(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
		const struct hostile *h = &hostile[i];
		char image[256];
		struct err e;
		snprintf(image, sizeof(image), "%s", in_scratch("x.img"));
		copy_root(image);
		int rc = unpack(image, h->items, h->pax, &e);
		ok(rc < 0 && e.code == EXIT_INPUT && strstr(e.msg, h->words),
			"%s is refused (%d, code %d): %s", h->name, rc, e.code, e.msg);
		ok(!strchr(e.msg, '\n') && !strchr(e.msg, '\033'), "in one plain line");
		file_is(image, "/etc/shadow", "secret\n");
	}
}

static void mode_is(const char *image, const char *path, const char *want)
{
	struct err e = {0};
	_cleanup_buf_ struct buf out = {0};
	_cleanup_free_ char *stat = xasprintf("stat %s", path);
	const char *const argv[] = {"debugfs", "-R", stat, image, NULL};

	if (run_tool(argv, NULL, &out, 0, &e) < 0)
		ok(false, "%s", e.msg);
	const char *mode = strstr(buf_str(&out), "Mode:"), *user = strstr(buf_str(&out), "User:");
	_cleanup_free_ char *got =
		mode && user ? xasprintf("%04lo %d", strtoul(mode + 5, NULL, 8), atoi(user + 5))
			     : NULL;
	is_str(got, want, "mode and owner of %s", path);
}

/* Names in UTF-8 too, which pax stores in its own way. */
static const struct item good[] = {
	FOLDER(""),
	{.type = 'd', .name = TOP "/lib/", .mode = 0700},
	FILE_AT("/./lib//a.jar", "jar"),
	{.type = 'f', .name = TOP "/bin/run", .text = "run", .mode = 06775},
	{.type = 'f', .name = TOP "/private", .text = "p", .mode = 0600},
	LINK("/lib/up", "../bin/run"),
	LINK("/lib/top", ".."),
	LINK("/over", "private"),
	FILE_AT("/over", "no link any more"),
	HARD("/lib/b.jar", "./" TOP "/lib/a.jar"),
	FILE_AT("/gr\u00fc\u00dfe", "utf-8"),
	FILE_AT("/" FIFTY FIFTY FIFTY FIFTY FIFTY "12345", "long"),
	FILE_AT("/dots..", "dots"),
	{0},
};

static void test_good(void)
{
	struct err e;
	char image[256];

	snprintf(image, sizeof(image), "%s", in_scratch("x.img"));
	for (int pax = 0; pax < 2; pax++) {
		copy_root(image);
		is_int(unpack(image, good, pax, &e), 0, "an honest archive: %s", e.msg);
		file_is(image, DEST "/lib/b.jar", "jar");
		file_is(image, DEST "/lib/up", "run");
		file_is(image, DEST "/over", "no link any more");
		file_is(image, DEST "/private", "p");
		file_is(image, DEST "/gr\u00fc\u00dfe", "utf-8");
		file_is(image, DEST "/dots..", "dots");
		file_is(image, DEST "/" FIFTY FIFTY FIFTY FIFTY FIFTY "12345", "long");
		mode_is(image, DEST "/lib", "0755 0");
		mode_is(image, DEST "/bin/run", "0755 0");
		mode_is(image, DEST "/private", "0644 0");
		ok(is_clean(image), "the filesystem is clean");
	}
}

/* A .deb as dpkg-deb makes one: an ar of two tars. */
static void put_deb(const char *path, const struct item *control, const struct item *data)
{
	static const char *const members[] = {"control.tar", "data.tar"};
	const struct item *parts[] = {control, data};
	struct archive *a = archive_write_new();

	archive_write_set_format_ar_svr4(a);
	archive_write_open_filename(a, path);
	put_item(a, &(struct item){.type = 'f', .name = "debian-binary", .text = "2.0\n"});
	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		_cleanup_buf_ struct buf b = {0};
		struct archive_entry *en = archive_entry_new();
		struct err e;
		put_archive(in_scratch("member"), parts[i], false);
		if (io_read_file(in_scratch("member"), 1 << 20, &b, &e) < 0)
			ok(false, "%s", e.msg);
		archive_entry_set_pathname(en, members[i]);
		archive_entry_set_filetype(en, AE_IFREG);
		archive_entry_set_size(en, (la_int64_t)b.len);
		archive_write_header(a, en);
		archive_write_data(a, b.data, b.len);
		archive_entry_free(en);
	}
	archive_write_free(a);
}

#define CONTROL "Package: p\nVersion: 1\nArchitecture: amd64\nDescription: d\n"

static int install(const char *control, const struct item *data, struct deb *d, struct err *e)
{
	const struct item part[] = {{.type = 'f', .name = "./control", .text = control}, {0}};
	char deb[256];

	*e = (struct err){0};
	snprintf(deb, sizeof(deb), "%s", in_scratch("p.deb"));
	copy_root(in_scratch("x.img"));
	put_deb(deb, part, data);
	if (deb_read_control(deb, d, e) < 0)
		return -1;
	_cleanup_ext4_ struct ext4 *fs = ext4_open(in_scratch("x.img"), 0, e);
	if (!fs || deb_unpack(d, fs, e) < 0)
		return -1;
	return ext4_close(&fs, e);
}

static void test_package(void)
{
	static const struct item data[] = {{.type = 'd', .name = "./"},
		{.type = 'd', .name = "./tmp/", .mode = 0755},
		{.type = 'f', .name = "./usr/bin/p", .text = "p", .mode = 04755},
		{.type = 'l', .name = "./usr/bin/q", .text = "/etc/alternatives/q"},
		{.type = 'h', .name = "./usr/bin/r", .text = "./usr/bin/p"}, {0}};
	_cleanup_deb_ struct deb d = {0};
	struct err e;

	is_int(install(CONTROL, data, &d, &e), 0, "a package: %s", e.msg);
	is_str(buf_str(&d.list), "/.\n/tmp\n/usr/bin/p\n/usr/bin/q\n/usr/bin/r\n", "its list");
	file_is(in_scratch("x.img"), "/usr/bin/r", "p");
	mode_is(in_scratch("x.img"), "/usr/bin/p", "4755 0");
	mode_is(in_scratch("x.img"), "/tmp", "1777 0");
	ok(is_clean(in_scratch("x.img")), "the filesystem is clean");
}

struct bad_package {
	const char *name, *words, *control;
	struct item data[ENTRIES];
};

static const struct bad_package bad_packages[] = {
	{"a file of another package", "another package", CONTROL,
		{{.type = 'f', .name = "./etc/shadow", .text = "x"}}},
	{"a link over a file", "another package", CONTROL,
		{{.type = 'l', .name = "./etc/shadow", .text = "/tmp/x"}}},
	{"a hard link over a file", "another package", CONTROL,
		{{.type = 'f', .name = "./a", .text = "x"},
			{.type = 'h', .name = "./etc/shadow", .text = "./a"}}},
	{"a newline in a name", "control", CONTROL,
		{{.type = 'f', .name = "./a\n/etc/shadow", .text = "x"}}},
	{"a device", "neither", CONTROL, {{.type = 'c', .name = "./dev/sda"}}},
	{"a path out", "leaves", CONTROL, {{.type = 'f', .name = "../x", .text = "x"}}},
	{"no package name", "names no package", "Version: 1\nArchitecture: amd64\n", {{0}}},
	{"a package name that is a path", "names no package",
		"Package: ../../etc/x\nVersion: 1\nArchitecture: amd64\n", {{0}}},
	{"an architecture that is a path", "names no package",
		"Package: p\nVersion: 1\nArchitecture: ../../../etc/x\n", {{0}}},
	{"a second stanza", "one stanza", CONTROL "\nPackage: base-files\nStatus: deinstall ok\n",
		{{0}}},
	{"a status of its own", "one stanza", CONTROL "Status: deinstall ok\n", {{0}}},
};

static void test_bad_packages(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_packages); i++) {
		const struct bad_package *b = &bad_packages[i];
		_cleanup_deb_ struct deb d = {0};
		struct err e;
		int rc = install(b->control, b->data, &d, &e);
		ok(rc < 0 && e.code == EXIT_INPUT && strstr(e.msg, b->words),
			"a package with %s is refused (%d): %s", b->name, rc, e.msg);
	}
}

/* What a stage is given in place of the archive. */
static void test_decode(void)
{
	_cleanup_buf_ struct buf back = {0};
	_cleanup_free_ char *in = xasprintf("%s/d.gz", scratch), *out = xasprintf("%s/d", scratch);
	static const uint8_t gz[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xcb, 0x48, 0xcd, 0xc9,
		0xc9, 7, 0, 0x86, 0xa6, 0x10, 0x36, 5, 0, 0, 0};
	struct err e = {0};

	ok(io_write_atomic(in, gz, sizeof(gz), 0600, &e) == 0, "a .gz of \"hello\"");
	ok(archive_decode(in, out, 4, &e) < 0 && e.code == EXIT_INPUT,
		"decode: more than it may be");
	unlink(out);
	ok(archive_decode(in, out, 5, &e) == 0 && io_read_file(out, 10, &back, &e) == 0,
		"decode: as much");
	is_str(buf_str(&back), "hello", "decode: what is in it");
	ok(archive_decode(in, out, 5, &e) < 0, "decode: never over a file");
	unlink(out);
	ok(io_write_atomic(in, gz, sizeof(gz) - 9, 0600, &e) == 0 &&
			archive_decode(in, out, 5, &e) < 0 && e.code == EXIT_INPUT,
		"decode: half of it");
	unlink(out);
	ok(io_write_atomic(in, "plain", 5, 0600, &e) == 0 && archive_decode(in, out, 5, &e) < 0 &&
			e.code == EXIT_INPUT,
		"decode: nothing to decode");
	unlink(out);
	unlink(in);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(scratch))
		return 1;
	make_root(in_scratch("root.img"));
	test_hostile();
	test_good();
	test_package();
	test_bad_packages();
	test_decode();
	struct err e;
	if (io_remove_tree(scratch, &e) < 0)
		return 1;
	return done();
}

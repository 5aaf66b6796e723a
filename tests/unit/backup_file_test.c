/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup on the PC: written, read again, and what is refused of those that only look like one. */
// use: builder/input/xz.c builder/workers.c
// use: builder/backup/about.c builder/backup/backup_read.c builder/backup/backup_write.c
// use: builder/input/archive.c builder/input/unpack.c builder/image/ext4.c
// use: builder/image/ext4_edit.c builder/image/sparse.c builder/progress.c builder/run.c
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "builder/backup/about.h"
#include "builder/backup/backup_file.h"
#include "builder/cmd.h"
#include "io.h"
#include "tap.h"

volatile int interrupted;

int check_interrupted(struct err *e)
{
	(void)e;
	return 0;
}

static char dir[] = "/tmp/backup-test-XXXXXX";

/* neostore as Neo4j 3.5 leaves it: created, random, log version, last transaction. */
static const char neostore[] = "\1\0\0\1\xa2\x21\1\x13\x7d"
			       "\1\3\x78\x5d\x44\x67\x77\xd5\x1c"
			       "\1\0\0\0\0\0\0\0\2"
			       "\1\0\0\0\0\0\0\0\x2e";

static void make_pack(struct buf *b)
{
	struct pack p;

	b->len = 0;
	pack_begin(&p, b);
	pack_file(&p, "neostore", 0644, sizeof(neostore) - 1, b);
	pack_data(&p, neostore, sizeof(neostore) - 1, b);
	pack_dir(&p, "schema", 0755, b);
	pack_file(&p, "schema/a", 0600, 100000, b);
	for (int i = 0; i < 100; i++) {
		char piece[1000];
		memset(piece, i, sizeof(piece));
		pack_data(&p, piece, sizeof(piece), b);
	}
	pack_end(&p, NULL, b);
}

static char *name_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static size_t files_here(void)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	for (const struct dirent *x; d && (x = readdir(d));)
		n += x->d_name[0] != '.';
	closedir(d);
	return n;
}

/* size: how much of the pack comes. */
static int write_backup(const char *path, const struct buf *pack, size_t size, struct err *e)
{
	_cleanup_(backup_writer_cleanup) struct backup_writer *w = backup_create(path, e);
	struct backup_about about = {.cluster = "garden",
		.node = "pi2",
		.neo4j = "3.5.0",
		.taken = "2026-11-28T07:14:28Z",
		.id = "00112233445566778899aabbccddeeff"};

	if (!w || backup_take(w, pack->data, size, e) < 0)
		return -1;
	return backup_finish(w, &about, e);
}

static void test_round_trip(const char *path, const struct buf *pack)
{
	_cleanup_(backup_reader_cleanup) struct backup_reader *r = NULL;
	_cleanup_buf_ struct buf out = {0};
	struct backup_about about;
	struct stat st;
	struct err e;
	int more = 1;

	is_int(write_backup(path, pack, pack->len, &e), 0, "written");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "for its owner only");
	is_int((long long)files_here(), 1, "and nothing beside it");
	is_int(backup_check(path, &about, &e), 0, "it is whole");
	is_str(about.cluster, "garden", "its cluster");
	is_int((long long)about.store.last_tx, 46, "its last transaction");
	r = backup_open(path, &e);
	while (r && more > 0)
		more = backup_next(r, &out, &e);
	ok(more == 0 && out.len == pack->len && memcmp(out.data, pack->data, out.len) == 0,
		"the pack comes out as it went in");
}

static void test_unfinished(const struct buf *pack)
{
	_cleanup_free_ char *path = name_of("unfinished");
	_cleanup_buf_ struct buf failed = {0};
	struct pack p;
	struct err e;

	is_int(write_backup(path, pack, pack->len - 1, &e), -1, "a store that came in part: none");
	pack_begin(&p, &failed);
	pack_fail("the card is gone", &failed);
	is_int(write_backup(path, &failed, failed.len, &e), -1, "nor one that could not be read");
	_cleanup_free_ char *want = xasprintf("%s: the card is gone", path);
	is_str(e.msg, want, "which is told");
	is_int((long long)files_here(), 1, "nothing of them is left");
	is_int(write_backup("/nonexistent/x", pack, pack->len, &e), -1, "no folder to write to");
}

/* Of a file that was to be large, as when Ctrl-C comes: what it lacks is not written first. */
static void test_given_up(void)
{
	_cleanup_free_ char *path = name_of("given-up");
	_cleanup_buf_ struct buf large = {0};
	struct pack p;
	struct err e;

	pack_begin(&p, &large);
	pack_file(&p, "neostore", 0644, 1ULL << 40, &large);
	pack_data(&p, neostore, sizeof(neostore) - 1, &large);
	alarm(20);
	is_int(write_backup(path, &large, large.len, &e), -1, "a file that ends in its midst");
	ok(alarm(0) > 0, "is given up at once");
	is_int((long long)files_here(), 1, "nothing of it is left");
}

/* What no file can take the place of is refused before anybody works for it. */
static void test_targets(void)
{
	static const struct {
		const char *path, *why;
	} bad[] = {
		{dir, "is a directory; a backup is a file"},
		{"/dev/null", "is no regular file; a backup is a file"},
	};
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(backup_writer_cleanup) struct backup_writer *w =
			backup_create(bad[i].path, &e);
		_cleanup_free_ char *want = xasprintf("%s: %s", bad[i].path, bad[i].why);
		ok(!w, "no backup is begun at %s", bad[i].path);
		is_str(e.msg, want, "and why");
		is_int(e.code, EXIT_USAGE, "it is the command line that is wrong");
	}
	is_int((long long)files_here(), 1, "nothing of them is left");
}

/* A limit of the file's size stands for a full disk: both end a write with a cause. */
static void test_full(void)
{
	static char noise[200000];
	struct rlimit before, small = {.rlim_cur = 8192};
	_cleanup_free_ char *path = name_of("full");
	_cleanup_free_ char *want = xasprintf("%s: File too large", path);
	_cleanup_buf_ struct buf large = {0};
	struct pack p;
	struct err e = {0};

	randombytes_buf(noise, sizeof(noise));
	pack_begin(&p, &large);
	pack_file(&p, "neostore", 0644, sizeof(noise), &large);
	pack_data(&p, noise, sizeof(noise), &large);
	pack_end(&p, NULL, &large);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	int rc = write_backup(path, &large, large.len, &e);
	setrlimit(RLIMIT_FSIZE, &before);
	is_int(rc, -1, "there is no room for it");
	is_str(e.msg, want, "the file is named once, and the cause");
	is_int((long long)files_here(), 1, "nothing of it is left");
}

static void test_unreadable(void)
{
	static const char *const bad[][2] = {
		{"/nonexistent.bak", "/nonexistent.bak: No such file or directory"},
		{dir, NULL},
	};
	_cleanup_free_ char *want = xasprintf("%s: Is a directory", dir);
	struct backup_about about;
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		is_int(backup_check(bad[i][0], &about, &e), -1, "nothing to restore");
		is_str(e.msg, bad[i][1] ? bad[i][1] : want, "because");
		is_int(e.code, EXIT_INPUT, "as a bad input");
	}
}

/* Each cut is refused: at the end it is only the padding of the compressor that may go. */
static void test_cuts(const char *path)
{
	_cleanup_free_ char *cut = name_of("cut");
	_cleanup_buf_ struct buf all = {0};
	struct backup_about about;
	size_t taken = 0;
	struct err e;

	is_int(io_read_file(path, 1 << 20, &all, &e), 0, "read");
	for (size_t n = 0; n + 64 < all.len; n += 1 + all.len / 50) {
		if (io_write_atomic(cut, all.data, n, 0600, &e) < 0)
			break;
		taken += backup_check(cut, &about, &e) == 0;
	}
	is_int((long long)taken, 0, "no cut one is taken for whole");
	unlink(cut);
}

struct fake {
	const char *what, *name;
	mode_t type;
	const char *link;
};

static void put(
	struct archive *a, const char *name, mode_t type, const char *link, const char *text)
{
	struct archive_entry *en = archive_entry_new();
	size_t n = text ? strlen(text) : 0;

	archive_entry_set_pathname(en, name);
	archive_entry_set_filetype(en, type);
	archive_entry_set_perm(en, 0644);
	archive_entry_set_size(en, (la_int64_t)n);
	if (link && type == AE_IFLNK)
		archive_entry_set_symlink(en, link);
	else if (link)
		archive_entry_set_hardlink(en, link);
	archive_write_header(a, en);
	if (n)
		archive_write_data(a, text, n);
	archive_entry_free(en);
}

/* Another store's last word: its digest is not this one's. */
static const char other[] =
	"{\"format\": 1, \"cluster\": \"c\", \"id\": \"i\", \"node\": \"n\", \"neo4j\": \"3.5.0\", "
	"\"taken\": \"t\", \"store\": \"00000000000000000000000000000000\", \"last_tx\": 1, "
	"\"files\": 1, \"bytes\": 1, \"sha256\": "
	"\"0000000000000000000000000000000000000000000000000000000000000000\"}";

static void test_fakes(void)
{
	static const struct fake fakes[] = {
		{"another name", "etc/passwd", AE_IFREG, NULL},
		{"a name that leads out", "store/../../x", AE_IFREG, NULL},
		{"an absolute one", "/store/x", AE_IFREG, NULL},
		{"a link", "store/x", AE_IFLNK, "/etc/passwd"},
		{"a hard link", "store/y", AE_IFREG, "store/a"},
		{"a device", "store/x", AE_IFCHR, NULL},
		{"a FIFO", "store/x", AE_IFIFO, NULL},
		{"another digest", NULL, AE_IFREG, NULL},
	};
	_cleanup_free_ char *path = name_of("fake");
	struct backup_about about;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(fakes); i++) {
		const struct fake *f = &fakes[i];
		struct archive *a = archive_write_new();
		archive_write_set_format_pax_restricted(a);
		archive_write_open_filename(a, path);
		put(a, "store/a", AE_IFREG, NULL, "x");
		if (f->name)
			put(a, f->name, f->type, f->link, NULL);
		put(a, ABOUT_ENTRY, AE_IFREG, NULL, other);
		archive_write_free(a);
		is_int(backup_check(path, &about, &e), -1, "%s is refused", f->what);
		is_int(e.code, EXIT_INPUT, "as a bad input: %s", e.msg);
	}
	unlink(path);
}

int main(void)
{
	_cleanup_buf_ struct buf pack = {0};

	if (sodium_init() < 0 || !mkdtemp(dir))
		return 1;
	_cleanup_free_ char *path = name_of("whole");
	make_pack(&pack);
	test_round_trip(path, &pack);
	test_unfinished(&pack);
	test_given_up();
	test_targets();
	test_full();
	test_unreadable();
	test_cuts(path);
	test_fakes();
	unlink(path);
	rmdir(dir);
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How far a store goes, by its transaction log: logs of real Neo4js that were killed, and what else
 * a log may be when the power has gone.
 */
// use: node-agent/tx_log.c
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "buf.h"
#include "io.h"
#include "node-agent/tx_log.h"
#include "tap.h"
#include "util.h"

#define CORPUS "tests/fuzz/corpus/tx_log/"

static const uint8_t strange[16] = {0xff};
static char dir[] = "/tmp/bramble-tx-log-test.XXXXXX";

static char *path_of(unsigned number)
{
	return xasprintf("%s/neostore.transaction.db.%u", dir, number);
}

static void put(unsigned number, const void *p, size_t n)
{
	_cleanup_free_ char *path = path_of(number);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || io_write_full(fd, p, n) < 0)
		ok(false, "%s is written", path);
}

static void put_buf(unsigned number, const struct buf *b)
{
	put(number, buf_str(b), b->len);
}

static void remove_logs(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		_cleanup_free_ char *path = path_of(i);
		(void)unlink(path);
	}
}

static void header(struct buf *b, uint8_t before)
{
	const uint8_t head[16] = {6, [15] = before};

	buf_add(b, head, sizeof(head));
}

static void commit(struct buf *b, uint8_t number)
{
	const uint8_t entry[18] = {0xf6, 5, [9] = number, [14] = 0x1};

	buf_add(b, entry, sizeof(entry));
}

/* A start and a command, which no commit is. */
static void begin(struct buf *b, size_t n)
{
	const uint8_t start[2] = {0xf6, 1};

	buf_add(b, start, sizeof(start));
	for (size_t i = 0; i < n; i++)
		buf_add(b, "\1", 1);
}

static long long last(void)
{
	struct tx_log l = {0};
	struct err e = {0};

	if (tx_log_read(dir, &l, &e) == 0)
		return (long long)l.last;
	printf("# %s\n", e.msg);
	return -1;
}

/* Five writes and a kill; Neo4j's LastCommittedTxId was 9. */
static void test_real(void)
{
	static const char *const versions[] = {"2.3.1", "3.1.4", "3.4.10", "3.5.0"};
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		_cleanup_free_ char *path = xasprintf(CORPUS "%s", versions[i]);
		_cleanup_buf_ struct buf b = {0};
		is_int(io_read_file(path, 1 << 20, &b, &e), 0, "a log of %s", versions[i]);
		put_buf(0, &b);
		is_int(last(), 9, "goes to what that told");
		b.len -= 1;
		put_buf(0, &b);
		is_int(last(), 8, "with its last commit torn to the one before");
	}
	remove_logs(1);
}

static void test_torn(void)
{
	_cleanup_buf_ struct buf b = {0};

	header(&b, 40);
	put_buf(0, &b);
	is_int(last(), 40, "a file without a commit: what was before it");
	begin(&b, 100);
	commit(&b, 41);
	begin(&b, 100);
	commit(&b, 42);
	put_buf(0, &b);
	is_int(last(), 42, "a commit where it ends");
	begin(&b, 100);
	put_buf(0, &b);
	is_int(last(), 42, "a transaction that was torn");
	begin(&b, 2 * TX_LOG_TAIL);
	put_buf(0, &b);
	is_int(last(), 42, "and a long one");
	buf_add(&b, (uint8_t[64]){0}, 64);
	commit(&b, 43);
	buf_add(&b, (uint8_t[64]){0}, 64);
	put_buf(0, &b);
	is_int(last(), 43, "zeros behind what was written");
	remove_logs(1);
}

static void test_what_is_none(void)
{
	const struct tx_range range = {.above = 40, .most = 50};
	_cleanup_buf_ struct buf b = {0};
	uint8_t *p;

	commit(&b, 41);
	p = (uint8_t *)buf_str(&b);
	is_int((long long)tx_log_scan(p, 18, true, &range), 41, "a commit");
	is_int((long long)tx_log_scan(p, 18, false, &range), 0, "not where more follows");
	is_int((long long)tx_log_scan(p, 17, true, &range), 0, "nor half of one");
	p[9] = 40;
	is_int((long long)tx_log_scan(p, 18, true, &range), 0, "one from before");
	p[9] = 51;
	is_int((long long)tx_log_scan(p, 18, true, &range), 0, "more than fit into the file");
	p[9] = 41;
	p[10] = 1;
	is_int((long long)tx_log_scan(p, 18, true, &range), 0, "at no time");
	p[10] = 0;
	p[1] = 3;
	is_int((long long)tx_log_scan(p, 18, true, &range), 0, "a command");
	p[1] = 5;
	p[0] = 1;
	is_int((long long)tx_log_scan(p, 18, true, &range), 0, "of no version");
	p[0] = 0xf6;
	buf_add(&b, "x", 1);
	p = (uint8_t *)buf_str(&b);
	is_int((long long)tx_log_scan(p, 19, true, &range), 0, "with something else behind it");
}

static bool ends(const struct buf *b, uint64_t last)
{
	return tx_log_ends((const uint8_t *)buf_str(b), b->len, last);
}

/* Does it tell exactly? */
static void test_ends(void)
{
	const uint8_t checkpoint[18] = {0xf6, 7, [17] = 99};
	_cleanup_buf_ struct buf b = {0};
	struct tx_log l = {0};
	struct err e;

	header(&b, 40);
	put_buf(0, &b);
	ok(tx_log_read(dir, &l, &e) == 0 && !l.exact, "a file without a commit tells no number");
	begin(&b, 100);
	commit(&b, 41);
	ok(ends(&b, 41), "a log that ends with its last commit");
	put_buf(0, &b);
	ok(tx_log_read(dir, &l, &e) == 0 && l.last == 41 && l.exact, "is read so");
	buf_add(&b, checkpoint, sizeof(checkpoint));
	buf_add(&b, checkpoint, sizeof(checkpoint));
	ok(ends(&b, 41), "with checkpoints behind it");
	buf_add(&b, (uint8_t[100]){0}, 100);
	ok(ends(&b, 41), "and zeros");
	ok(!ends(&b, 40), "not with another one");
	buf_add(&b, "x", 1);
	ok(!ends(&b, 41), "and nothing else");
	put_buf(0, &b);
	ok(tx_log_read(dir, &l, &e) == 0 && l.last == 41 && !l.exact, "and is read so");
	b.len = 16;
	begin(&b, 100);
	commit(&b, 42); /* a property */
	commit(&b, 41);
	ok(!ends(&b, 42), "nothing that looks like a commit inside a transaction");
	put_buf(0, &b);
	ok(tx_log_read(dir, &l, &e) == 0 && l.last == 42 && !l.exact,
		"which still counts as a bound");
	remove_logs(1);
}

/* A commit across each border of the blocks that are read. */
static void test_blocks(void)
{
	unsigned wrong = 0;

	for (size_t before = 16300; before < 16400; before++) {
		_cleanup_buf_ struct buf b = {0};
		header(&b, 40);
		begin(&b, before);
		commit(&b, 41);
		begin(&b, 40000);
		put_buf(0, &b);
		wrong += last() != 41;
	}
	is_int(wrong, 0, "a commit is found wherever it is");
	remove_logs(1);
}

static void test_files(void)
{
	_cleanup_buf_ struct buf old = {0}, new = {0};

	is_int(last(), 0, "no log");
	header(&old, 40);
	commit(&old, 41);
	commit(&old, 42);
	header(&new, 41); /* while 42 was under way */
	put_buf(9, &old);
	put_buf(10, &new);
	is_int(last(), 42, "an empty file: the one before it");
	put(10, "\6", 1);
	is_int(last(), 42, "one that was only being begun, too");
	begin(&new, 10);
	commit(&new, 43);
	put_buf(10, &new);
	is_int(last(), 43, "the one with the highest number");
	remove_logs(10);
	is_int(last(), 43, "of those that are left");
	new.len = 16;
	put_buf(10, &new);
	is_int(last(), 41, "an empty one alone: what was before it");
	put(10, strange, sizeof(strange));
	is_int(last(), -1, "of another Neo4j nobody knows");
	_cleanup_free_ char *fifo = path_of(11);
	ok(mkfifo(fifo, 0600) == 0 && last() == -1, "what would make it wait");
	(void)unlink(fifo);
	ok(mkdir(fifo, 0700) == 0 && last() == -1, "a folder");
	(void)rmdir(fifo);
	remove_logs(11);
}

static void test_again(void)
{
	struct tx_log l = {0};
	_cleanup_buf_ struct buf b = {0};
	struct err e;

	header(&b, 40);
	put_buf(0, &b);
	ok(tx_log_read(dir, &l, &e) == 0 && l.last == 40, "it is read");
	l.last = 7;
	ok(tx_log_read(dir, &l, &e) == 0 && l.last == 7, "not again while nothing changes");
	commit(&b, 41);
	put_buf(0, &b);
	ok(tx_log_read(dir, &l, &e) == 0 && l.last == 41, "then again");
	put(0, strange, sizeof(strange));
	ok(tx_log_read(dir, &l, &e) < 0 && tx_log_read(dir, &l, &e) < 0,
		"an error is none the second time: %s", e.msg);
	remove_logs(1);
	ok(tx_log_read(dir, &l, &e) == 0 && l.last == 0, "gone: empty");
}

static void test_giant(void)
{
	_cleanup_buf_ struct buf b = {0};
	_cleanup_free_ char *path = path_of(0);

	header(&b, 40);
	commit(&b, 41);
	put_buf(0, &b);
	ok(truncate(path, (off_t)TX_LOG_MOST * 4) == 0, "zeros beyond what is searched");
	struct tx_log l = {0};
	struct err e;
	ok(tx_log_read(dir, &l, &e) < 0 && l.unclear, "nobody can tell: %s", e.msg);
	ok(tx_log_read(dir, &l, &e) < 0 && strstr(e.msg, "as it was"),
		"nor again, without a search: %s", e.msg);
	put_buf(0, &b);
	ok(tx_log_read(dir, &l, &e) == 0 && !l.unclear && l.last == 41, "until it is another one");
	remove_logs(1);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	test_real();
	test_torn();
	test_what_is_none();
	test_ends();
	test_blocks();
	test_files();
	test_again();
	test_giant();
	(void)rmdir(dir);
	return done();
}

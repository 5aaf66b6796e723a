/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Neo4j's log: the line that says that it has given up, whole or in pieces, rotated, or forged. */
// use: node-agent/health/store_log.c
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "io.h"
#include "node-agent/health/store_log.h"
#include "tap.h"
#include "util.h"

#define TIME "2026-11-28 08:00:00.000+0000 "
#define PANIC TIME "ERROR [o.n.k.i.DatabaseHealth] Database panic: The database has encountered"
#define PANIC_2 TIME "ERROR [o.n.k.KernelHealth] setting TM not OK. Kernel has encountered some"
#define FINE TIME "INFO [o.n.k.i.DiagnosticsManager] --- STARTED ---"

static char dir[] = "/tmp/bramble-store-log-XXXXXX";
static int fd;

static void put(const char *path, const char *text, int flags)
{
	_cleanup_free_ char *whole = xasprintf("%s/%s", dir, path);
	_cleanup_close_ int to = open(whole, O_WRONLY | O_CREAT | flags, 0644);

	ok(to >= 0 && io_write_full(to, text, strlen(text)) == 0, "%s is written", path);
}

static bool tells(const char *text)
{
	return store_log_tells_panic(text, strlen(text));
}

static void test_lines(void)
{
	ok(tells(PANIC), "3.5 says so");
	ok(tells(PANIC_2), "2.3 too");
	ok(tells(FINE "\n" PANIC "\n" FINE "\n"), "among others");
	ok(!tells(FINE "\n"), "others do not");
	ok(!tells(""), "nothing does not");
	ok(!tells(TIME "INFO [o.n.k.i.p.Procedures] a client sent: CREATE (n {text: '" PANIC "'})"),
		"what a client wrote is no such line");
	ok(!tells("ERROR [o.n.k.i.DatabaseHealth] Database"), "nor half of one");
}

static void test_following(void)
{
	static const char log[] = "neo4j/logs/debug.log";
	struct store_log l = {0};

	ok(!store_log_follow(&l, fd, false), "there is no log yet");
	put(log, PANIC "\n", O_TRUNC);
	ok(!store_log_follow(&l, fd, true), "what was before is passed over");
	ok(!store_log_follow(&l, fd, false), "for good");
	put(log, FINE "\n" TIME "ERROR [o.n.k.i.Databa", O_APPEND);
	ok(!store_log_follow(&l, fd, false), "half a line");
	put(log, "seHealth] Database panic: x\n", O_APPEND);
	ok(store_log_follow(&l, fd, false), "and the other half");
	ok(!store_log_follow(&l, fd, false), "is told once");
	put(log, FINE "\n", O_TRUNC);
	ok(!store_log_follow(&l, fd, false), "it was cut: from its beginning");
	_cleanup_free_ char *from = xasprintf("%s/%s", dir, log), *to = xasprintf("%s.1", from);
	ok(rename(from, to) == 0, "it is rotated");
	put(log, PANIC "\n", O_TRUNC);
	ok(store_log_follow(&l, fd, false), "the new one counts from its beginning");
}

static void test_flood(void)
{
	_cleanup_buf_ struct buf flood = {0};
	struct store_log l = {0};

	store_log_follow(&l, fd, true);
	while (flood.len < 3 * STORE_LOG_MOST)
		buf_puts(&flood, FINE "\n");
	buf_puts(&flood, PANIC "\n");
	put("neo4j/logs/debug.log", buf_str(&flood), O_APPEND);
	ok(store_log_follow(&l, fd, false), "of a flood the end is read");
	flood.len = 0;
	while (flood.len < 2 * STORE_LOG_MOST)
		buf_puts(&flood, "x");
	put("neo4j/logs/debug.log", buf_str(&flood), O_APPEND);
	ok(!store_log_follow(&l, fd, false), "a line without an end");
	put("neo4j/logs/debug.log", "\n" PANIC "\n", O_APPEND);
	ok(store_log_follow(&l, fd, false), "does not hide what comes behind it");
}

int main(void)
{
	_cleanup_free_ char *a = NULL, *b = NULL, *rm = NULL;

	ok(mkdtemp(dir) != NULL, "a folder");
	a = xasprintf("%s/neo4j", dir);
	b = xasprintf("%s/neo4j/logs", dir);
	ok(mkdir(a, 0755) == 0 && mkdir(b, 0755) == 0, "of Neo4j's");
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	test_lines();
	test_following();
	test_flood();
	rm = xasprintf("rm -r %s", dir);
	ok(system(rm) == 0, "no folder is left");
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of a store before Neo4j starts, done once, twice, and again after a power cut. */
// use: node-agent/store.c node-agent/leave.c
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "io.h"
#include "node-agent/store.h"
#include "tap.h"
#include "util.h"

static char dir[] = "/tmp/store-test-XXXXXX";

/* Makes DIR/neo4j/data/NAME with a file in it that says what it is. */
static void make(const char *name, const char *what)
{
	_cleanup_free_ char *path = xasprintf("%s/neo4j/data/%s", dir, name);
	_cleanup_free_ char *file = xasprintf("%s/neostore", path);
	struct err e;

	if (io_mkdir_p(path, 0755, &e) < 0 ||
		io_write_atomic(file, what, strlen(what), 0644, &e) < 0)
		exit(1);
}

static const char *content(const char *name)
{
	static struct buf text;
	_cleanup_free_ char *file = xasprintf("%s/neo4j/data/%s/neostore", dir, name);
	struct err e;

	buf_free(&text);
	return io_read_file(file, 100, &text, &e) < 0 ? "-" : buf_str(&text);
}

static int prepare(enum marker_state state, unsigned aside)
{
	struct marker m = {.state = state, .aside = aside};
	struct err e;

	return store_prepare(dir, &m, &e);
}

static void test_kept(void)
{
	static const enum marker_state kept[] = {MARKER_VIRGIN, MARKER_USED, MARKER_SERVED};

	make("databases", "first");
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		is_int(prepare(kept[i], 0), 0, "no order");
		is_str(content("databases"), "first", "nothing is done");
	}
}

static void test_aside(void)
{
	is_int(prepare(MARKER_ASIDE, 1), 0, "put aside");
	is_str(content("databases-aside-1"), "first", "under its number");
	is_str(content("databases"), "-", "not under its name");
	make("databases", "half");
	is_int(prepare(MARKER_ASIDE, 1), 0, "again, after a cut in the middle of the copy");
	is_str(content("databases-aside-1"), "first", "what served is still there");
	is_str(content("databases"), "-", "the half copy is not");
	make("databases", "second");
	is_int(prepare(MARKER_ASIDE, 2), 0, "the next one");
	is_str(content("databases-aside-2"), "second", "is kept");
	is_str(content("databases-aside-1"), "-", "instead of the older");
	make("databases-aside-1", "a part of first");
	is_int(prepare(MARKER_ASIDE, 2), 0, "again, after a cut while that was removed");
	is_str(content("databases-aside-1"), "-", "the rest of it goes");
	is_str(content("databases-aside-2"), "second", "and the other one stays");
}

static void test_discard(void)
{
	make("databases", "junk");
	make("graph.db", "junk of 2.x");
	is_int(prepare(MARKER_DISCARD, 2), 0, "discarded");
	is_str(content("databases"), "-", "3.x");
	is_str(content("graph.db"), "-", "2.x");
	is_str(content("databases-aside-2"), "second", "not what was put aside");
	is_int(prepare(MARKER_DISCARD, 2), 0, "twice");
}

static int restore(const char *neo4j, unsigned aside)
{
	struct marker m = {.state = MARKER_RESTORE, .aside = aside};
	struct err e;

	snprintf(m.neo4j, sizeof(m.neo4j), "%s", neo4j);
	return store_prepare(dir, &m, &e);
}

static void test_restore(void)
{
	make("databases/graph.db", "old");
	make("incoming", "new");
	is_int(restore("3.5.0-beta03", 3), 0, "another store");
	is_str(content("databases/graph.db"), "new", "is where Neo4j looks");
	is_str(content("databases-aside-3/graph.db"), "old", "the old one is kept");
	is_str(content("incoming"), "-", "it is nowhere else");
	is_int(restore("3.5.0-beta03", 3), 0, "again, after a cut");
	is_str(content("databases/graph.db"), "new", "nothing is lost");
	make("graph.db", "old of 2.x");
	make("incoming", "newer");
	is_int(restore("2.3.1", 4), 0, "one of 2.x");
	is_str(content("graph.db"), "newer", "is one folder higher up");
	is_str(content("graph.db-aside-4"), "old of 2.x", "the old one is kept");
}

/* The power goes when the old store is aside and the new one not yet in its place. */
static void test_restore_cut(void)
{
	make("databases-aside-5/graph.db", "old");
	make("incoming", "new");
	is_int(restore("3.5.0-beta03", 5), 0, "cut in between");
	is_str(content("databases/graph.db"), "new", "it goes on");
	is_str(content("databases-aside-5/graph.db"), "old", "with the old one kept");
}

/* Is there the folder that Neo4j 3.5 looks for, once a node of such a cluster is prepared? */
static bool mended(const char *neo4j, enum neo4j_mode mode, unsigned roles)
{
	struct identity id = {.mode = mode, .nmembers = 1, .members = {{.roles = roles}}};
	_cleanup_free_ char *databases = xasprintf("%s/neo4j/data/databases", dir);
	_cleanup_free_ char *branched = xasprintf("%s/branched", databases);
	struct err e;

	if (io_remove_tree(databases, &e) < 0)
		exit(1);
	snprintf(id.neo4j, sizeof(id.neo4j), "%s", neo4j);
	store_mend(dir, &id);
	return access(branched, F_OK) == 0;
}

static void test_mend(void)
{
	ok(mended("3.5.0-beta03", NEO4J_HA, ROLE_DATA), "3.5 HA gets the folder it looks for");
	ok(mended("3.5.1", NEO4J_HA, ROLE_DATA | ROLE_PROXY), "a release, too");
	ok(!mended("3.4.10", NEO4J_HA, ROLE_DATA), "3.4 does without");
	ok(!mended("2.3.1", NEO4J_HA, ROLE_DATA), "so does 2.3");
	ok(!mended("3.5.0", NEO4J_CAUSAL, ROLE_DATA), "a causal cluster has no such stores");
	ok(!mended("3.5.0", NEO4J_HA, ROLE_ARBITER), "an arbiter has no store");
}

static bool slow;

/* In place of libc's: a card that takes for ever. */
int syncfs(int fd)
{
	while (slow)
		pause();
	return fd < 0 ? -1 : 0;
}

/* The next agent wants the ports of one that was killed meanwhile. */
static void test_slow_sync(void)
{
	int ends[2];

	if (pipe(ends) < 0)
		exit(1);
	slow = true;
	pid_t pid = store_sync(dir);
	slow = false;
	close(ends[1]);
	struct pollfd end = {.fd = ends[0], .events = POLLIN};
	is_int(poll(&end, 1, 5000), 1, "who syncs holds nothing of the agent's open");
	is_int(waitpid(pid, NULL, WNOHANG), 0, "though it takes long");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ends[0]);
}

static void test_sync(void)
{
	int status = -1;

	waitpid(store_sync(dir), &status, 0);
	is_int(status, 0, "a filesystem is synced");
	waitpid(store_sync("/nonexistent"), &status, 0);
	ok(status != 0, "one that is not there is not");
}

int main(void)
{
	struct err e;

	if (!mkdtemp(dir))
		return 1;
	is_int(prepare(MARKER_ASIDE, 1), 0, "no store, nothing to do");
	test_kept();
	test_aside();
	test_discard();
	test_restore();
	test_restore_cut();
	test_mend();
	test_sync();
	test_slow_sync();
	is_int(io_remove_tree(dir, &e), 0, "cleaned up");
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one agent after another knows of a Neo4j that has panicked: in its log, or by its writes. */
// use: node-agent/health/card.c node-agent/health/health.c node-agent/health/store_log.c
// use: node-agent/leave.c node-agent/process.c node-agent/runtime.c
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io.h"
#include "node-agent/health/card.h"
#include "tap.h"
#include "util.h"

#define FINE "2026-11-28 08:00:00.000+0000 INFO [o.n.k.i.DiagnosticsManager] --- STARTED ---\n"
#define PANIC "2026-11-28 08:00:00.000+0000 ERROR [o.n.k.i.DatabaseHealth] Database panic: x\n"
#define LOG "p3/neo4j/logs/debug.log"
#define RAN_BEFORE 1 /* a process, and no other one than this test itself */

static char dir[] = "/tmp/bramble-card-XXXXXX";
static char *p3, *run;
static struct loop *loop;
static struct card c;

static void put(const char *name, const char *text, int flags)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);

	ok(fd >= 0 && io_write_full(fd, text, strlen(text)) == 0, "%s is written", name);
}

static void move(const char *from, const char *to)
{
	_cleanup_free_ char *a = xasprintf("%s/%s", dir, from), *b = xasprintf("%s/%s", dir, to);

	ok(rename(a, b) == 0, "%s becomes %s", from, to);
}

static void look(int64_t pid)
{
	card_allow(&c, true, pid != 0, pid);
	c.timer.fire(&c.timer);
}

/* Until a child has ended that began after now: of two the second. */
static void probe(int64_t pid)
{
	unsigned until = c.facts.probes + 2;

	for (int i = 0; i < 1000 && c.facts.probes < until; i++) {
		c.next_ms = 0;
		look(pid);
		usleep(5000);
	}
	ok(c.facts.probes == until && !c.facts.probe_error, "p3 can be written");
}

/* An agent that was not there; it does not know yet how the unit is. */
static void begin(void)
{
	struct err e;

	ok(card_open(&c, loop, p3, run, &e) == 0, "an agent begins");
	card_allow(&c, true, true, 0);
	c.timer.fire(&c.timer);
}

/* As by SIGKILL: nothing is said at the end. */
static void next_agent(void)
{
	card_close(&c);
	begin();
}

static bool panicked(void)
{
	return c.health.stale && c.health.panicked;
}

/* A Neo4j that runs, below an agent that has read its log. */
static void fresh(void)
{
	put(LOG, PANIC, O_TRUNC);
	begin();
	look(0);
	probe(getpid());
	ok(!panicked(), "what the log held before this Neo4j is passed over");
}

static void test_while_away(void)
{
	fresh();
	put(LOG, FINE, O_APPEND);
	next_agent();
	probe(getpid());
	ok(!panicked(), "nothing was told while no agent was there");
	next_agent();
	put(LOG, PANIC, O_APPEND);
	probe(getpid());
	ok(panicked(), "nor is anything passed over by the next one");
	next_agent();
	ok(!panicked(), "until it knows which Neo4j runs an agent says nothing");
	look(getpid());
	ok(panicked(), "then what the last one knew");
	next_agent();
	probe(RAN_BEFORE);
	ok(!panicked(), "of this one, and of no other");
	card_close(&c);
}

static void test_by_writes(void)
{
	fresh();
	card_panicked(&c);
	look(getpid());
	next_agent();
	look(getpid());
	ok(panicked(), "what was told by writes is known, too");
	next_agent();
	look(0);
	look(getpid());
	ok(!panicked(), "until Neo4j has ended");
	card_close(&c);
}

static void test_rotated(void)
{
	fresh();
	card_close(&c);
	move(LOG, LOG ".1");
	put(LOG, FINE PANIC, O_EXCL);
	begin();
	probe(getpid());
	ok(panicked(), "a log that was rotated meanwhile is read from its beginning");
	card_close(&c);
}

/* Whose pid came to another process: since says so. */
static void test_file(void)
{
	struct followed f;
	struct err e;

	fresh();
	card_close(&c);
	followed_load(run, &f);
	ok(f.pid == getpid() && f.since_ms > 0 && f.log.at == strlen(PANIC), "the file of it");
	f.stale = f.panicked = true;
	f.log.at = 0;
	f.since_ms -= 10;
	ok(followed_save(run, &f, &e) == 0, "is of another process with the same number");
	begin();
	probe(getpid());
	ok(!panicked(), "which is none of this one's");
	card_close(&c);
	put("run/neo4j", "pid 1 since", O_TRUNC);
	begin();
	probe(getpid());
	ok(!panicked(), "and half a file is none");
	card_close(&c);
}

int main(void)
{
	_cleanup_free_ char *logs = NULL;
	struct err e;

	loop = loop_new(&e);
	ok(loop && mkdtemp(dir), "a folder");
	p3 = xasprintf("%s/p3", dir);
	run = xasprintf("%s/run", dir);
	logs = xasprintf("%s/neo4j/logs", p3);
	ok(io_mkdir_p(logs, 0755, &e) == 0 && mkdir(run, 0755) == 0, "with p3 and /run in it");
	test_while_away();
	test_by_writes();
	test_rotated();
	test_file();
	loop_free(loop);
	free(p3);
	free(run);
	ok(io_remove_tree(dir, &e) == 0, "and away with it");
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A slave of Neo4j 3.1 that has copied its store is told from all others. */
// use: node-agent/stale.c node-agent/process.c
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "io.h"
#include "node-agent/process.h"
#include "node-agent/stale.h"
#include "tap.h"
#include "util.h"

static bool affects(const char *neo4j, enum neo4j_mode mode)
{
	struct identity id = {.mode = mode};

	snprintf(id.neo4j, sizeof(id.neo4j), "%s", neo4j);
	return stale_affects(&id);
}

/* Does Neo4j 7, which began at 1000, want a restart at 9000? */
static bool wants(struct stale *s, bool slave, int64_t store_ms)
{
	struct stale_look look = {
		.pid = 7, .slave = slave, .now_ms = 9000, .started_ms = 1000, .store_ms = store_ms};

	stale_step(s, &look);
	return stale_wish(s, 7)[0] != '\0';
}

static void test_step(void)
{
	struct stale_look look = {.pid = 8, .slave = true, .now_ms = 9000, .started_ms = 8000};
	struct stale s = {0};

	ok(!wants(&s, true, 500), "a slave whose store was there before it");
	ok(!wants(&s, true, 9500), "one whose store is from a time to come");
	ok(!wants(&s, true, -1), "one of which nobody knows");
	ok(!wants(&s, false, 2000), "a master that has made its store");
	is_str(stale_wish(&s, 0), "", "and no Neo4j at all want no restart");
	ok(wants(&s, true, 2000), "a slave whose store came later does");
	ok(wants(&s, false, 2000), "also once it has become master");
	look.store_ms = 2000;
	stale_step(&s, &look);
	is_str(stale_wish(&s, 8), "", "the next one does not");
	is_str(stale_wish(&s, 0), "", "nor when there is none");
	look = (struct stale_look){
		.pid = 9, .slave = true, .now_ms = 9000, .started_ms = -1, .store_ms = 2000};
	stale_step(&s, &look);
	is_str(stale_wish(&s, 9), "", "nor one that nobody knows the beginning of");
}

/* A process, and a store that it, or somebody before it, has made. */
static void test_kernel(void)
{
	char dir[] = "/tmp/stale-test-XXXXXX";
	struct err e;

	if (!mkdtemp(dir))
		exit(1);
	_cleanup_free_ char *store = xasprintf("%s/neo4j/data/databases/graph.db", dir);
	_cleanup_free_ char *file = xasprintf("%s/neostore", store);
	is_int(stale_store_ms(dir), -1, "no store");
	usleep(30000); /* the kernel's ticks are of 10 ms */
	if (io_mkdir_p(store, 0755, &e) < 0 || io_write_atomic(file, "", 0, 0644, &e) < 0)
		exit(1);
	int64_t store_ms = stale_store_ms(dir), self_ms = process_began_ms(getpid());
	usleep(30000);
	pid_t child = fork();
	if (child == 0) {
		pause();
		_exit(0);
	}
	int64_t child_ms = process_began_ms(child);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ok(self_ms > 0 && self_ms <= realtime_ms(), "this process: %lld", (long long)self_ms);
	ok(child_ms > self_ms, "its child: %lld", (long long)child_ms);
	ok(store_ms == -1 || (store_ms >= self_ms && store_ms <= realtime_ms()),
		"a store made by this process: %lld", (long long)store_ms);
	ok(store_ms < child_ms, "is older than its child");
	is_int(process_began_ms(0), -1, "no process");
	is_int(io_remove_tree(dir, &e), 0, "cleaned up");
}

int main(void)
{
	ok(affects("3.1.4", NEO4J_HA), "Neo4j 3.1 is to be looked at");
	ok(!affects("3.1.4", NEO4J_SINGLE), "but copies nothing alone");
	ok(!affects("3.2.7", NEO4J_HA) && !affects("2.3.1", NEO4J_HA) && !affects("", NEO4J_HA),
		"others are not");
	test_step();
	test_kernel();
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing follows from a verdict before it is written down; what cannot be written counts not. */
// use: node-agent/voter.c node-agent/memory.c node-agent/runtime.c node-agent/tx_log.c
// use: node-agent/store_at_rest.c
// use: node-agent/peers.c node-agent/hello.c node-agent/identity.c node-agent/quorum/wire.c
// use: node-agent/quorum/quorum.c node-agent/quorum/propose.c node-agent/quorum/generation.c
// use: node-agent/quorum/decree.c node-agent/quorum/manifest.c node-agent/quorum/seats.c
// use: node-agent/quorum/stores.c node-agent/quorum/masters.c node-agent/quorum/start.c
// use: node-agent/node_state.c node-agent/discover/whereabouts.c
#include <sodium.h>
#include <sys/stat.h>
#include "io.h"
#include "node-agent/store_at_rest.h"
#include "node-agent/voter.h"
#include "tap.h"
#include "util.h"

/* A cluster of one is its own majority, so that every verdict is there at once. */
static const struct identity id = {
	.cluster = "t",
	.mode = NEO4J_HA,
	.nmembers = 1,
	.members = {{.name = "pi1", .id = 1, .roles = ROLE_DATA}},
};

static char top[] = "/tmp/bramble-voter-test.XXXXXX";
static char *p3, *run;

static const struct voter_look at_rest = {.fit = true, .whole = true, .last_tx = TX_UNKNOWN};
static const struct voter_look is_master = {.fit = true,
	.whole = true,
	.process = true,
	.role = NEO4J_MASTER,
	.master = 1,
	.last_tx = 5};

/* --- the node's two folders, empty; and what makes a file impossible to write */

static void fresh(void)
{
	struct err e;

	(void)!io_remove_tree(p3, &e);
	(void)!io_remove_tree(run, &e);
	(void)!mkdir(p3, 0700);
	(void)!mkdir(run, 0700);
}

/* A folder with something in it takes the file's name: no rename replaces that, not even root's. */
static void obstruct(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	_cleanup_free_ char *inside = xasprintf("%s/x", path);

	(void)unlink(path);
	(void)!mkdir(path, 0700);
	(void)!mkdir(inside, 0700);
}

static void clear_way(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	struct err e;

	(void)!io_remove_tree(path, &e);
}

static bool exists(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);

	return access(path, F_OK) == 0;
}

static struct durable on_p3(void)
{
	struct durable d;
	struct err e;

	if (memory_load(p3, &d, &e) < 0)
		d = (struct durable){0};
	return d;
}

/* --- whole steps */

static void begin(struct voter *v)
{
	struct err e = {0};

	voter_open(v, &id, p3, run);
	is_int(voter_begin(v, &e), 0, "begun: %s", e.msg);
}

static int step(struct voter *v, const struct voter_look *look, struct verdict *verdict)
{
	struct err e;

	return voter_step(v, look, verdict, &e);
}

/* Until the verdict is START; the first manifest takes a few rounds. */
static bool may_start(struct voter *v, struct verdict *verdict)
{
	for (int i = 0; i < 20; i++) {
		if (step(v, &at_rest, verdict) == 0 && verdict->neo4j == NEO4J_START)
			return true;
	}
	return false;
}

/* Until its Neo4j, which is master, may be written to. */
static bool may_write(struct voter *v, struct verdict *verdict)
{
	struct err e;

	if (!may_start(v, verdict) || voter_starts(v, verdict, false, &e) < 0)
		return false;
	for (int i = 0; i < 20; i++) {
		if (step(v, &is_master, verdict) == 0 && verdict->writable)
			return true;
	}
	return false;
}

static void test_start(void)
{
	struct voter v;
	struct verdict verdict;
	struct runtime r;
	struct err e;

	fresh();
	begin(&v);
	ok(may_start(&v, &verdict), "alone in its cluster it may start");
	struct durable d = on_p3();
	ok(d.manifest.epoch && d.manifest.run == verdict.run, "that was written down first");
	is_int(voter_starts(&v, &verdict, false, &e), 0, "it starts");
	runtime_load(run, &r);
	ok(r.run == verdict.run && idset_has(&r.hosts, 1), "for the run and with the hosts told");
}

static void test_master(void)
{
	struct voter v;
	struct verdict verdict;

	fresh();
	begin(&v);
	ok(may_write(&v, &verdict), "as master it may be written to");
	struct durable d = on_p3();
	ok(d.granted.term && d.basis.term == d.granted.term, "the grant was written down first");
	ok(verdict.lease_ms > boottime_ms(), "it has a lease");
	ok(lease_load(run) == verdict.lease_ms, "which the guard finds");
}

/* A verdict that cannot be written down: at most a kill, and nobody may write. */
static void must_count_not(int r, const struct verdict *verdict, const char *what)
{
	is_int(r, -1, "%s: the step fails", what);
	ok(verdict->neo4j != NEO4J_START, "%s: no start", what);
	ok(!verdict->writable && !verdict->open, "%s: no writes, closed ports", what);
}

static void test_memory_unwritable(void)
{
	struct voter v;
	struct verdict verdict;

	fresh();
	begin(&v);
	obstruct(p3, "bramble.quorum");
	for (int i = 0; i < 5; i++)
		must_count_not(step(&v, &at_rest, &verdict), &verdict, "no memory");
	clear_way(p3, "bramble.quorum");
	ok(may_start(&v, &verdict), "once it can be written the node goes on");
	ok(on_p3().manifest.run == verdict.run, "and what was decided meanwhile is written");
}

static void test_lease_unwritable(void)
{
	struct voter v;
	struct verdict verdict;
	struct voter_look stray = is_master;

	fresh();
	begin(&v);
	ok(may_write(&v, &verdict), "a master");
	usleep(2000); /* the lease's end moves on with the clock */
	obstruct(run, "lease");
	must_count_not(step(&v, &is_master, &verdict), &verdict, "no lease");
	clear_way(run, "lease");
	is_int(step(&v, &is_master, &verdict), 0, "it can be written again");
	ok(lease_load(run) == verdict.lease_ms && verdict.writable, "and is");

	v.runtime.run = 0; /* a Neo4j that was started for none of ours */
	stray.role = NEO4J_DOWN;
	obstruct(run, "lease");
	is_int(step(&v, &stray, &verdict), -1, "a kill whose lease cannot be ended");
	is_int(verdict.neo4j, NEO4J_KILL, "is still a kill");
	clear_way(run, "lease");
	is_int(step(&v, &stray, &verdict), 0, "and the next round");
	ok(exists(run, "lease") && lease_load(run) == 0, "ends the lease");
}

static void test_run_unwritable(void)
{
	struct voter v;
	struct verdict verdict;
	struct runtime r;
	struct err e;

	fresh();
	begin(&v);
	ok(may_start(&v, &verdict), "it may start");
	obstruct(run, "run");
	is_int(voter_starts(&v, &verdict, false, &e), -1, "but not when nobody will know the run");
	is_int((long long)v.runtime.run, 0, "and there is none");
	clear_way(run, "run");
	is_int(voter_starts(&v, &verdict, false, &e), 0, "then it starts");
	obstruct(run, "run");
	is_int(step(&v, &is_master, &verdict), -1, "that it formed cannot be written");
	clear_way(run, "run");
	is_int(step(&v, &is_master, &verdict), 0, "the next round");
	runtime_load(run, &r);
	ok(r.formed, "writes it");
}

static void test_p3_gone(void)
{
	struct voter v;
	struct verdict verdict;
	struct voter_look held = at_rest;
	struct err e = {0};

	fresh();
	begin(&v);
	struct durable before = on_p3();
	v.device++; /* what lies at its place now is another filesystem */
	must_count_not(step(&v, &at_rest, &verdict), &verdict, "p3 gone");
	is_int(voter_starts(&v, &verdict, false, &e), -1, "nor is anything started: %s", e.msg);
	ok(!exists(run, "run"), "nor a run noted");
	v.device--;
	held.held = true;
	must_count_not(step(&v, &held, &verdict), &verdict, "p3 held");
	ok(on_p3().manifest.epoch == before.manifest.epoch, "nothing was written");
	ok(may_start(&v, &verdict), "when it is back the node goes on");
}

static void test_emptied(void)
{
	struct voter v;
	struct verdict verdict;
	struct err e;

	fresh();
	begin(&v);
	v.end.tx = 9;
	ok(may_write(&v, &verdict) && on_p3().basis.term, "its store follows a master, itself");
	obstruct(p3, "bramble.quorum");
	is_int(voter_starts(&v, &verdict, true, &e), -1, "a start with the store put aside");
	clear_way(p3, "bramble.quorum");
	is_int(voter_starts(&v, &verdict, true, &e), 0, "must be written down before");
	is_int((long long)on_p3().basis.term, 0, "it follows nobody any more");
	ok(v.end.tx == 0, "and has no length, though the store goes only when Neo4j starts");
}

/* --- how far the store goes */

#define GRAPH_DB "neo4j/data/databases/graph.db"
#define INCOMING "neo4j/data/incoming"

/* A store as Neo4j leaves it: its own file, and its log, which goes further. */
static void leave_store(const char *folder, uint8_t own, uint8_t log)
{
	_cleanup_free_ char *to = xasprintf("%s/%s", p3, folder);
	_cleanup_free_ char *store = xasprintf("%s/neostore", to);
	_cleanup_free_ char *logs = xasprintf("%s/neostore.transaction.db.0", to);
	uint8_t head[NEOSTORE_NEEDS] = {0}, header[16] = {6, [15] = log};
	struct err e;

	for (size_t i = 0; i < sizeof(head); i += 9)
		head[i] = 1;
	head[sizeof(head) - 1] = own;
	ok(io_mkdir_p(to, 0700, &e) == 0 &&
			io_write_atomic(store, head, sizeof(head), 0600, &e) == 0 &&
			io_write_atomic(logs, header, log ? sizeof(header) : 0, 0600, &e) == 0,
		"a store that goes to %u, by its log to %u", own, log);
}

/* What the others are told after a look. */
static uint64_t length(struct voter *v, const struct voter_look *look)
{
	struct verdict verdict;

	(void)!step(v, look, &verdict);
	return v->quorum.mine.last_tx;
}

static void test_end_at_rest(void)
{
	struct voter v;
	struct voter_look restores = at_rest;
	_cleanup_free_ char *own = xasprintf("%s/" GRAPH_DB "/neostore", p3);
	_cleanup_free_ char *log = xasprintf("%s/" GRAPH_DB "/neostore.transaction.db.0", p3);

	fresh();
	begin(&v);
	ok(length(&v, &at_rest) == 0, "no store");
	leave_store(GRAPH_DB, 7, 9);
	ok(length(&v, &at_rest) == 9, "one that was killed has what its log has");
	leave_store(GRAPH_DB, 12, 0);
	ok(length(&v, &at_rest) == 12, "one that was closed what it says itself");
	restores.next = true;
	ok(length(&v, &restores) == 12, "nothing takes its place");
	leave_store(INCOMING, 4, 4);
	ok(length(&v, &restores) == 4 && length(&v, &at_rest) == 12, "what waits for that counts");
	ok(unlink(own) == 0 && length(&v, &at_rest) == TX_UNKNOWN, "half a store");
	leave_store(GRAPH_DB, 7, 9);
	ok(unlink(own) == 0 && length(&v, &at_rest) == 9, "its log is enough");
	ok(unlink(log) == 0 && mkfifo(log, 0600) == 0 && length(&v, &at_rest) == TX_UNKNOWN,
		"what would make it wait tells nothing");
}

static void test_end_of_running(void)
{
	struct voter v, next;
	struct verdict verdict;
	struct voter_look look = is_master,
			  silent = {.fit = true, .process = true, .last_tx = TX_UNKNOWN};
	struct err e;

	fresh();
	begin(&v);
	leave_store(GRAPH_DB, 3, 9);
	ok(may_start(&v, &verdict) && voter_starts(&v, &verdict, false, &e) == 0, "it starts");
	leave_store(GRAPH_DB, 3, 11);
	ok(length(&v, &silent) == 9,
		"has yet to join: what it was started on, though that goes on");
	look.told = true;
	look.last_tx = 12;
	ok(length(&v, &look) == 12 && v.runtime.formed, "is master: Neo4j's word");
	leave_store(GRAPH_DB, 3, 130);
	ok(length(&v, &silent) == 130, "hangs: what is in its log");
	look.told = false;
	leave_store(GRAPH_DB, 3, 131);
	ok(length(&v, &look) == 131, "not what was told too long ago");
	leave_store(GRAPH_DB, 3, 132);
	silent.copies = true;
	ok(length(&v, &silent) == 131, "copies a store: what it had before");
	begin(&next);
	silent.copies = false;
	ok(length(&next, &silent) == 132, "for the next agent what there is when it begins");
	look.process = false;
	look.last_tx = 12;
	leave_store(GRAPH_DB, 3, 133);
	ok(length(&v, &look) == 133, "at rest again what there is, whatever was told last");
	leave_store(GRAPH_DB, 3, 134);
	v.device++;
	ok(length(&v, &look) == 133, "p3 gone: nothing is read of what lies in its place");
}

/* Where Neo4j refuses the agents' password; a log of a real one that was killed, which goes to 9.
 */
static void test_told_by_log(void)
{
	_cleanup_free_ char *to = xasprintf("%s/" GRAPH_DB "/neostore.transaction.db.0", p3);
	_cleanup_buf_ struct buf log = {0};
	struct verdict verdict;
	struct voter v;
	struct voter_look look = is_master;
	struct err e;

	fresh();
	begin(&v);
	leave_store(GRAPH_DB, 1, 0);
	ok(io_read_file("tests/fuzz/corpus/tx_log/3.5.0", 1 << 20, &log, &e) == 0 &&
			io_write_atomic(to, buf_str(&log), log.len, 0600, &e) == 0,
		"a store by a real log");
	ok(may_start(&v, &verdict) && voter_starts(&v, &verdict, false, &e) == 0, "it starts");
	look.last_tx = TX_UNKNOWN;
	look.refused = true;
	v.runtime.formed = true;
	ok(length(&v, &look) == 9 && v.quorum.mine.told && voter_tells(&v, TX_UNKNOWN) == 9,
		"a master that leads nobody yet, and refuses: the log tells");
	v.quorum.mine.leads = true;
	ok(length(&v, &look) == 9 && !v.quorum.mine.told &&
			voter_tells(&v, TX_UNKNOWN) == TX_UNKNOWN,
		"not of one that is written to");
	v.quorum.mine.leads = false;
	look.role = NEO4J_SLAVE;
	ok(length(&v, &look) == 9 && !v.quorum.mine.told, "nor of a slave");
	look.role = NEO4J_MASTER;
	v.quorum.mine.leads = false;
	look.refused = false;
	ok(length(&v, &look) == 9 && !v.quorum.mine.told, "nor where Neo4j itself is to tell");
	v.quorum.mine.leads = false;
	look.refused = true;
	buf_add(&log, "\xf6\1x", 3);
	ok(io_write_atomic(to, buf_str(&log), log.len, 0600, &e) == 0 && length(&v, &look) == 9 &&
			!v.quorum.mine.told,
		"nor by a log with something torn at its end");
}

/* What is left by an agent that was killed. */
static void test_next_agent(void)
{
	struct voter v, next;
	struct verdict verdict;

	fresh();
	begin(&v);
	ok(may_write(&v, &verdict), "a master");
	int64_t lease_ms = verdict.lease_ms;
	begin(&next);
	ok(next.runtime.run == v.runtime.run && next.runtime.formed, "the next one knows its run");
	is_int(step(&next, &is_master, &verdict), 0, "takes a look");
	is_int(verdict.neo4j, NEO4J_AS_IT_IS, "and lets it run");
	ok(verdict.lease_ms >= lease_ms, "with a lease no shorter");
}

static void test_no_quorum(void)
{
	struct identity causal = id;
	struct verdict verdict;
	struct voter v;
	struct err e;

	fresh();
	causal.mode = NEO4J_CAUSAL;
	voter_open(&v, &causal, p3, run);
	ok(voter_begin(&v, &e) == 0 && step(&v, &at_rest, &verdict) == 0, "a causal cluster");
	ok(!exists(p3, "bramble.quorum"), "remembers nothing");
	is_int(voter_starts(&v, &verdict, false, &e), 0, "it starts");
	ok(lease_load(run) == LEASE_NEVER_ENDS, "with a lease without end");
}

static void count(void *arg)
{
	++*(unsigned *)arg;
}

/* The words of a peer that turns come one after the other: only another one is news. */
static void test_news(void)
{
	struct identity two = id;
	struct hello h = {.word = {.incarnation = 1, .role = NEO4J_SLAVE, .part = WORD_ALONE}};
	struct voter v;
	unsigned news = 0;
	struct err e;

	fresh();
	two.nmembers = 2;
	two.members[1] = (struct member){.name = "pi2", .id = 2, .roles = ROLE_DATA};
	voter_open(&v, &two, p3, run);
	is_int(voter_begin(&v, &e), 0, "begun");
	v.news = count;
	v.news_arg = &news;
	struct peers_listener l = voter_listener(&v);
	l.heard(l.arg, &two.members[1], &h, NULL, 1);
	is_int(news, 1, "a peer that becomes slave is news");
	h.word.last_tx = 9;
	l.heard(l.arg, &two.members[1], &h, NULL, 2);
	is_int(news, 1, "a transaction of its is none");
	h.word.role = NEO4J_MASTER;
	h.word.claim = (struct mastership){1, 1, 2};
	l.heard(l.arg, &two.members[1], &h, NULL, 3);
	is_int(news, 2, "one that claims to be master is");
	l.heard(l.arg, &two.members[1], &h, NULL, 4);
	is_int(news, 2, "once");
	h.word.granted = h.word.claim;
	l.heard(l.arg, &two.members[1], &h, NULL, 5);
	is_int(news, 3, "a grant is");
	h.word.basis = h.word.claim;
	l.heard(l.arg, &two.members[1], &h, NULL, 6);
	is_int(news, 4, "a store that follows is");
	h.word.promised = h.word.ballot = 257;
	l.heard(l.arg, &two.members[1], &h, NULL, 7);
	is_int(news, 5, "a promise is");
	h.word.role = NEO4J_UNKNOWN;
	l.heard(l.arg, &two.members[1], &h, NULL, 1);
	is_int(news, 5, "a word that was overtaken is none");
	l.news(l.arg);
	is_int(news, 6, "a member that comes, or sees others, is");
}

int main(void)
{
	struct err e;

	if (sodium_init() < 0 || !mkdtemp(top))
		return 1;
	p3 = xasprintf("%s/p3", top);
	run = xasprintf("%s/run", top);
	test_start();
	test_master();
	test_memory_unwritable();
	test_lease_unwritable();
	test_run_unwritable();
	test_p3_gone();
	test_emptied();
	test_end_at_rest();
	test_end_of_running();
	test_told_by_log();
	test_next_agent();
	test_no_quorum();
	test_news();
	(void)!io_remove_tree(top, &e);
	free(p3);
	free(run);
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is p3 fit: the marks and their hysteresis, and what becomes of Neo4j in every company. */
// use: node-agent/health/health.c
#include <errno.h>
#include "node-agent/health/health.h"
#include "tap.h"
#include "util.h"

#define MB (1u << 20)

static struct health h;
static struct health_facts f;

/* A p3 of 1000 MB, 30 of them held back, and a Neo4j. */
static void begin(void)
{
	h = (struct health){.good = 1};
	f = (struct health_facts){.now_ms = 1000000,
		.known = true,
		.size = 1000ull * MB,
		.free = 500ull * MB,
		.reserve = 30ull * MB,
		.reserve_max = 30ull * MB,
		.probing_ms = -1,
		.neo4j_runs = true};
}

static enum health_level look(void)
{
	f.now_ms += 1000;
	health_look(&h, &f);
	return h.level;
}

/* used, the reserve not among it */
static enum health_level use(unsigned percent)
{
	f.free = (1000ull - percent * 10) * MB;
	f.free = f.free > f.reserve ? f.free - f.reserve : 0;
	return look();
}

static enum health_level probe(int error)
{
	f.probes++;
	f.probe_error = error;
	return look();
}

static void test_room(void)
{
	begin();
	is_int(look(), HEALTH_FIT, "half full is fit");
	is_str(h.why, "", "and says nothing");
	is_int(use(92), HEALTH_FIT, "92 %%");
	is_int(use(93), HEALTH_LOW, "93 %% is low");
	is_str(h.why, "p3 is 93 % full: make room on /srv/bramble", "and says what to do");
	is_int(use(89), HEALTH_LOW, "at 89 %% it still is");
	is_int(use(87), HEALTH_FIT, "at 87 %% no more");
	is_int(use(92), HEALTH_FIT, "and at 92 %% not yet again");
	is_int(use(97), HEALTH_SICK, "nothing but the reserve left: sick");
	is_str(h.why, "p3 is full: make room on /srv/bramble", "full");
	is_int(use(95), HEALTH_SICK, "until there is twice the reserve");
	is_int(use(94), HEALTH_LOW, "then low");
	is_int(use(80), HEALTH_FIT, "then fit");
}

static void test_panic(void)
{
	struct health_others o = {.voters = 3, .serving = 2, .fit = 2, .heirs = 2};
	struct health_order order;

	begin();
	look();
	f.panics = 1;
	is_int(look(), HEALTH_FIT, "a Neo4j that panicked on a p3 that is fit");
	health_decide(&h, &f, NEO4J_MASTER, &o, &order);
	ok(order.end, "is ended");
	is_str(order.why, "Neo4j takes no more writes, and begins anew", "for that");
	f.neo4j_runs = false;
	look();
	f.neo4j_runs = true;
	look();
	health_decide(&h, &f, NEO4J_MASTER, &o, &order);
	ok(!order.end, "the next one is another one");
	f.panics = 2;
	f.neo4j_runs = false;
	look();
	f.neo4j_runs = true;
	look();
	health_decide(&h, &f, NEO4J_MASTER, &o, &order);
	ok(!order.end, "what is told of one that is gone counts for nobody");
}

/* What the agent before this one knew of Neo4j, while nothing is known of p3 yet. */
static void test_begins(void)
{
	struct health_others o = {.voters = 3};
	struct health_order order;

	begin();
	h = (struct health){.stale = true};
	look();
	health_decide(&h, &f, NEO4J_MASTER, &o, &order);
	ok(!order.end, "where no write has been tried yet none is ended that saw them fail");
	probe(EIO);
	health_decide(&h, &f, NEO4J_MASTER, &o, &order);
	ok(!order.end, "nor after one that failed");
	probe(0);
	health_decide(&h, &f, NEO4J_MASTER, &o, &order);
	ok(order.end, "but after one that worked");
}

static void test_reserve(void)
{
	begin();
	look();
	ok(!health_wants_reserve(&h, &f), "it is held already");
	f.reserve = 0;
	look();
	ok(health_wants_reserve(&h, &f), "a fit p3 holds some room back");
	f.reserve = f.reserve_max;
	use(97);
	ok(!health_wants_release(&h, &f), "not given up while Neo4j could eat it");
	f.neo4j_runs = false;
	look();
	ok(health_wants_release(&h, &f), "but for its recovery");
	f.free += f.reserve;
	f.reserve = 0;
	is_int(look(), HEALTH_SICK, "which makes p3 no fitter");
	ok(!health_wants_reserve(&h, &f), "nor is it taken back at once");
	use(92);
	ok(!health_wants_reserve(&h, &f) && h.level == HEALTH_LOW, "nor while p3 is low");
	use(80);
	ok(health_wants_reserve(&h, &f), "but when p3 is fit");
}

static void test_probe(void)
{
	begin();
	is_int(probe(0), HEALTH_FIT, "a write that works");
	is_int(probe(EIO), HEALTH_FIT, "one that does not is borne");
	is_int(look(), HEALTH_FIT, "and counted once");
	is_int(probe(EIO), HEALTH_SICK, "two are not");
	is_str(h.why, "writes to p3 fail: Input/output error", "and the reason told");
	is_int(probe(0), HEALTH_SICK, "one that works");
	is_int(probe(0), HEALTH_SICK, "is not enough, nor are two");
	is_int(probe(EIO), HEALTH_SICK, "in a row");
	probe(0), probe(0);
	is_int(probe(0), HEALTH_FIT, "three are");

	begin();
	f.readonly = true;
	is_int(look(), HEALTH_SICK, "read-only is sick at once");
	is_str(h.why, "p3 is read-only: see the log of the kernel", "and says so");
	f.readonly = false;
	is_int(look(), HEALTH_SICK, "until writes have worked again");
	probe(0), probe(0);
	is_int(probe(0), HEALTH_FIT, "three times");

	begin();
	f.probing_ms = f.now_ms;
	is_int(look(), HEALTH_FIT, "a slow write");
	f.now_ms += HEALTH_HANG_MS;
	is_int(look(), HEALTH_SICK, "hangs");
	is_str(h.why, "a write to p3 hangs", "and that is told");
	f.probing_ms = -1;
	is_int(probe(0), HEALTH_SICK, "its end alone is no health");

	begin();
	f.known = false;
	f.readonly = true;
	is_int(look(), HEALTH_FIT, "of a p3 that is not there nothing is concluded");
}

/* --- the rule */

enum company {
	ALONE,        /* a cluster of one */
	WELL,         /* two slaves */
	ONE_LOW,      /* two slaves, one of them not fit */
	NONE_FIT,     /* two slaves, both not fit */
	ONE_AWAY,     /* one slave, one not there */
	PAIR,         /* of two, a slave */
	PAIR_ARBITER, /* the same with an arbiter */
	LED,          /* a master and a slave */
	LED_PAIR,     /* of two, the master */
	LED_ONE_AWAY, /* a master, one not there */
	GONE,         /* two not there */
};

static const struct health_others companies[] = {
	[ALONE] = {.voters = 1},
	[WELL] = {.voters = 3, .serving = 2, .fit = 2, .heirs = 2},
	[ONE_LOW] = {.voters = 3, .serving = 2, .fit = 1, .heirs = 1},
	[NONE_FIT] = {.voters = 3, .serving = 2},
	[ONE_AWAY] = {.voters = 3, .serving = 1, .fit = 1, .heirs = 1},
	[PAIR] = {.voters = 2, .serving = 1, .fit = 1, .heirs = 1},
	[PAIR_ARBITER] = {.voters = 3, .serving = 2, .fit = 2, .heirs = 1},
	[LED] = {.voters = 3, .serving = 2, .fit = 2, .heirs = 1, .master = true},
	[LED_PAIR] = {.voters = 2, .serving = 1, .fit = 1, .master = true},
	[LED_ONE_AWAY] = {.voters = 3, .serving = 1, .fit = 1, .master = true},
	[GONE] = {.voters = 3},
};

static const struct a_case {
	const char *what;
	enum health_level level;
	bool stale;
	enum neo4j_role role;
	enum company company;
	bool end;
} cases[] = {
	{"a fit master", HEALTH_FIT, false, NEO4J_MASTER, WELL, false},
	{"a low master, others fit", HEALTH_LOW, false, NEO4J_MASTER, WELL, true},
	{"a low master, one other fit", HEALTH_LOW, false, NEO4J_MASTER, ONE_LOW, false},
	{"a low master, one other there", HEALTH_LOW, false, NEO4J_MASTER, ONE_AWAY, false},
	{"a low master of two", HEALTH_LOW, false, NEO4J_MASTER, PAIR, false},
	{"a low master with an arbiter", HEALTH_LOW, false, NEO4J_MASTER, PAIR_ARBITER, true},
	{"a low slave", HEALTH_LOW, false, NEO4J_SLAVE, LED, false},
	{"a sick master, others fit", HEALTH_SICK, true, NEO4J_MASTER, WELL, true},
	{"a sick master, one other fit", HEALTH_SICK, true, NEO4J_MASTER, ONE_LOW, true},
	{"a sick master, no other fit", HEALTH_SICK, true, NEO4J_MASTER, NONE_FIT, false},
	{"a sick master, one other there", HEALTH_SICK, true, NEO4J_MASTER, ONE_AWAY, false},
	{"a sick master of two", HEALTH_SICK, true, NEO4J_MASTER, PAIR, false},
	{"a sick master all alone", HEALTH_SICK, true, NEO4J_MASTER, ALONE, false},
	{"a sick slave", HEALTH_SICK, true, NEO4J_SLAVE, LED, false},
	{"a mended master", HEALTH_FIT, true, NEO4J_MASTER, WELL, true},
	{"a mended master, one other there", HEALTH_FIT, true, NEO4J_MASTER, ONE_AWAY, true},
	{"a mended master all alone", HEALTH_FIT, true, NEO4J_MASTER, ALONE, true},
	{"a mended slave", HEALTH_FIT, true, NEO4J_SLAVE, LED, true},
	{"a mended slave, one away", HEALTH_FIT, true, NEO4J_SLAVE, LED_ONE_AWAY, false},
	{"a mended slave of two", HEALTH_FIT, true, NEO4J_SLAVE, LED_PAIR, true},
	{"a mended slave below nobody", HEALTH_FIT, true, NEO4J_SLAVE, GONE, true},
};

static struct health_order decide(enum neo4j_role role, enum company company)
{
	struct health_order order;

	health_decide(&h, &f, role, &companies[company], &order);
	return order;
}

static void test_end(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct a_case *c = &cases[i];
		begin();
		h.level = c->level;
		h.stale = c->stale;
		struct health_order o = decide(c->role, c->company);
		ok(o.end == c->end, "%s %s%s%s", c->what, c->end ? "is ended" : "goes on",
			o.why[0] ? ": " : "", o.why);
	}
}

static void test_start(void)
{
	begin();
	use(95);
	ok(decide(NEO4J_MASTER, WELL).end, "a low master is ended");
	f.neo4j_runs = false;
	look();
	ok(decide(NEO4J_DOWN, WELL).barred, "and stays away while there is no other");
	ok(!decide(NEO4J_DOWN, LED).barred, "and joins the next one");
	begin();
	use(95);
	decide(NEO4J_MASTER, WELL);
	f.neo4j_runs = false;
	f.now_ms += HEALTH_AWAY_MS;
	ok(!decide(NEO4J_DOWN, WELL).barred, "nor is there one for long, it is needed");

	begin();
	use(97);
	f.neo4j_runs = false;
	look();
	ok(decide(NEO4J_DOWN, LED).barred, "on a full p3 none is started");
	ok(decide(NEO4J_DOWN, GONE).barred, "nor where no other is master");
	f.free = f.reserve;
	f.reserve = 0;
	ok(!decide(NEO4J_DOWN, GONE).barred, "but with the reserve");
	f.free = 0;
	ok(decide(NEO4J_DOWN, GONE).barred, "if it is not used up");
	f.free = f.reserve_max;
	probe(EROFS), probe(EROFS);
	ok(decide(NEO4J_DOWN, GONE).barred, "and can be written");
}

/* Ended and started anew between two looks: one after the other was ended, 48 times in a minute. */
static void test_quick(void)
{
	begin();
	probe(ENOSPC), probe(ENOSPC);
	probe(0), probe(0), probe(0);
	ok(decide(NEO4J_MASTER, WELL).end, "a Neo4j that saw writes fail is ended");
	health_neo4j_ended(&h, &f);
	look();
	ok(!decide(NEO4J_MASTER, WELL).end, "the next one is not, though no look saw none");
	f.panics++;
	health_neo4j_ended(&h, &f);
	look();
	ok(!decide(NEO4J_MASTER, WELL).end, "nor for what the one before it told at its end");
}

static void test_stale(void)
{
	begin();
	probe(ENOSPC), probe(ENOSPC);
	probe(0), probe(0), probe(0);
	is_int(h.level, HEALTH_FIT, "mended");
	ok(decide(NEO4J_MASTER, WELL).end, "but Neo4j saw writes fail");
	f.neo4j_runs = false;
	look();
	f.neo4j_runs = true;
	look();
	ok(!decide(NEO4J_MASTER, WELL).end, "the next one did not");

	begin();
	f.probing_ms = f.now_ms;
	f.now_ms += HEALTH_HANG_MS;
	look();
	f.probing_ms = -1;
	probe(0), probe(0), probe(0);
	ok(h.level == HEALTH_FIT && !decide(NEO4J_MASTER, WELL).end, "one that waited is spared");
}

int main(void)
{
	test_room();
	test_panic();
	test_begins();
	test_reserve();
	test_probe();
	test_end();
	test_start();
	test_quick();
	test_stale();
	return done();
}

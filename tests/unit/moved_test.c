/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Neo4j that runs by an address its machine has no more is ended; by any other it is left alone.
 */
// use: node-agent/moved.c
#include "node-agent/moved.h"
#include "tap.h"

#define OLD 1
#define NEW 2

static unsigned there; /* the machine's addresses, by bits */
static struct moved m;

static bool have(struct in_addr address)
{
	return there >> address.s_addr & 1;
}

/* Is Neo4j to be ended? */
static bool ends(int64_t now_ms, bool runs, unsigned self)
{
	struct moved_look look = {.now_ms = now_ms, .runs = runs, .self = {self}, .have = have};

	return moved_step(&m, &look);
}

static void start_at(unsigned address)
{
	moved_begin(&m, (struct in_addr){address});
}

static void test_moves(void)
{
	start_at(OLD);
	there = 1U << OLD;
	ok(!ends(1000, false, OLD) && !ends(2000, true, OLD) && !ends(900000, true, OLD),
		"where it was started it may stay");
	there = 1U << NEW;
	ok(!ends(1000000, true, NEW), "one whose address has just gone may get it back");
	ok(!ends(1000000 + MOVED_MS - 1, true, NEW), "for a while");
	ok(ends(1000000 + MOVED_MS, true, NEW), "then it is ended");
	ok(!ends(1000500 + MOVED_MS, true, NEW), "not twice a second");
	ok(ends(1000000 + 2 * MOVED_MS, true, NEW), "but again, until it is");
	ok(!ends(1000500 + 2 * MOVED_MS, false, NEW), "there is nothing more to end");
	start_at(NEW);
	ok(!ends(1002000 + 2 * MOVED_MS, true, NEW) && !ends(1900000, true, NEW),
		"the next one was told the new address");
}

static void test_moves_while_it_starts(void)
{
	start_at(OLD);
	there = 1U << NEW;
	ok(!ends(1000, false, NEW) && !ends(2000, true, NEW), "it moved before it ran");
	ok(ends(2000 + MOVED_MS, true, NEW), "and is ended, too");
}

static void test_stays(void)
{
	start_at(OLD);
	there = 0;
	ok(!ends(1000000, true, 0) && !ends(1900000, true, 0), "without any address it waits");
	there = 1U << NEW;
	ok(!ends(2000000, true, NEW), "a new one is looked at for a while, too");
	there = 1U << OLD;
	ok(!ends(2000500, true, OLD) && !ends(2900000, true, OLD), "the old one is back");
	there = 1U << NEW;
	ok(!ends(3000000, true, NEW), "and time is counted anew");
	there = 1U << OLD | 1U << NEW;
	ok(!ends(3900000, true, NEW), "two ways to the machine, and the old one still is one");
}

static void test_unknown(void)
{
	start_at(0);
	there = 1U << NEW;
	ok(!ends(1000, true, 0) && !ends(2000, true, NEW) && !ends(900000, true, NEW),
		"of what it was started with nobody knows: it was that");
	there = 1U << OLD;
	ok(!ends(900500, true, OLD) && ends(900500 + MOVED_MS, true, OLD), "until that changes");
}

int main(void)
{
	test_moves();
	test_moves_while_it_starts();
	test_stays();
	test_unknown();
	return done();
}

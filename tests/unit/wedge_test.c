/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Neo4j that joins for ever is ended; one that copies, recovers or serves is not. */
// use: node-agent/wedge.c node-agent/process.c
#include <unistd.h>
#include "node-agent/process.h"
#include "node-agent/wedge.h"
#include "tap.h"

/* How long it may join until it is ended, in minutes; 0: for an hour and more. */
static int ended_after(struct wedge *w, uint64_t space_a_minute, int cpu_percent)
{
	struct wedge_look look = {.now_ms = 1000, .joins = true, .space = 50 << 20};

	for (int s = 0; s < 3600; s += 5) {
		if (wedge_step(w, &look))
			return s / 60;
		look.now_ms += 5000;
		look.space += space_a_minute / 12;
		look.cpu_ms += 50 * cpu_percent;
	}
	return 0;
}

int main(void)
{
	struct wedge w = {0};
	struct wedge_look serves = {.now_ms = 1, .serves = true};

	is_int(ended_after(&w, 2 << 20, 1), 0, "one that copies its store is left alone");
	is_int(ended_after(&w, 0, 60), 0, "and one that recovers it");
	w = (struct wedge){0};
	is_int(ended_after(&w, 20000, 3), 2, "one that only logs is ended after 2 minutes");
	is_int(ended_after(&w, 0, 3), 2, "and once more");
	is_int(ended_after(&w, 0, 3), 4, "the next time after 4");
	is_int(ended_after(&w, 0, 3), 8, "then 8");
	is_int(ended_after(&w, 0, 3), 16, "16");
	is_int(ended_after(&w, 0, 3), 16, "and no longer than that");
	ok(!wedge_step(&w, &serves), "one that serves");
	is_int(ended_after(&w, 0, 3), 2, "has made good");
	struct wedge_look look = {.now_ms = 1000, .joins = true, .pid = 7};
	w = (struct wedge){0};
	ok(!wedge_step(&w, &look), "it joins");
	look.now_ms += WEDGE_MS - 1000;
	look.pid = 8;
	ok(!wedge_step(&w, &look), "one that was ended and started again");
	look.now_ms += WEDGE_MS - 1000;
	ok(!wedge_step(&w, &look), "has its own two minutes");
	look.now_ms += 1000;
	ok(wedge_step(&w, &look), "and no more");
	struct copy_watch c = {0};
	copy_watch_step(&c, 50 << 20, 1000);
	ok(!c.copies, "who has looked once knows of no copy");
	copy_watch_step(&c, 51 << 20, 6000);
	ok(c.copies, "a store that grows is copied");
	for (int64_t t = 11000; t < 3600000; t += 5000)
		copy_watch_step(&c, (51u << 20) + (uint64_t)(t * 20), t);
	ok(c.copies, "and one that grows by 20 kB/s, for an hour");
	copy_watch_step(&c, 0, 3600000);
	ok(c.copies, "no answer is none");
	for (int64_t t = 3600000; t < 3700000; t += 5000)
		copy_watch_step(&c, (51u << 20) + (uint64_t)(3600000 * 20), t);
	ok(!c.copies, "one that grows no more is not");
	ok(wedge_space("/") > 0, "space taken: %llu", (unsigned long long)wedge_space("/"));
	ok(process_cpu_ms(getpid()) >= 0, "time computed: %lld",
		(long long)process_cpu_ms(getpid()));
	is_int(process_cpu_ms(0), -1, "of no process: unknown");
	is_int((long long)wedge_space("/does/not/exist"), 0, "of no store: none");
	return done();
}

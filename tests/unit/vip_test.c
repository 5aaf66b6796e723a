/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has the floating address: one node's rule, then clusters of proxies that talk to each other.
 */
// use: node-agent/vip/vip.c
#include <stdlib.h>
#include "node-agent/vip/vip.h"
#include "tap.h"
#include "util.h"

static struct vip_peer other;

/* pi2, whose agent has run for an hour, beside pi1 or pi3. */
static struct vip_look look_beside(const char *name)
{
	other = (struct vip_peer){.name = name, .present = true, .stands = true};
	return (struct vip_look){.up_ms = 3600000,
		.self = "pi2",
		.serves = true,
		.majority = true,
		.peers = &other,
		.npeers = 1};
}

static bool after(bool held, const struct vip_look *look)
{
	struct vip v;

	vip_begin(&v, held);
	vip_step(&v, look);
	return v.holds;
}

static void test_one(void)
{
	struct vip_look look = look_beside("pi3");

	ok(after(false, &look), "nobody has it: the first by name takes it");
	other.holds = true;
	ok(!after(false, &look), "not while another has it");
	ok(after(true, &look), "of two that have it the first by name keeps it");
	look = look_beside("pi1");
	ok(!after(false, &look), "it is left to one that is first");
	ok(after(true, &look), "but not given up to one");
	other.holds = true;
	ok(!after(true, &look), "unless that one has it, too");
	other.stands = false;
	ok(!after(false, &look), "one that has it counts, whether it stands or not");
	other.holds = false;
	ok(after(false, &look), "one that does not stand is no reason to wait");
	other.stands = other.holds = true;
	other.present = false;
	ok(after(false, &look), "nor is one that is gone");
}

static void test_stands(void)
{
	struct vip_look look = look_beside("pi3");

	look.serves = false;
	ok(!after(true, &look), "without a proxy it is given up");
	look.serves = true;
	look.majority = false;
	ok(!after(true, &look), "and without a majority");
	ok(!after(false, &look), "or not taken");
}

static void test_start(void)
{
	struct vip_look look = look_beside("pi3");

	look.up_ms = VIP_SETTLE_MS - 1;
	ok(!after(false, &look), "who has just started listens first");
	ok(after(true, &look), "but keeps what it had");
	look.serves = look.majority = false;
	ok(after(true, &look), "even before it has heard or asked anybody");
	look.up_ms = VIP_SETTLE_MS;
	ok(!after(true, &look), "for so long");
}

/* --- all of them, with hellos that take a round, and get lost for so long that nobody notices */

#define NODES 5
#define ROUND_MS 500

struct world {
	struct vip vip[NODES];
	struct vip_peer told[NODES][NODES]; /* what [i] has last heard of [j] */
	unsigned silent[NODES][NODES];      /* for so many rounds */
	bool serves[NODES];
	bool cut[NODES];
};

static char names[NODES][4] = {"pi1", "pi2", "pi3", "pi4", "pi5"};

static bool hears(const struct world *w, unsigned i, unsigned j)
{
	return w->cut[i] == w->cut[j];
}

static void play_round(struct world *w)
{
	struct vip before[NODES];

	memcpy(before, w->vip, sizeof(before));
	for (unsigned i = 0; i < NODES; i++) {
		unsigned heard = 0;
		for (unsigned j = 0; j < NODES; j++) {
			struct vip_peer *p = &w->told[i][j];
			bool through = hears(w, i, j) && rand() % 10;
			w->silent[i][j] = through ? 0 : w->silent[i][j] + 1;
			if (through || i == j)
				*p = (struct vip_peer){.name = names[j],
					.stands = before[j].stands,
					.holds = before[j].holds};
			p->present = i != j && w->silent[i][j] < 6;
			heard += p->present || i == j;
		}
		struct vip_look look = {.up_ms = 3600000,
			.self = names[i],
			.serves = w->serves[i],
			.majority = heard > NODES / 2,
			.peers = w->told[i],
			.npeers = NODES};
		vip_step(&w->vip[i], &look);
	}
}

static unsigned holders(const struct world *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < NODES; i++)
		n += w->vip[i].holds;
	return n;
}

/* One that stands and one side with a majority: somebody is to have it. */
static bool is_wanted(const struct world *w)
{
	unsigned sides[2] = {0}, serving[2] = {0};

	for (unsigned i = 0; i < NODES; i++) {
		sides[w->cut[i]]++;
		serving[w->cut[i]] += w->serves[i];
	}
	return serving[sides[1] > sides[0]] > 0;
}

static void test_all(void)
{
	unsigned wrong = 0, moved = 0;

	for (unsigned seed = 1; seed <= 300; seed++) {
		struct world w = {0};
		srand(seed);
		for (unsigned change = 0; change < 10; change++) {
			for (unsigned i = 0; i < NODES; i++) {
				w.serves[i] = rand() % 4;
				w.cut[i] = rand() % 4 == 0;
			}
			for (unsigned i = 0; i < 20; i++)
				play_round(&w);
			unsigned now = holders(&w);
			wrong += now != is_wanted(&w);
			struct vip calm[NODES];
			memcpy(calm, w.vip, sizeof(calm));
			for (unsigned i = 0; i < 20; i++) {
				play_round(&w);
				moved += memcmp(calm, w.vip, sizeof(calm)) != 0;
			}
		}
	}
	is_int(wrong, 0, "ten seconds after any change one has it, or nobody can");
	ok(moved < 60, "and there it stays, but for a loss of six hellos in a row (%u)", moved);
}

int main(void)
{
	test_one();
	test_stands();
	test_start();
	test_all();
	return done();
}

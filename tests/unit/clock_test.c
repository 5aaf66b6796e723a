/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose time is taken, when a clock may be set, and what becomes of a step. */
// use: node-agent/clock/clock.c
#include <string.h>
#include "node-agent/clock/clock.h"
#include "tap.h"

#define DAY INT64_C(86400000)
#define BUILT (20000 * DAY) /* 2024-10-04 */
#define Y1970 INT64_C(0)
#define Y2040 (25567 * DAY)
#define BOOTED (CLOCK_WAIT_MS + 1000) /* long enough ago for NTP */

static struct clock_sample at(int64_t wall_ms, int64_t now_ms, enum clock_trust trust)
{
	return (struct clock_sample){wall_ms - now_ms, 5, trust};
}

/* One look at rest, of a node that shows own, at now; returns what it is to add. */
static int64_t asked(
	int64_t now, struct clock_sample own, const struct clock_sample *peers, size_t n)
{
	struct clock_look look = {.now_ms = now,
		.own = own,
		.resting = true,
		.built_ms = BUILT,
		.peers = peers,
		.npeers = n};
	struct clock_verdict v;
	struct clock c = {0};

	clock_step(&c, &look, &v);
	return v.order == CLOCK_SET ? v.by_ms : 0;
}

static bool waits(int64_t now, struct clock_sample own, const struct clock_sample *peers, size_t n)
{
	struct clock_look look = {.now_ms = now,
		.own = own,
		.resting = true,
		.built_ms = BUILT,
		.peers = peers,
		.npeers = n};
	struct clock_verdict v;
	struct clock c = {0};

	clock_step(&c, &look, &v);
	return !v.ready && v.order == CLOCK_KEEP;
}

static void test_alone(void)
{
	struct clock_sample old = at(Y1970, 1000, CLOCK_FREE),
			    good = at(BUILT + DAY, 1000, CLOCK_FREE);

	ok(waits(1000, old, NULL, 0), "alone and new: it waits for NTP");
	ok(waits(1000, good, NULL, 0), "whatever its clock shows");
	ok(!waits(1000, at(BUILT + DAY, 1000, CLOCK_SYNCED), NULL, 0), "unless NTP has come");
	is_int(asked(BOOTED, at(Y1970, BOOTED, CLOCK_FREE), NULL, 0), BUILT,
		"then 1970 becomes the day of the image");
	is_int(asked(BOOTED, at(BUILT + DAY, BOOTED, CLOCK_FREE), NULL, 0), 0,
		"a likely time is kept");
	is_int(asked(BOOTED, at(Y2040, BOOTED, CLOCK_FREE), NULL, 0), 0,
		"and so is one far ahead: nobody knows better");
	is_int(asked(BOOTED, at(Y2040, BOOTED, CLOCK_SYNCED), NULL, 0), 0,
		"what NTP keeps is left alone");
}

static void test_synced_peer(void)
{
	struct clock_sample mine = at(BUILT + DAY, 1000, CLOCK_FREE),
			    peers[] = {
				    at(BUILT + 9 * DAY, 1000, CLOCK_SYNCED),
				    at(BUILT + DAY, 1000, CLOCK_SETTLED),
				    at(BUILT + DAY, 1000, CLOCK_FREE),
			    };

	is_int(asked(1000, mine, peers, 3), 8 * DAY, "a synchronised peer's time is taken at once");
	is_int(asked(1000, at(BUILT + DAY, 1000, CLOCK_SYNCED), peers, 3), 0,
		"not by one who is synchronised too");
	peers[0] = at(Y2040, 1000, CLOCK_SYNCED);
	is_int(asked(1000, mine, peers, 1), 0, "a synchronised 2040 is too far from the image");
	ok(waits(1000, mine, peers, 1), "and ends no wait");
	peers[0] = at(Y1970, 1000, CLOCK_SYNCED);
	is_int(asked(1000, mine, peers, 1), 0, "nor does a synchronised 1970");
}

static void test_wrong_synced(void)
{
	struct clock_sample mine = at(BUILT, 1000, CLOCK_FREE),
			    peers[] = {
				    at(BUILT + 3 * DAY, 1000, CLOCK_SYNCED),
				    at(BUILT + 900 * DAY, 1000, CLOCK_SYNCED),
				    at(BUILT + 3 * DAY + 20, 1000, CLOCK_SYNCED),
			    };

	is_int(asked(1000, mine, peers, 3), 3 * DAY + 20,
		"one of three that errs counts for nothing");
}

static void test_settled(void)
{
	struct clock_sample mine = at(BUILT + DAY, 1000, CLOCK_FREE),
			    peers[] = {
				    at(BUILT + 3 * DAY, 1000, CLOCK_SETTLED),
				    at(BUILT + 7 * DAY, 1000, CLOCK_FREE),
			    };

	is_int(asked(1000, mine, peers, 2), 2 * DAY,
		"whoever comes later takes the time of those that run");
	is_int(asked(1000, at(BUILT + 3 * DAY + 400, 1000, CLOCK_FREE), peers, 2), 0,
		"if it is off by more than a trifle");
}

static void test_median(void)
{
	struct clock_sample mine = at(BUILT + 2 * DAY, BOOTED, CLOCK_FREE),
			    peers[] = {
				    at(Y1970, BOOTED, CLOCK_FREE),
				    at(Y2040, BOOTED, CLOCK_FREE),
				    at(BUILT + 3 * DAY, BOOTED, CLOCK_FREE),
				    at(BUILT + 4 * DAY, BOOTED, CLOCK_FREE),
			    };

	is_int(asked(BOOTED, mine, peers, 4), DAY,
		"without NTP: the median, without the impossible");
	is_int(asked(BOOTED, mine, &peers[2], 1), 0, "of two clocks the earlier one");
	is_int(asked(BOOTED, at(BUILT + 5 * DAY, BOOTED, CLOCK_FREE), &peers[2], 1), -2 * DAY,
		"as the other one sees it too");
	is_int(asked(BOOTED, at(Y1970, BOOTED, CLOCK_FREE), &peers[2], 1), BUILT + 3 * DAY,
		"an impossible own clock has no say");
}

static void test_image_unknown(void)
{
	struct clock_sample peer = at(BUILT + 9 * DAY, 1000, CLOCK_SYNCED);
	struct clock_look look = {.now_ms = 1000,
		.own = at(Y1970, 1000, CLOCK_FREE),
		.resting = true,
		.peers = &peer,
		.npeers = 1};
	struct clock_verdict v;
	struct clock c = {0};

	clock_step(&c, &look, &v);
	ok(v.ready && v.order == CLOCK_KEEP,
		"an image that tells no date: nothing is set, nothing waits");
	look.built_ms = BUILT;
	look.fixed = true;
	clock_step(&c, &look, &v);
	ok(v.ready && v.order == CLOCK_KEEP, "nor in a container");
}

/* --- through a life */

struct life {
	struct clock clock;
	struct clock_look look;
	struct clock_verdict v;
};

static void live(struct life *l, int64_t ms)
{
	l->look.now_ms += ms;
	clock_step(&l->clock, &l->look, &l->v);
}

static struct life newborn(const struct clock_sample *peer)
{
	return (struct life){.look = {.now_ms = BOOTED,
				     .own = {.base_ms = BUILT},
				     .resting = true,
				     .built_ms = BUILT,
				     .peers = peer,
				     .npeers = peer ? 1 : 0}};
}

static void test_set_once(void)
{
	struct clock_sample peer = {BUILT + DAY, 5, CLOCK_SYNCED};
	struct life l = newborn(&peer);

	live(&l, 500);
	ok(l.v.order == CLOCK_SET && !l.v.ready, "it is to be set, and Neo4j waits for it");
	live(&l, 500);
	ok(l.v.order == CLOCK_KEEP && !l.v.ready && l.v.why[0], "not twice, and it waits on: %s",
		l.v.why);
	struct life done = l;
	done.look.own.base_ms += l.v.by_ms + DAY;
	live(&done, 500);
	ok(done.v.ready && !done.v.why[0], "when it shows the new time Neo4j may start");
	live(&l, CLOCK_SET_GRACE_MS);
	ok(l.v.ready && strstr(l.v.why, "24 h"), "and when it never does, after a while: %s",
		l.v.why);
	l = newborn(&peer);
	live(&l, 500);
	clock_failed(&l.clock);
	live(&l, 500);
	ok(l.v.ready && l.v.order == CLOCK_KEEP, "or at once when it cannot be set");
	l.look.resting = false;
	live(&l, 500);
	ok(!l.v.restart, "and for that nothing is restarted");
}

/* The helper was away once: that is said of that order, and of none after it. */
static void test_failed_once(void)
{
	struct clock_sample peer = {BUILT + DAY, 5, CLOCK_SYNCED};
	struct life l = newborn(&peer);

	live(&l, 500);
	clock_failed(&l.clock);
	l.look.resting = false;
	live(&l, CLOCK_RESTART_EVERY_MS);
	ok(!l.v.restart, "a clock that could not be set is lived with");
	l.look.resting = true;
	live(&l, 500);
	is_int(l.v.order, CLOCK_SET, "in the next rest that is tried again");
	live(&l, 500);
	ok(!l.v.ready && l.v.order == CLOCK_KEEP, "and Neo4j waits for it as for the first");
	l.look.own.base_ms += DAY;
	live(&l, 500);
	ok(l.v.ready, "it has worked");
	l.look.resting = false;
	live(&l, 500);
	peer.base_ms += DAY;
	live(&l, CLOCK_RESTART_EVERY_MS);
	ok(l.v.restart, "and a wrong clock asks for a restart again: %s", l.v.why);

	l = newborn(&peer);
	live(&l, 500);
	clock_failed(&l.clock);
	l.look.resting = false;
	live(&l, 500);
	l.look.own.base_ms = peer.base_ms;
	l.look.resting = true;
	live(&l, 500);
	ok(l.v.ready && l.v.order == CLOCK_KEEP, "a clock that is right at the next rest");
	l.look.resting = false;
	peer.base_ms += DAY;
	live(&l, CLOCK_RESTART_EVERY_MS);
	ok(l.v.restart, "has outlived it too");
}

static void test_running(void)
{
	struct clock_sample peer = {BUILT + 300, 5, CLOCK_SETTLED};
	struct life l = newborn(&peer);

	l.look.resting = false;
	live(&l, 500);
	ok(l.v.order == CLOCK_KEEP, "of two that run the earlier one leads");
	peer.base_ms = BUILT - 300;
	live(&l, 500);
	ok(l.v.order == CLOCK_SLEW && l.v.by_ms == -300, "the other one is slewed");
	live(&l, 500);
	ok(l.v.order == CLOCK_KEEP, "now and then");
	peer.base_ms = BUILT - DAY;
	live(&l, CLOCK_SLEW_EVERY_MS);
	ok(l.v.order == CLOCK_KEEP && !l.v.restart, "a day between two that know nothing stays");
	peer.trust = CLOCK_SYNCED;
	peer.base_ms = BUILT + DAY;
	live(&l, CLOCK_SLEW_EVERY_MS);
	ok(l.v.order == CLOCK_KEEP && l.v.restart, "for a synchronised one a restart is due: %s",
		l.v.why);
	l.look.own.trust = CLOCK_SYNCED;
	live(&l, 500);
	ok(!l.v.restart, "not when NTP has come meanwhile");
}

static void test_restart(void)
{
	struct clock_sample peer = {BUILT + DAY, 5, CLOCK_SYNCED};
	struct life l = newborn(&peer);

	l.look.resting = false;
	live(&l, 500);
	l.look.resting = true;
	live(&l, 500);
	is_int(l.v.order, CLOCK_SET, "in a restart the clock is set");
	l.look.own.base_ms += DAY;
	live(&l, 500);
	l.look.resting = false;
	live(&l, 500);
	ok(!l.v.restart, "and then nothing is wanted");
	peer.base_ms += DAY;
	live(&l, 500);
	ok(!l.v.restart, "not even when that peer changes its mind");
	live(&l, CLOCK_RESTART_EVERY_MS);
	ok(l.v.restart, "until an hour has passed");
}

static void test_step_back(void)
{
	struct life l = newborn(NULL);

	l.look.resting = false;
	live(&l, 500);
	l.look.own.base_ms += DAY;
	live(&l, 500);
	ok(!l.v.restart, "a step forward makes Neo4j's timers fire, which heals");
	l.look.own.base_ms -= 800;
	live(&l, 500);
	ok(!l.v.restart, "a small one back is slept through");
	l.look.own.base_ms -= DAY;
	live(&l, 500);
	ok(l.v.restart, "a large one stops them: %s", l.v.why);
	l.look.resting = true;
	live(&l, 500);
	l.look.resting = false;
	live(&l, 500);
	ok(!l.v.restart, "a restart cures it");
}

/* --- many at once */

#define NODES 9
#define ROUNDS 400 /* of half a second */

struct world {
	unsigned n;
	struct life node[NODES];
	struct clock_sample peers[NODES][NODES];
	int sets;
	bool outside, while_running;
};

static uint64_t seed;
static unsigned dice(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static int64_t random_clock(void)
{
	static const int64_t kinds[] = {Y1970, Y2040, BUILT, BUILT + 400 * DAY};

	return dice(3) ? BUILT + (int64_t)dice(1000) * 3600000 : kinds[dice(4)];
}

static void scatter(struct world *w, unsigned n)
{
	*w = (struct world){.n = n};
	for (unsigned i = 0; i < n; i++) {
		w->node[i] = newborn(NULL);
		w->node[i].look.now_ms = dice(60000);
		w->node[i].look.own.base_ms = random_clock() - w->node[i].look.now_ms;
		w->node[i].look.own.trust = dice(4) ? CLOCK_FREE : CLOCK_SYNCED;
	}
}

/* The machines booted at different moments: another's base, seen from here. */
static void show_peers(struct world *w, unsigned i)
{
	struct life *l = &w->node[i];
	size_t n = 0;

	for (unsigned k = 0; k < w->n; k++) {
		const struct life *o = &w->node[k];
		if (k == i || dice(10) == 0)
			continue;
		w->peers[i][n++] =
			(struct clock_sample){o->look.own.base_ms + o->look.now_ms - l->look.now_ms,
				5, clock_trust(&o->clock, &o->look)};
	}
	l->look.peers = w->peers[i];
	l->look.npeers = n;
}

static void obey(struct world *w, struct life *l)
{
	int64_t wall_ms = l->look.own.base_ms + l->look.now_ms + l->v.by_ms;

	if (l->v.order == CLOCK_SET) {
		w->sets++;
		w->while_running |= !l->look.resting;
		w->outside |= wall_ms < BUILT || wall_ms > BUILT + CLOCK_WINDOW_MS;
	}
	if (l->v.order != CLOCK_KEEP)
		l->look.own.base_ms += l->v.by_ms;
	else if (l->look.resting && l->v.ready && dice(4) == 0)
		l->look.resting = false;
	else if (l->v.restart && dice(20) == 0)
		l->look.resting = true;
}

static int64_t spread(const struct world *w)
{
	int64_t least = INT64_MAX, most = INT64_MIN;

	for (unsigned i = 0; i < w->n; i++) {
		int64_t wall_ms = w->node[i].look.own.base_ms + w->node[i].look.now_ms;
		least = wall_ms < least ? wall_ms : least;
		most = wall_ms > most ? wall_ms : most;
	}
	return most - least;
}

static unsigned synced(const struct world *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++)
		n += w->node[i].look.own.trust == CLOCK_SYNCED;
	return n;
}

static void play(struct world *w)
{
	for (int round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < w->n; i++) {
			show_peers(w, i);
			live(&w->node[i], 500);
			obey(w, &w->node[i]);
		}
	}
}

static bool all_run(const struct world *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		if (w->node[i].look.resting)
			return false;
	}
	return true;
}

static void test_world(void)
{
	int stuck = 0, outside = 0, running = 0, apart = 0, most = 0;
	struct world w;

	for (unsigned game = 0; game < 2000; game++) {
		seed = game;
		scatter(&w, 1 + dice(NODES));
		play(&w);
		stuck += !all_run(&w);
		outside += w.outside;
		running += w.while_running;
		most = w.sets > most ? w.sets : most;
		/* Those that NTP keeps are left apart, and who cannot choose between them too. */
		apart += synced(&w) == 0 && spread(&w) > 2 * CLOCK_SLEW_MAX_MS;
	}
	is_int(stuck, 0, "2000 random clusters: Neo4j always starts");
	is_int(outside, 0, "no clock is set outside the image's five years");
	is_int(running, 0, "nor while Neo4j runs");
	ok(most <= 4 * NODES, "nor again and again: %d at most", most);
	ok(apart < 2000 / 10, "without NTP clocks end up together: %d of 2000 did not", apart);
}

int main(void)
{
	test_alone();
	test_synced_peer();
	test_wrong_synced();
	test_settled();
	test_median();
	test_image_unknown();
	test_set_once();
	test_failed_once();
	test_running();
	test_restart();
	test_step_back();
	test_world();
	return done();
}

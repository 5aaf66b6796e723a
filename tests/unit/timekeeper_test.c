/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the decision meets: this machine's clock, which is looked at and never set. The helper that
 * could is this file's own.
 */
// use: node-agent/clock/timekeeper.c node-agent/clock/clock.c node-agent/hello.c
// use: node-agent/peers.c node-agent/quorum/wire.c node-agent/quorum/manifest.c
// use: node-agent/discover/whereabouts.c
#include <errno.h>
#include <stdlib.h>
#include "node-agent/clock/clock_set.h"
#include "node-agent/clock/timekeeper.h"
#include "tap.h"
#include "util.h"

static bool shared, works;
static int64_t asked_ms, asked_times;

bool clock_is_shared(void)
{
	return shared;
}

void helper_client_init(struct helper_client *c, struct loop *l, const char *path)
{
	*c = (struct helper_client){.loop = l, .path = path};
}

void helper_client_cancel(struct helper_client *c)
{
	c->done = NULL;
}

/* The real one never calls back from inside; what follows from an answer is the same. */
void helper_ask(
	struct helper_client *c, const struct helper_request *r, helper_done_fn *then, void *arg)
{
	(void)c;
	asked_ms = r->clock.ms;
	asked_times += !r->clock.slew;
	if (!works)
		then(arg, EPERM, "no right to set the clock");
}

#define DAY INT64_C(86400000)

static struct identity id;
static struct peers peers;

/* One peer that is present, NTP keeps its clock, and it is ahead by so much. */
static void peer_ahead(int64_t ms)
{
	int64_t now = boottime_ms();

	peers.n = 1;
	peers.peer[0] = (struct peer){
		.heard_ms = now, .clock = {realtime_ms() - now + ms, 3, CLOCK_SYNCED}};
}

static struct timekeeper keeper(const char *root)
{
	struct timekeeper t;

	asked_ms = asked_times = 0;
	timekeeper_open(&t, NULL, root, &id, "");
	return t;
}

int main(void)
{
	struct timekeeper t;

	id.built_ms = realtime_ms() - DAY;
	peer_ahead(3 * DAY);
	t = keeper("");
	ok(!t.now.ready,
		"before it has looked nothing is settled, not even on a node without Neo4j");
	timekeeper_step(&t, &peers, true);
	ok(llabs(t.look.own.base_ms + boottime_ms() - realtime_ms()) < 60000,
		"it reads this machine's clock");

	works = true;
	t = keeper("");
	timekeeper_step(&t, &peers, true);
	bool ntp = t.look.own.trust == CLOCK_SYNCED;
	ok(ntp || llabs(asked_ms + boottime_ms() - realtime_ms() - 3 * DAY) < 1000,
		"an order is carried out: what the clock is to be, however late that is done");
	ok(ntp || !t.now.ready, "and Neo4j waits for it");

	works = false;
	t = keeper("");
	timekeeper_step(&t, &peers, true);
	timekeeper_step(&t, &peers, true);
	ok(t.now.ready && asked_times <= 1, "one that fails is not repeated, and holds up nothing");
	ok(ntp || strcmp(t.refused, "no right to set the clock") == 0, "its reason is kept");

	t = keeper("/some/where");
	timekeeper_step(&t, &peers, true);
	is_int(asked_times, 0, "an agent with a root of its own sets no clock");
	shared = true;
	t = keeper("");
	timekeeper_step(&t, &peers, true);
	is_int(asked_times, 0, "nor does one in a container");
	ok(t.now.ready, "and Neo4j starts by whatever time it is");
	shared = false;
	peers.peer[0].heard_ms = -1;
	t = keeper("");
	timekeeper_step(&t, &peers, true);
	is_int(asked_times, 0, "a peer that is not present has no say");
	return done();
}

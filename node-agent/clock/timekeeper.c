/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>
#include "clock_set.h"
#include "hello.h"
#include "log.h"
#include "timekeeper.h"
#include "util.h"

/*
 * The kernel's word, which any NTP client gives it; it takes it back when nobody has corrected the
 * clock for hours. Where a sandbox forbids to ask, systemd-timesyncd's own.
 */
static bool is_synced(void)
{
	struct timex t = {0};

	if (adjtimex(&t) >= 0)
		return !(t.status & STA_UNSYNC);
	return access("/run/systemd/timesync/synchronized", F_OK) == 0;
}

void timekeeper_open(struct timekeeper *t, struct loop *l, const char *root,
	const struct identity *id, const char *helper)
{
	*t = (struct timekeeper){
		.look = {.fixed = root[0] || clock_is_shared(), .built_ms = id->built_ms}};
	helper_client_init(&t->helper, l, helper);
}

void timekeeper_close(struct timekeeper *t)
{
	helper_client_cancel(&t->helper);
}

static size_t collect(const struct peers *peers, struct clock_sample *to)
{
	size_t n = 0;

	for (size_t i = 0; i < peers->n; i++) {
		if (peer_present(&peers->peer[i]))
			to[n++] = peers->peer[i].clock;
	}
	return n;
}

static void on_answer(void *arg, int code, const char *text)
{
	struct timekeeper *t = arg;

	if (code == 0)
		return;
	if (t->sets) /* a slew that failed may be tried again */
		clock_failed(&t->clock);
	if (strncmp(t->refused, text, WHY_SIZE - 1) != 0)
		log_error("%s", text);
	why_copy(t->refused, text);
}

static void obey(struct timekeeper *t)
{
	const struct clock_verdict *v = &t->now;
	struct helper_request r = {.verb = HELPER_CLOCK, .clock.ms = v->by_ms};

	if (v->order == CLOCK_KEEP)
		return;
	t->sets = v->order == CLOCK_SET;
	r.clock.slew = !t->sets;
	if (t->sets)
		r.clock.ms += t->look.own.base_ms;
	if (t->sets)
		log_warn("%s", v->why);
	helper_ask(&t->helper, &r, on_answer, t);
}

void timekeeper_step(struct timekeeper *t, const struct peers *peers, bool resting)
{
	struct clock_sample samples[MEMBERS_MAX];

	t->look.now_ms = boottime_ms();
	t->look.own.base_ms = realtime_ms() - t->look.now_ms;
	t->look.own.trust = is_synced() ? CLOCK_SYNCED : CLOCK_FREE;
	t->look.resting = resting;
	t->look.peers = samples;
	t->look.npeers = collect(peers, samples);
	clock_step(&t->clock, &t->look, &t->now);
	t->look.peers = NULL;
	obey(t);
}

enum clock_trust timekeeper_trust(const struct timekeeper *t)
{
	return clock_trust(&t->clock, &t->look);
}

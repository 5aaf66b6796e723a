/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include "hello.h"
#include "restart.h"

void restart_ask(struct restart *r, const char *reason)
{
	r->asked = true;
	why_copy(r->reason, reason);
}

/* Another process than the one that was there when the turn came serves. */
static bool is_done(const struct restart *r, const struct restart_look *look)
{
	return r->stopped && look->turn.ready && look->service == SERVICE_RUNNING &&
	       look->main_pid != r->pid;
}

static bool is_quiet(const struct restart *r, const struct restart_look *look)
{
	return look->quiet && !r->asked && !r->stopped;
}

/* A turn that was begun is finished, whatever is wished for meanwhile. */
static bool is_wanted(struct restart *r, const struct restart_look *look)
{
	if (look->copies && !r->stopped && !is_quiet(r, look))
		return false;
	if (!r->asked && !r->stopped)
		why_copy(r->reason, look->wish);
	return r->asked || r->stopped || look->wish[0];
}

bool restart_step(struct restart *r, const struct restart_look *look)
{
	int64_t now_ms = look->turn.now_ms;

	if (is_done(r, look)) {
		r->asked = r->stopped = false;
		r->reason[0] = '\0';
	}
	bool holds = turn_step(&r->turn, &look->turn, is_wanted(r, look));
	if (!holds || look->service != SERVICE_RUNNING || is_quiet(r, look))
		return false;
	if (r->stopped && (look->main_pid != r->pid || now_ms - r->stopped_ms < RESTART_AGAIN_MS))
		return false;
	r->stopped = true;
	r->stopped_ms = now_ms;
	r->pid = look->main_pid;
	return true;
}

void restart_why(const struct restart *r, char why[WHY_SIZE])
{
	char text[3 * WHY_SIZE];

	why[0] = '\0';
	if (r->turn.word.stage == TURN_NONE)
		return;
	snprintf(text, sizeof(text), "restarts in its turn: %s%s%s", r->reason,
		r->turn.why[0] ? "; " : "", r->turn.why);
	why_copy(why, text);
}

size_t restart_peers(const struct peers *peers, struct turn_peer *to)
{
	size_t n = 0;

	for (size_t i = 0; i < peers->n; i++) {
		const struct peer *p = &peers->peer[i];
		if (!(p->member->roles & ROLE_VOTER))
			continue;
		to[n++] = (struct turn_peer){
			.name = p->member->name,
			.id = p->member->id,
			.present = peer_present(p),
			.ready = p->last.state == NODE_SERVING,
			.master = p->last.role == NEO4J_MASTER,
			.last_tx = p->last.last_tx,
			.word = p->last.turn,
		};
	}
	return n;
}

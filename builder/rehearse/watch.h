/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_WATCH_H
#define BRAMBLE_WATCH_H

#include "live/view.h"
#include "loop.h"
#include "rehearsal.h"

/*
 * Asks every machine's agent how it is. What the agent says of its own node counts; for a node
 * whose agent is silent the supervisor knows better than its peers whether it has power at all.
 */
struct watch;

/* changed is called when an answer came or failed to come. The caller is in the namespace. */
MUST_CHECK struct watch *watch_new(
	struct loop *l, struct rehearsal *r, void (*changed)(void *arg), void *arg, struct err *e);
void watch_free(struct watch *w);

/* Asks all machines that have power and owe no answer. Forgets those that have none. */
void watch_ask(struct watch *w);

/* The whole cluster now, one row per machine in the order of cluster.conf. */
void watch_view(const struct watch *w, struct cluster_view *v);

/* Has the machine's agent answered since its last power-on? */
bool watch_heard(const struct watch *w, const struct machine *m);

#endif

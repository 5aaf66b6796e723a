/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_SECRET_FILE_H
#define BRAMBLE_INSPECT_SECRET_FILE_H

#include "buf.h"
#include "cluster/state.h"

/*
 * cluster.secret as it lies on a card: a line of 64 hex digits. While `bramble rotate` is not
 * finished there may be two, of which the first is used and both are understood (docs/CONTROL.md).
 */
#define SECRET_FILE "/etc/bramble/cluster.secret"
#define SECRET_CHANGES                                                                          \
	"a change of the cluster's secret is not finished; if bramble rotate was stopped, say " \
	"it again"

/* How many lines of so many hex digits the text is; 0: it is something else. */
size_t secret_lines(const struct buf *text, size_t digits);

/*
 * Is it what a change of the secret that is not finished leaves? Two lines, one of them what the
 * cluster's state has, or the one alone that will be its secret.
 */
bool secret_is_changing(const struct buf *text, const struct state *s);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_WHEREABOUTS_H
#define BRAMBLE_WHEREABOUTS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Where a peer is talked to. Pure.
 *
 * What node.conf says holds while the peer is heard at all. Where it says nothing, or nobody is
 * there, a hello that counts tells the address it came from; that such a hello came from elsewhere
 * than the last one means that the peer has moved. A genuine hello that does not count yet may be
 * a replay from anywhere: its source is only tried, beside what is known, and the newest two are
 * remembered, so that a replay cannot displace the living one.
 */
#define WHEREABOUTS_MAYBE 2
#define WHEREABOUTS_MAX (2 + WHEREABOUTS_MAYBE)

struct whereabouts {
	struct in_addr configured; /* 0: node.conf does not say */
	struct in_addr address;    /* 0: not known */
	struct in_addr maybe[WHEREABOUTS_MAYBE];
};

void whereabouts_begin(struct whereabouts *w, struct in_addr configured);

/* A hello from there counted; the peer was present before. */
void whereabouts_heard(struct whereabouts *w, struct in_addr from, bool present);

/* It may be there, by a genuine hello or by what is remembered. */
void whereabouts_maybe(struct whereabouts *w, struct in_addr from);

/* Where to send to now: returns how many. */
size_t whereabouts_targets(
	const struct whereabouts *w, bool present, struct in_addr to[WHEREABOUTS_MAX]);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_PACE_H
#define PROXY_PACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Does a client send its body, and take its answer, at no less than a rate that any line has? As
 * Apache's mod_reqtimeout (RequestReadTimeout body=5,MinRate=500) of bodies: there is a time to
 * wait for it, and bytes that come, or are taken, prolong that. Here never to more than it was: who
 * begins quickly may not be slow for ever after. Only while it is the client that is waited for
 * does the time run. Pure data, no clock of its own.
 */
#define PACE_MS 5000
#define PACE_MIN_RATE 500 /* bytes of data per second */

struct pace {
	int64_t left_ms;
	int64_t since_ms; /* the client has been waited for; 0: it is not */
	uint64_t bytes;   /* that had moved */
};

/* A body begins, or an answer. */
void pace_start(struct pace *p);
/* bytes have moved in all, never less than before; waits: it is the client's turn. */
void pace_note(struct pace *p, uint64_t bytes, bool waits, int64_t now_ms);
bool pace_too_slow(const struct pace *p, int64_t now_ms);

#endif

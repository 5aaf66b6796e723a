/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_PACE_H
#define PROXY_PACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Does a client send its body, and take its answer, at no less than a rate that any line has? As
 * Apache's mod_reqtimeout (RequestReadTimeout body=5,MinRate=500) of bodies: there is a time to
 * wait for it, PACE_MS at first, and bytes that come, or are taken, prolong that. Here to no more
 * than a most: who begins quickly may not be slow for ever after. Only while it is the client that
 * is waited for does the time run. Pure data, no clock of its own.
 *
 * The most is more for answers, because what a client takes is not seen when it takes it. Once the
 * receive buffer of its system is full, that tells of room when a sixteenth of it is free, or all
 * of it where segments are large: a steady reader seems to take nothing for long, and then much.
 * PACE_ANSWER_MS lets one of 5 kB/s empty 200 kB first, more than a buffer has that did not grow,
 * and ends before who waits has done so for hold_ms (45 s by default).
 */
#define PACE_MS 5000         /* at first, and the most of a body */
#define PACE_ANSWER_MS 40000 /* the most of an answer */
#define PACE_MIN_RATE 500    /* bytes of data per second */

struct pace {
	int64_t left_ms, most_ms;
	int64_t since_ms; /* the client has been waited for; 0: it is not */
	uint64_t bytes;   /* that had moved */
};

/* A body begins, or an answer; most_ms: as above. */
void pace_start(struct pace *p, int64_t most_ms);
/* bytes have moved in all, never less than before; waits: it is the client's turn. */
void pace_note(struct pace *p, uint64_t bytes, bool waits, int64_t now_ms);
bool pace_too_slow(const struct pace *p, int64_t now_ms);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_ASKED_H
#define PROXY_BOLT_ASKED_H

#include <stdint.h>

#define ASKED_MAX 128 /* requests under way on one connection */

/* A ring of the requests that were sent and not answered yet, a byte for each. */
struct asked {
	uint8_t tag[ASKED_MAX];
	uint8_t first, n;
};

static inline void asked_push(struct asked *a, uint8_t tag)
{
	a->tag[(a->first + a->n++) % ASKED_MAX] = tag;
}

static inline uint8_t asked_pop(struct asked *a)
{
	uint8_t tag = a->tag[a->first];

	a->first = (uint8_t)((a->first + 1) % ASKED_MAX);
	a->n--;
	return tag;
}

#endif

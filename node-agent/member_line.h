/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MEMBER_LINE_H
#define BRAMBLE_MEMBER_LINE_H

#include "buf.h"
#include "sealed.h"
#include "talk.h"

/*
 * Asks another member one thing by the control protocol (docs/CONTROL.md): for children of the
 * agent's, which may wait.
 */

/* What comes before the answer; -1 ends it. */
typedef int member_data_fn(void *arg, const char *p, size_t n, struct err *e);

/* where: "A.B.C.D:PORT"; request is stolen. -1: why is said, with where before it. */
MUST_CHECK int member_ask(const char *where, const struct sealed_key *key, json_t *request,
	member_data_fn *data, void *arg, struct err *e);

/* A member_data_fn whose arg is a struct member_text: all that comes, up to max bytes. */
struct member_text {
	struct buf *to;
	size_t max;
	const char *over; /* what is said of more */
};
MUST_CHECK int member_collect(void *arg, const char *p, size_t n, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HELPER_DEED_H
#define BRAMBLE_HELPER_DEED_H

#include "../agent.h"
#include "buf.h"
#include "helper_wire.h"

/*
 * What a request comes to: it is done and answered at once, or a program is to be run whose output
 * is the answer. One table of verbs.
 */
struct helper_deed {
	const char *argv[9]; /* argv[0] NULL: answered at once */
	int input;           /* that program's stdin, to be closed; -1: none */
	int code;            /* of an answer at once: 0 or an errno */
	char text[512];
	char number[16]; /* what argv may point to */
};

/*
 * An agent with a root of its own is a test's: with it neither this machine's services nor its
 * clock nor its firewall are touched, only what the options name instead.
 */
void helper_do(
	const struct agent_options *o, const struct helper_request *r, struct helper_deed *d);

#endif

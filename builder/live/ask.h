/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ASK_H
#define BRAMBLE_ASK_H

#include <netinet/in.h>
#include "buf.h"

/* GET /cluster of an agent's API, into an empty body. `where` is for errors. */
MUST_CHECK int ask_agent(
	const struct sockaddr_in *to, const char *where, struct buf *body, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_ROOM_H
#define PROXY_BOLT_ROOM_H

#include "bolt.h"

/*
 * At limits.maxconn connections one that has owed its login for HEAD_YIELDS_MS gives way to a
 * newcomer (yield.h), as one of HTTP's does that owes a head. Nobody who has logged in ever does.
 */
struct room {
	struct session *session; /* who has to go for the newcomer; both NULL: nobody */
	struct tunnel *tunnel;
};

/* May one more come? */
MUST_CHECK bool room_found(struct front *f, struct room *r);
/* It is there: whoever has to go goes. */
void room_take(const struct room *r);

#endif

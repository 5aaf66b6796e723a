/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_LINK_H
#define PROXY_BOLT_LINK_H

#include "bolt.h"

/*
 * A connection to a member, logged in as one principal. It belongs to one session while it is being
 * opened and while it is bound, and then waits with its principal for the next transaction of
 * whoever has the same name and password.
 */

/* Opens one for the session, which hears of it: session_link_ready, _refused or _failed. */
MUST_CHECK struct link *link_open(struct bolt_member *m, struct session *s);
/* An idle one (off its list) becomes the session's. */
void link_bind(struct link *l, struct session *s);
/* Its session needs it no more: it waits for the next one. With `reset` it is reset first. */
void link_release(struct link *l, bool reset);
/* A request without fields goes to the member. */
void link_put_request(struct link *l, enum bolt_tag tag);
/* A whole message's data, to be converted for l->up. -1: it cannot be. */
MUST_CHECK int link_convert(struct link *l, const void *data, size_t n);
/* Closes it; what it was doing at the member ends there. The session is not told. */
void link_close(struct link *l);
/* Closes it and tells the session, if it has one. */
void link_lost(struct link *l, const char *why);
/* Sends what is in l->out, and reads while the session's `out` has room. */
void link_watch(struct link *l);
/* Frees what was closed. */
void links_sweep(struct front *f);

#endif

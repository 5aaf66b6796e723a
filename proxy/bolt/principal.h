/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_PRINCIPAL_H
#define PROXY_BOLT_PRINCIPAL_H

#include "bolt.h"

/*
 * Who is on the other side, and the links opened as them. Found by a keyed hash; the HELLO with the
 * password is kept in memory that is locked and zeroed, for opening more links, and goes with the
 * last session and link of that principal.
 */

/*
 * The principal of this HELLO (a whole message's data) of that version, with one more session on
 * it. NULL and *bad when the message is malformed, NULL alone when memory is gone.
 */
struct principal *principal_take(
	struct front *f, struct bolt_version version, const void *hello, size_t n, bool *bad);
void principal_release_session(struct principal *p);
void principal_release_link(struct principal *p);
/* Did a member agree to the password a short time ago? */
bool principal_trusted(const struct principal *p);
void principal_verified(struct principal *p, struct slice server);
/* A member refused the password: nothing that it opened is used again. */
void principal_refused(struct principal *p);
/* An idle link of p to m, taken off the list; NULL when there is none that is still open. */
struct link *principal_idle_link(struct principal *p, const struct bolt_member *m);

#endif

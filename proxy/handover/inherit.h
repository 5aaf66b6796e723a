/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_HANDOVER_INHERIT_H
#define PROXY_HANDOVER_INHERIT_H

#include <stdbool.h>
#include "buf.h"
#include "err.h"

/*
 * What one process of the proxy leaves the next: listening sockets, as descriptors in the
 * environment, and a pipe to say in that it serves. A socket that the next one does not want,
 * because its proxy.conf says another address, it closes.
 */

/* A listening socket on `where`: the one inherited for the same words, else a new one. */
MUST_CHECK int inherit_listen(const char *where, struct err *e);
/* Does this process take over from one? */
bool inherit_is_next(void);
/*
 * Closes what nobody asked for, tells the process before that this one serves, once. Was there one?
 */
bool inherit_done(void);
/* What was ordered of members before: "NAME ADMIN WEIGHT;..." or NULL; the caller's to free. */
char *inherit_orders(void);

/* For the process before, between fork and exec: fd is what is listening on `where`. */
void inherit_leave(struct buf *listeners, const char *where, int fd);
void inherit_put_environment(const struct buf *listeners, int ready_fd, const char *orders);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_ROUTE_H
#define PROXY_ROUTE_H

#include "proxy.h"

/*
 * Does this request need the master? By the article's rule, a field X-Write with the value 1; by
 * access-mode (4.4 and later); and where slaves do not pass writes on, statements that say neither.
 */
bool route_is_write(const struct proxy *p, const struct http_head *h, const struct tx_target *t);
/* RFC 9110 9.2.1; a method that is not known is not. */
bool route_is_safe(struct slice method);
/* The member for the next read, by the configured balance; NULL when none has room. */
struct member *route_read(const struct proxy *p);
/*
 * Likewise for one that is to see all that was acknowledged before since_ms: a member that has it,
 * else the master, which has.
 */
struct member *route_read_since(struct proxy *p, int64_t since_ms);
/* It was m: the next read begins to look behind it, in turns once it had as many as its weight. */
void route_chosen(struct proxy *p, const struct member *m);
/* Is there any member that could take it, with room or not? */
bool route_possible(struct proxy *p, bool write);
bool route_possible_since(struct proxy *p, int64_t since_ms);

#endif

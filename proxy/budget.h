/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BUDGET_H
#define PROXY_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * How much memory this process keeps of what clients have sent that no member takes yet: heads and
 * the bodies behind them, Bolt's messages before they have a transaction, what lies in bridges.
 * Each client always has BUDGET_FREE, so that ordinary requests never meet the rest; what is above
 * that is counted, and all of it together ends near BUDGET_MAX: who finds some left may
 * read once more. That leaves room in the unit's MemoryMax, also for a second process during a
 * reload; a connection by TLS takes 18 kB besides.
 *
 * Who can wait (it is read on later) leaves the second half to those who cannot: these have to be
 * refused when all is spent.
 */
#define BUDGET_MAX (16u << 20)
#define BUDGET_FREE 8192u

struct budget {
	size_t used;
};

/* Somebody's memory has n bytes now; *counted is his own and begins with 0. */
void budget_hold(struct budget *b, size_t *counted, size_t n);
bool budget_half(const struct budget *b);
bool budget_spent(const struct budget *b);

#endif

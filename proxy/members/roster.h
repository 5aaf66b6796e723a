/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_ROSTER_H
#define PROXY_ROSTER_H

#include <netinet/in.h>
#include <stdbool.h>
#include "proxy_conf.h"

/*
 * Who is a member by the word of the agents: pure functions of what each of them tells. It counts
 * what more than half of all of them say, the silent ones included: one agent that is out of date,
 * cut off or in the wrong hands takes no member away and brings none in.
 */
#define ROSTER_NAME 64

struct roster_row {
	unsigned id;
	char name[ROSTER_NAME];
	struct in_addr address; /* 0: not known */
};

struct roster {
	size_t n;
	struct roster_row rows[MEMBERS_MAX];
};

struct roster_votes {
	const struct roster *says[MEMBERS_MAX]; /* NULL: nothing lately */
	size_t n;                               /* the agents there are */
};

/*
 * Those that more than half of the agents tell of. An address is the one that more than half of
 * those who know one for this member tell.
 */
void roster_decide(const struct roster_votes *v, struct roster *to);
/* Do more than half of the agents tell who is a member, and not of that one? */
bool roster_denies(const struct roster_votes *v, const struct roster_row *who);

/* Are they the same member? One may have been renamed or have moved, not both at once. */
bool roster_means(const struct roster_row *a, const struct roster_row *b);
/* The row with that server id, or NULL. */
const struct roster_row *roster_find(const struct roster *r, unsigned id);
bool roster_same(const struct roster *a, const struct roster *b);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_MEMBERSHIP_H
#define PROXY_MEMBERSHIP_H

#include "proxy.h"

/*
 * Members come, go and move while requests run: those proxy.conf names are there from the start;
 * then who has an agent is a member as long as the agents say so (roster.h). A member without an
 * agent is what proxy.conf says. The states of a slot are in proxy.h.
 *
 * A newcomer has the ports of the member whose agent tells of it.
 */
#define LEAVING_MS 60000
#define ID_RESTS_MS 120000

MUST_CHECK int membership_start(struct proxy *p, struct err *e);
void membership_stop(struct proxy *p);

/* m's agent told who is a member; NULL: nothing that could be used. Acted upon by the loop. */
void membership_heard(struct member *m, const struct roster *r);
/* A member died or lost the mastership: one that is leaving may be done. */
void membership_look(struct proxy *p);

#endif

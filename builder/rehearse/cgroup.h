/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CGROUP_H
#define BRAMBLE_CGROUP_H

#include <stdbool.h>
#include "err.h"

/*
 * Control groups "GROUP/NODE", one per machine, else the machines' systemds would share one and
 * fight over it. On a host with the unified hierarchy (v2) that is one folder; on a v1 or hybrid
 * host one in systemd's own hierarchy and one in the unified one beside it, if there is one.
 */

/* Makes the machine's groups and moves the calling process into them. */
MUST_CHECK int cgroup_enter(const char *group, const char *node, struct err *e);

/* Stops or continues all processes of a machine at once. False where the host cannot. */
bool cgroup_freeze(const char *group, const char *node, bool frozen);

/* kill -9 to every process below "GROUP", until none is left. Leaves the caller alone. */
MUST_CHECK int cgroup_kill(const char *group, struct err *e);

/* Removes "GROUP" and all below it. None there is fine. */
MUST_CHECK int cgroup_remove(const char *group, struct err *e);

#endif

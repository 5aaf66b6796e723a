/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NETNS_H
#define BRAMBLE_NETNS_H

#include "rehearsal.h"

/*
 * The rehearsal's network: a namespace of its own with one bridge that has the gateway's address.
 * The host's own network is not touched.
 */

/* Makes it, and moves the calling process into it for good. */
MUST_CHECK int netns_create(const struct rehearsal *r, struct err *e);

/* Removes it; none there is fine. */
MUST_CHECK int netns_remove(const char *name, struct err *e);

/* Pulls the machine's cable; one that has just got power may have none yet. In the namespace only.
 */
MUST_CHECK int netns_unplug(const struct machine *m, struct err *e);

/*
 * Frees the name of a dead machine's port, which the kernel would do in its own time: until then
 * systemd-nspawn cannot start the machine again. In the namespace only.
 */
MUST_CHECK int netns_drop_port(const struct machine *m, struct err *e);

#endif

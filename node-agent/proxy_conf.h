/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PROXY_CONF_H
#define BRAMBLE_PROXY_CONF_H

#include <stdbool.h>
#include "err.h"
#include "util.h"

/*
 * The members' addresses in /etc/bramble/proxy.conf, where the network gives them: the builder
 * wrote a line for each data node, with an address nobody has (RFC 5737) where it knew none. A unit
 * runs `bramble-agent proxy` as root when the machine boots, for a member may be back where
 * node.conf says, and when /run/bramble/addresses changes.
 */

/*
 * To be held by whoever makes the file anew, or puts another generation's in its place: what was
 * read of the one before must not be what is there in the end. An fd for the caller to close.
 */
MUST_CHECK int proxy_conf_lock(const char *root, struct err *e);

/*
 * Makes the file below root say where the members are by node.conf and by what the network has
 * given, atomically; *changed says whether anything was to be done. A node without a proxy has no
 * such file, and nothing is to be done.
 */
MUST_CHECK int proxy_conf_renew(const char *root, bool *changed, struct err *e);

#endif

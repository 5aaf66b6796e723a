/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PROXY_CONF_H
#define BRAMBLE_PROXY_CONF_H

#include "buf.h"
#include "discover/book.h"
#include "identity.h"

/*
 * The members' addresses in /etc/bramble/proxy.conf, where the network gives them: the builder
 * wrote a line for each data node, with an address nobody has (RFC 5737) where it knew none. A unit
 * runs `bramble-agent proxy` as root when the machine boots, for a member may be back where
 * node.conf says, and when /run/bramble/addresses changes.
 */

/* Pure: text with the lines made anew of those in the book, or in node.conf with an address. */
void proxy_conf_replace(
	const struct identity *id, const struct book *book, const char *text, struct buf *to);

/* Does it to the file at path, atomically; *changed says whether anything was to be done. */
MUST_CHECK int proxy_conf_write(const struct identity *id, const struct book *book,
	const char *path, bool *changed, struct err *e);

#endif

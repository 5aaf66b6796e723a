/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSTALL_H
#define BRAMBLE_INSTALL_H

#include "../agent.h"
#include "../identity.h"

/*
 * Another Neo4j, beside the one there is, in the system below root:
 *
 *	/opt/bramble-new/node.conf		as it will be; its line "neo4j" is what counts
 *	/opt/bramble-new/alone/neo4j.conf	for the run that upgrades a store
 *	/opt/bramble-new/program -> ../neo4j-VERSION
 *	/opt/neo4j-VERSION			with this node's configuration
 *
 * It came as a pack with node.conf, alone/neo4j.conf and neo4j/; the latter does not come to a card
 * that was flashed with that version, and only has a store of an older one (store_version.h). What
 * is in it belongs to root and runs as Neo4j's user only.
 */
#define INSTALL_NEW "/opt/bramble-new"
#define INSTALL_RESULT "/opt/bramble-new.result" /* as UNPACK_RESULT */

/* Makes all that of /srv/bramble/bramble.incoming: bramble-install.service, as root. */
MUST_CHECK int install_run(const struct agent_options *o, struct err *e);

/*
 * What was installed becomes this node's Neo4j: the line in /etc/bramble/node.conf, then the link
 * /opt/neo4j. Again does no harm. bramble-switch.service, as root.
 */
MUST_CHECK int switch_run(const struct agent_options *o, struct err *e);

/* Is version this node's Neo4j, by both? */
bool switch_is_done(const char *root, const char *version);

/* Does node.conf name another version than the one that its agent knows? */
bool switch_is_begun(const char *root, const char *known);

/* Pure: node.conf with the line "neo4j {...}" of `from`. -1: one of them has none. */
MUST_CHECK int switch_line(const char *conf, const char *from, struct buf *out);

#endif

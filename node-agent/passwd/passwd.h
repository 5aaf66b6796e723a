/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PASSWD_H
#define BRAMBLE_PASSWD_H

#include "../control/call.h"

/*
 * Another password for a user of this node's Neo4j: HA does not replicate its users, so the owner's
 * PC says it to each node. Neo4j itself is told, over HTTP on this machine, with the password in
 * neo4j.password; where that one's own password is changed the file follows, by the helper, and the
 * agent asks by it from then on. Said again, to a node that has done it already, it is done again.
 */
extern const struct verb passwd_verb;

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ASSIGN_H
#define BRAMBLE_ASSIGN_H

#include "agent.h"
#include "identical.h"

/*
 * Which node a card of identical images is: settled once, when it boots first, by the unit
 * bramble-assign, before the network. In this order:
 *
 *	1. p3's marker: whose it is already. That never changes: id and store stay with the card
 *	   (what becomes of a card in another board is pin.h's), and a kept p3 stays its node's.
 *	2. bramble.txt's node = "NAME".
 *	3. the board's serial number, by cluster.conf's serial = "..." of the node.
 *
 * A word of bramble.txt that contradicts the marker, a name or a number that nobody has, and a
 * board that tells none are refused: then the card is nobody's, and says so (nobody.h).
 *
 * The answer goes onto p3 first; then each file of that node's goes into its place by rename,
 * node.conf last; then the folder with those of all nodes is removed, and the machine boots again,
 * as the card of an image of its own. After a power cut between any two of these the next boot does
 * the rest, with the same answer.
 */
struct assign_look {
	const char *serial; /* the board's; "": it tells none */
	const char *wanted; /* by bramble.txt; "": not said */
	const char *marked; /* by p3; "": nobody's yet */
};

/* Pure: the node, or NULL and why not. */
MUST_CHECK const char *assign_decide(
	const struct identical *all, const struct assign_look *look, struct err *e);

MUST_CHECK int assign_run(const struct agent_options *o, struct err *e);

#endif

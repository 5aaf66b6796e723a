/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_IDENTICAL_H
#define BRAMBLE_IDENTICAL_H

#include "generation.h"
#include "serial.h"

/*
 * One image for all nodes of a cluster (cluster.conf: identical_images = true) carries what makes a
 * card each of them, in a folder of root's on p2:
 *
 *	list.json	the list of generation.h with any path, and beside it
 *			"name": of the cluster, "profile": of its Neo4j,
 *			"serials": {"pi1": "10000000abcdef01", ...}: whose board is which node
 *	HEX		the content of that digest
 *
 * The node that a card is gets its files put in place at the first boot (node-agent/assign.h), and
 * the folder is removed.
 */
#define IDENTICAL_DIR "/usr/lib/bramble/nodes"
#define IDENTICAL_LIST IDENTICAL_DIR "/list.json"
#define IDENTICAL_NODES_MAX 127

struct identical_node {
	const char *name;         /* of the list */
	char serial[SERIAL_TEXT]; /* "": only bramble.txt can name it */
};

struct identical {
	struct generation list;
	const char *cluster; /* its name */
	const char *profile;
	size_t n;
	struct identical_node node[IDENTICAL_NODES_MAX];
};

/*
 * Pure: the text of list.json. After it names are unique, so are serial numbers, and each of these
 * is a node's.
 */
MUST_CHECK int identical_parse(const char *text, size_t n, struct identical *to, struct err *e);
void identical_close(struct identical *to);
#define _cleanup_identical_ _cleanup_(identical_close)

/* NULL: there is none of that name. */
const struct identical_node *identical_find(const struct identical *all, const char *name);

#endif

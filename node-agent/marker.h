/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_MARKER_H
#define BRAMBLE_MARKER_H

#include "identity.h"

/*
 * The builder leaves DIR/bramble.marker on p3: whose store this partition may hold. An unmounted
 * p3 must not look like a first boot, nor may another node's card be taken for one's own. Hence
 * nothing is formed, started, grown or written unless marker_check agrees.
 */
enum marker_state {
	MARKER_VIRGIN, /* no Neo4j has run on it */
	MARKER_USED,
};

struct marker {
	uint8_t cluster_id[CLUSTER_ID_SIZE];
	char node[NAME_SIZE];
	unsigned layout;
	enum marker_state state;
};

#define MARKER_LAYOUT 1

/* Pure: parses a marker's text. name stands for the file in errors. */
MUST_CHECK int marker_parse(const char *name, const char *text, struct marker *m, struct err *e);

/* Is dir a mount point that holds this node's marker? Fills *m; else -1 and the reason. */
MUST_CHECK int marker_check(
	const char *dir, const struct identity *id, struct marker *m, struct err *e);

/* Makes a virgin marker used, atomically and durably; one that is used stays untouched. */
MUST_CHECK int marker_use(const char *dir, struct marker *m, struct err *e);

#endif

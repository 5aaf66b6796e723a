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
	MARKER_VIRGIN,  /* no Neo4j has run on it */
	MARKER_USED,    /* Neo4j was started, and has not served from this store yet */
	MARKER_SERVED,  /* it has, and all of the store was synced after that */
	MARKER_DISCARD, /* the next start removes the store: it never served and does not start */
	MARKER_ASIDE,   /* the next start puts it aside: it served, and starts no more */
	MARKER_RESTORE, /* ... and takes what was unpacked in its place (backup/unpack.h) */
};

struct marker {
	uint8_t cluster_id[CLUSTER_ID_SIZE];
	char node[NAME_SIZE]; /* "": of identical images, until it is settled (assign.h) */
	unsigned layout;
	enum marker_state state;
	unsigned aside;         /* how many stores were put aside so far: the newest one's number */
	char neo4j[NEO4J_SIZE]; /* the version last started on the store; "": none, or unknown */
};

#define MARKER_LAYOUT 1

const char *marker_state_name(enum marker_state s);
/* -1: none of them. */
int marker_state_find(const char *name);

/* Pure: parses a marker's text. name stands for the file in errors. */
MUST_CHECK int marker_parse(const char *name, const char *text, struct marker *m, struct err *e);

/* The marker of what is mounted at dir, whosever it is. */
MUST_CHECK int marker_load(const char *dir, struct marker *m, struct err *e);

/* Is dir a mount point that holds this node's marker? Fills *m; else -1 and the reason. */
MUST_CHECK int marker_check(
	const char *dir, const struct identity *id, struct marker *m, struct err *e);

/*
 * Writes m with another state, atomically and durably; ASIDE takes the next number. A marker that
 * is in that state already is not written.
 */
MUST_CHECK int marker_set(
	const char *dir, struct marker *m, enum marker_state state, struct err *e);

/*
 * The same with the version of the Neo4j that is about to be started: `bramble flash --keep-data`
 * lets no older one near the store.
 */
MUST_CHECK int marker_set_neo4j(
	const char *dir, struct marker *m, const char *version, struct err *e);

/*
 * An order that nobody has carried out is taken back: the state before it, and the number it took.
 */
MUST_CHECK int marker_take_back(
	const char *dir, struct marker *m, enum marker_state before, struct err *e);

/* From now on it is that node's. */
MUST_CHECK int marker_assign(const char *dir, struct marker *m, const char *node, struct err *e);

#endif

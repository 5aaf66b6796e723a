/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_STORE_AT_REST_H
#define BRAMBLE_STORE_AT_REST_H

#include <stdbool.h>
#include "neostore.h"
#include "tx_log.h"

/* Where below p3's mount point dir the store is that Neo4j has as graph.db; NULL: there is none.
 * The caller frees. */
char *store_folder(const char *dir);

/*
 * What the store in that folder says of itself; while a Neo4j has it open that may be old. The
 * folder is Neo4j's: whatever lies there does not make the caller wait.
 */
MUST_CHECK int store_read(const char *folder, struct neostore *n, struct err *e);

/* How far the store goes. */
struct store_end {
	uint64_t tx; /* nothing that was acknowledged is later; TX_UNKNOWN: nobody can tell */
	bool exact;  /* and that one is there */
	struct tx_log log;
};

/*
 * Of the store below dir, or of the one that takes its place at the next start (MARKER_RESTORE);
 * 0 where there is none. What has not changed is not read again. -1: s->tx is TX_UNKNOWN.
 */
MUST_CHECK int store_end_read(struct store_end *s, const char *dir, bool next, struct err *e);

#endif

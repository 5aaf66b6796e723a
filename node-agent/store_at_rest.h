/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_STORE_AT_REST_H
#define BRAMBLE_STORE_AT_REST_H

#include "neostore.h"

/* Where below p3's mount point dir the store is that Neo4j has as graph.db; NULL: there is none.
 * The caller frees. */
char *store_folder(const char *dir);

/*
 * What the store in that folder says of itself; while a Neo4j has it open that may be old. The
 * folder is Neo4j's: whatever lies there does not make the caller wait.
 */
MUST_CHECK int store_read(const char *folder, struct neostore *n, struct err *e);

#endif

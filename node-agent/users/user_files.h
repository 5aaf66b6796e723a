/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_USER_FILES_H
#define BRAMBLE_USER_FILES_H

#include "../agent.h"

/*
 * Neo4j's files of users and roles, below p3's neo4j/data/dbms, for the helper: run by it, as the
 * owner of Neo4j's folder, so that no link that Neo4j may have left leads it anywhere else. The
 * folder is closed to all others, for Neo4j makes these files readable to everybody.
 */
#define USER_FILES_READ "users-read"
#define USER_FILES_WRITE "users-write"

/* Both, to standard output, as account.h has them; files that are not there have no lines. */
MUST_CHECK int user_files_read(const struct agent_options *o, struct err *e);
/* Both, from standard input: each whole, or as it was. Never without a user by whom to ask. */
MUST_CHECK int user_files_write(const struct agent_options *o, struct err *e);

/* The folder; the caller frees. */
char *user_files_dir(const char *store);

#endif

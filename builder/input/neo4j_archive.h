/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NEO4J_ARCHIVE_H
#define BRAMBLE_NEO4J_ARCHIVE_H

#include "util.h"

/*
 * Which Neo4j an archive holds, told by what is inside: the official layout has one top folder,
 * neo4j-enterprise-VERSION or neo4j-community-VERSION, with bin/neo4j and
 * lib/neo4j-kernel-VERSION.jar in it (2.0 to 2026.x). The file's own name means nothing.
 */
struct neo4j_archive {
	char *version;
	bool community;
};

/*
 * Reads as far as it must. EXIT_INPUT, with what was found instead, when one of the three is
 * missing or two of them disagree.
 */
MUST_CHECK int neo4j_archive_look(const char *path, struct neo4j_archive *n, struct err *e);
void neo4j_archive_free(struct neo4j_archive *n);
#define _cleanup_neo4j_archive_ _cleanup_(neo4j_archive_free)

/* EXIT_INPUT: there is no such file ("bin/neo4j-arbiter") below the top folder. */
MUST_CHECK int neo4j_archive_check(const char *path, const char *name, struct err *e);

#endif

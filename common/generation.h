/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_GENERATION_H
#define BRAMBLE_GENERATION_H

#include <jansson.h>
#include <sodium.h>
#include <sys/types.h>
#include "buf.h"
#include "err.h"

/*
 * A generation: all that a cluster's nodes are to have of their configuration, as the owner's PC
 * renders it (`bramble apply`). The list names every file of every node with owner, mode and
 * digest; contents travel apart, by digest.
 *
 *	{"bramble": 1, "cluster": HEX, "generation": 7, "built": "2026-11-28", "neo4j": "3.5.0",
 *	 "members": [{"name": "pi1", "id": 1, "roles": ["data"], "address": "192.168.2.7"}, ...],
 *	 "nodes": {"pi1": [{"path": "/etc/hosts", "mode": 420, "uid": 0, "gid": 0, "size": 9,
 *	                    "digest": HEX}, {"path": ..., "link": TARGET},
 *	                   {"path": ..., "dir": true, "mode": ..., "uid": ..., "gid": ...}]}}
 *
 * It travels and is kept sealed: a line "bramble generation1 SIGNATURE", then the list. The
 * signature (Ed25519) is the owner's, whose key never is on a card; cards have the public half. So
 * whoever has taken over an agent, which hears the network, makes no file that the owner did not.
 *
 * After generation_parse every path is absolute and plain, and none that is not bramble's to
 * change (card_path_forbidden).
 */
#define GENERATION_LIST_MAX (1u << 20)
#define GENERATION_FILES_MAX 4096 /* of one node */
#define GENERATION_FILE_MAX (UINT64_C(1) << 30)
#define GENERATION_DIGEST (2 * crypto_generichash_BYTES + 1)
#define GENERATION_PUBLIC_HEX (2 * crypto_sign_PUBLICKEYBYTES)
#define GENERATION_SEED_HEX (2 * crypto_sign_SEEDBYTES)

enum generation_kind {
	GENERATION_FILE,
	GENERATION_LINK,
	GENERATION_DIR,
};

/* Points into the list. */
struct generation_file {
	enum generation_kind kind;
	const char *path;
	const char *link;   /* of a link */
	const char *digest; /* of a file: BLAKE2b in lower-case hex */
	uint64_t size;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* Whom the list has for members. */
struct generation_member {
	const char *name, *address; /* "": not known */
	unsigned id;
	bool data, arbiter;
};

struct generation {
	json_t *json;
	uint64_t number;
	const char *cluster, *built, *neo4j;
	size_t nmembers;
};

/* A sealed list that nobody but the owner made. public_hex: as in /etc/bramble/owner.pub. */
MUST_CHECK int generation_open(
	const struct buf *sealed, const char *public_hex, struct generation *g, struct err *e);
/* The list alone, its signature not looked at. */
MUST_CHECK int generation_parse(const char *text, size_t n, struct generation *g, struct err *e);
/*
 * The list in an image for all nodes (identical.h), which has the files that make a card one
 * node's, too: /etc/hostname and the like. Only of root's own file on the card, never of what was
 * sent.
 */
MUST_CHECK int generation_parse_card(
	const char *text, size_t n, struct generation *g, struct err *e);
void generation_close(struct generation *g);
#define _cleanup_generation_ _cleanup_(generation_close)

/* json is the list; out gets it sealed with the owner's seed. */
MUST_CHECK int generation_seal(
	const json_t *json, const char *seed_hex, struct buf *out, struct err *e);
MUST_CHECK int generation_public(
	const char *seed_hex, char to[GENERATION_PUBLIC_HEX + 1], struct err *e);

/* How many files a node has in it; -1: the node is not in it. */
ssize_t generation_count(const struct generation *g, const char *node);
struct generation_file generation_file_at(const struct generation *g, const char *node, size_t i);
struct generation_member generation_member_at(const struct generation *g, size_t i);

/* The digest of n bytes; of a file that is open, from its beginning on. */
void generation_digest(const void *p, size_t n, char hex[GENERATION_DIGEST]);
MUST_CHECK int generation_digest_fd(int fd, char hex[GENERATION_DIGEST], uint64_t *size);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SHELF_H
#define BRAMBLE_SHELF_H

#include "../identity.h"
#include "generation.h"

/*
 * The generations a node has whole, in a folder of the agent's: /srv/bramble/apply on p3, or, on a
 * node without one (only a proxy), /run/bramble/apply.
 *
 *	7.list		the sealed list; it is there when all its contents are, and synced
 *	DIGEST		a content
 *	DIGEST.XXXXXX	one that comes, locked (flock) by its writer
 *	state.json	what the agent does with them (apply.h)
 *	order.json	what bramble-enact.service is to do (enact.h)
 */
struct shelf {
	char *dir;
	char *root;       /* of /etc/bramble, for owner.pub */
	const char *only; /* contents of that node's files are enough; NULL: of all */
};

void shelf_open(struct shelf *s, const char *root, const char *dir, const char *only);
void shelf_close(struct shelf *s);
/* Where it is on such a node; the caller frees. */
char *shelf_dir(const char *root, const struct identity *id);

/* The newest generation there; 0: none. */
uint64_t shelf_newest(const struct shelf *s);
bool shelf_has(const struct shelf *s, uint64_t number);

/* The owner's public key as this card has it. */
MUST_CHECK int shelf_key(
	const char *root, char public_hex[GENERATION_PUBLIC_HEX + 1], struct err *e);

/* Opens and checks a list; it must be this cluster's. */
MUST_CHECK int shelf_check(const struct shelf *s, const struct identity *id,
	const struct buf *sealed, struct generation *g, struct err *e);
/* The same of one that is there; sealed gets its bytes. */
MUST_CHECK int shelf_load(const struct shelf *s, const struct identity *id, uint64_t number,
	struct buf *sealed, struct generation *g, struct err *e);

/* Digests of contents that are not there, as a list of strings, at most `most`. NULL: no memory. */
json_t *shelf_missing(const struct shelf *s, const struct generation *g, size_t most);
/*
 * -1, with EXIT_BUSY: another list of the owner's has that number here. One number with two
 * contents would be two configurations that nobody can tell apart.
 */
MUST_CHECK int shelf_check_number(
	const struct shelf *s, uint64_t number, const struct buf *sealed, struct err *e);
/* All its contents are there: from now on it is, too; but for shelf_check_number. */
MUST_CHECK int shelf_keep(
	const struct shelf *s, const struct generation *g, const struct buf *sealed, struct err *e);
/*
 * Removes lists that are none of these, contents that none of the rest names, and what writers have
 * left that were ended.
 */
void shelf_prune(
	const struct shelf *s, const struct identity *id, const uint64_t *keep, size_t nkeep);

/* The path of a content; the caller frees. NULL: that is no digest. */
char *shelf_content(const struct shelf *s, const char *digest);

/*
 * A content that comes piece by piece; it appears when it is whole, right and synced. Any number
 * may write the same one, in any process: each has a file of its own. Zeroed, then begin; end frees
 * it, whatever happens.
 */
struct shelf_writer {
	int fd;     /* of `new`, and holds its lock */
	char *path; /* where it appears */
	char *new;  /* until then */
	char digest[GENERATION_DIGEST];
	uint64_t left, unsynced;
	crypto_generichash_state hash;
};
MUST_CHECK int shelf_begin(struct shelf_writer *w, const struct shelf *s, const char *digest,
	uint64_t size, struct err *e);
MUST_CHECK int shelf_add(struct shelf_writer *w, const void *p, size_t n, struct err *e);
MUST_CHECK int shelf_end(struct shelf_writer *w, struct err *e);
void shelf_abandon(struct shelf_writer *w);

#endif

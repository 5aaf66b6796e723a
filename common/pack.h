/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PACK_H
#define BRAMBLE_PACK_H

#include <sodium.h>
#include "buf.h"
#include "err.h"

/*
 * A folder's files as one stream of bytes, between an agent and the owner's PC: what libarchive is
 * too large for on a card. Numbers are little-endian.
 *
 *	"BRPK1\n"
 *	'D' mode(2) length(2) path			a folder
 *	'F' mode(2) length(2) path size(8) bytes	a file
 *	'E' files(8) bytes(8) SHA-256			the end; of all that was before it
 *	'X' length(2) text				it could not be finished
 *
 * A path is relative, of printable ASCII, without an empty component, "." or ".."; there are only
 * folders and files. The reader takes nothing else, and nothing behind the end: what it accepts
 * can be put below a folder and stays there.
 */
#define PACK_PATH_MAX 1024
#define PACK_DIGEST crypto_hash_sha256_BYTES

struct pack_sums {
	uint64_t files, bytes;
	uint8_t digest[PACK_DIGEST];
};

/* A writer's; pack_begin first. Everything is added to out. */
struct pack {
	crypto_hash_sha256_state hash;
	uint64_t files, bytes;
};

void pack_begin(struct pack *p, struct buf *out);
void pack_dir(struct pack *p, const char *path, unsigned mode, struct buf *out);
/* Then exactly size bytes by pack_data, in any pieces. */
void pack_file(struct pack *p, const char *path, unsigned mode, uint64_t size, struct buf *out);
void pack_data(struct pack *p, const void *data, size_t n, struct buf *out);
/* sums may be NULL. */
void pack_end(struct pack *p, struct pack_sums *sums, struct buf *out);
/* In place of pack_end. */
void pack_fail(const char *text, struct buf *out);

/* Where what is read goes. Each may be NULL; -1 with e set ends it. */
struct pack_sink {
	int (*dir)(void *arg, const char *path, unsigned mode, struct err *e);
	int (*file)(void *arg, const char *path, unsigned mode, uint64_t size, struct err *e);
	int (*data)(void *arg, const void *p, size_t n, struct err *e); /* of that file */
	int (*file_end)(void *arg, struct err *e);
	void *arg;
};

enum pack_phase {
	PACK_HEAD,
	PACK_RECORD,
	PACK_BYTES, /* of a file */
	PACK_DONE,
	PACK_BROKEN,
};

/* Zeroed, then pack_reader_begin. */
struct pack_reader {
	enum pack_phase phase;
	crypto_hash_sha256_state hash;
	uint64_t left;         /* of a file */
	struct buf in;         /* a record that is not whole yet */
	struct pack_sums sums; /* so far; with the digest once it is done */
};

void pack_reader_begin(struct pack_reader *r);
void pack_reader_end(struct pack_reader *r);

/*
 * Takes n more bytes. 1: that was the end, and the digest is right; 0: there is more to come; -1:
 * it is not a pack, or the sink or whoever wrote it could not go on.
 */
MUST_CHECK int pack_read(struct pack_reader *r, const void *p, size_t n,
	const struct pack_sink *sink, struct err *e);

/* Could path be put below a folder? */
bool pack_path_is_good(const char *path);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ARCHIVE_H
#define BRAMBLE_ARCHIVE_H

#include "image/ext4.h"
#include "progress.h"

/* Reading compressed images, tars and .deb files through libarchive, into files and into ext4. */

/*
 * Writes the decompressed image in `in` (.img, .img.xz, .gz, .zst, or the only .img of a .zip,
 * stored or deflated, zip64 too) to the new file `out`, sparsely. A truncated or damaged input, a
 * .zip of no image or of several, or more than max bytes are EXIT_INPUT.
 */
MUST_CHECK int archive_decompress(
	const char *in, const char *out, uint64_t max, struct progress *p, struct err *e);

/*
 * The same image as a stream of bytes, for those who want no file of it; the same is refused, but
 * there is no limit. archive_read_image gives n bytes, *got < n only where the image ends.
 */
struct archive;
MUST_CHECK struct archive *archive_open_image(const char *in, struct err *e);
MUST_CHECK int archive_read_image(
	struct archive *a, const char *in, void *p, size_t n, size_t *got, struct err *e);
void archive_close_image(struct archive **a);

/* The name of the first entry's top folder ("neo4j-enterprise-3.5.0"); the caller frees. */
MUST_CHECK char *archive_top_folder(const char *path, struct err *e);

/*
 * Writes the tar in a compressed one to the new file `out`, for archive_unpack_below to read. What
 * is a .zip, or not compressed, or damaged, or more than max bytes is EXIT_INPUT.
 */
MUST_CHECK int archive_decode(const char *in, const char *out, uint64_t max, struct err *e);

/*
 * Unpacks a tar or .zip whose entries all lie below one top folder into `dest` of an ext4;
 * everything belongs to root with mode 0755 or 0644. Whatever the archive holds, nothing outside
 * dest changes, and no link in it leads out (rules: unpack.c). EXIT_INPUT for what is refused.
 * decoded: what archive_decode made of it, to be read in its place; or NULL.
 */
MUST_CHECK int archive_unpack_below(const char *path, const char *decoded, struct ext4 *fs,
	const char *dest, struct progress *p, struct err *e);

/* Unpacks what lies below the folder `top` ("overlays/data") of a tar in memory to dest. */
MUST_CHECK int archive_unpack_memory(const void *tar, size_t n, const char *top, struct ext4 *fs,
	const char *dest, struct err *e);

/* Adds the file `name` of a tar in memory to *b; nothing, when there is none. EXIT_INPUT: no tar.
 */
MUST_CHECK int archive_read_memory(
	const void *tar, size_t n, const char *name, struct buf *b, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_EXT4_H
#define BRAMBLE_EXT4_H

#include <sys/types.h>
#include "buf.h"

/*
 * Edits an ext4 filesystem inside an image file, in place, through libext2fs: no root, no mount,
 * no loop device. Paths are absolute inside the filesystem; symbolic links on the way are
 * followed there, never on the host. Missing parent directories are made (root, 0755).
 *
 * ext4_open refuses what could be damaged by an edit: a journal that must be replayed, a
 * filesystem marked with errors or not cleanly unmounted, orphans (libext2fs itself checks none
 * of these), features that are not listed in ext4.c as edited correctly.
 *
 * Times are the filesystem's own last write time, so that the same inputs give the same bytes.
 */
struct ext4;

MUST_CHECK struct ext4 *ext4_open(const char *image, uint64_t offset, struct err *e);
MUST_CHECK struct ext4 *ext4_open_readonly(const char *image, uint64_t offset, struct err *e);

/* Writes everything out. *fs is NULL afterwards, whatever happens. Nothing is safe before. */
MUST_CHECK int ext4_close(struct ext4 **fs, struct err *e);

/* Lets go without writing what is still cached; for the way out after an error. */
void ext4_abandon(struct ext4 **fs);
#define _cleanup_ext4_ _cleanup_(ext4_abandon)

struct ext4_owner {
	uid_t uid;
	gid_t gid;
	mode_t mode; /* permission bits */
};
#define EXT4_ROOT(m) ((struct ext4_owner){.mode = (m)})

/* From now on fn hears of every file, link and folder that is put; NULL ends it. */
typedef void ext4_watch_fn(void *arg, const char *path);
void ext4_watch(struct ext4 *fs, ext4_watch_fn *fn, void *arg);

bool ext4_exists(struct ext4 *fs, const char *path);

enum ext4_kind { EXT4_NONE, EXT4_FILE, EXT4_DIR, EXT4_LINK, EXT4_OTHER };
/* What lies at path itself: a link in the last place is a link. */
enum ext4_kind ext4_kind(struct ext4 *fs, const char *path);
/* Is it a directory, or a link that leads to one? */
bool ext4_is_dir(struct ext4 *fs, const char *path);

/* Whole files up to 16 MiB. */
MUST_CHECK int ext4_read(struct ext4 *fs, const char *path, struct buf *b, struct err *e);

/*
 * A file of any size read piece by piece (a link to one is followed); any number at once, each
 * closed before its filesystem is. ext4_reader_get puts n bytes at p, fewer only where the file
 * ends, and tells how many; -1: the error.
 */
struct ext4_reader;
MUST_CHECK struct ext4_reader *ext4_reader_open(struct ext4 *fs, const char *path, struct err *e);
MUST_CHECK ssize_t ext4_reader_get(struct ext4_reader *r, void *p, size_t n, struct err *e);
void ext4_reader_close(struct ext4_reader **r);
#define _cleanup_ext4_reader_ _cleanup_(ext4_reader_close)

/* Creates or replaces a file. A replaced file keeps its inode and gets the new owner and mode. */
MUST_CHECK int ext4_write(struct ext4 *fs, const char *path, const void *p, size_t n,
	struct ext4_owner owner, struct err *e);
/* Replaces the content only: owner, mode and the rest of an existing file stay. */
MUST_CHECK int ext4_rewrite(
	struct ext4 *fs, const char *path, const void *p, size_t n, struct err *e);
/* An existing directory gets owner and mode. */
MUST_CHECK int ext4_mkdir(
	struct ext4 *fs, const char *path, struct ext4_owner owner, struct err *e);
/* An existing link is replaced; an existing file or directory is an error. */
MUST_CHECK int ext4_symlink(struct ext4 *fs, const char *path, const char *target, struct err *e);
/* A second name for a regular file; replaces an existing file of that name. */
MUST_CHECK int ext4_hardlink(
	struct ext4 *fs, const char *path, const char *existing, struct err *e);
/* Removes a file or link; a missing one is fine. */
MUST_CHECK int ext4_remove(struct ext4 *fs, const char *path, struct err *e);

/*
 * A file written piece by piece (archives). size is what will come; one file at a time.
 * Each successful begin wants an ext4_file_end, but after an error: then the next begin, or the end
 * of it all, lets go of what is open.
 */
MUST_CHECK int ext4_file_begin(
	struct ext4 *fs, const char *path, uint64_t size, struct ext4_owner owner, struct err *e);
MUST_CHECK int ext4_file_add(struct ext4 *fs, const void *p, size_t n, struct err *e);
MUST_CHECK int ext4_file_end(struct ext4 *fs, struct err *e);

/* When it was last written to, in seconds since 1970: what all that is added gets for its times. */
int64_t ext4_moment(struct ext4 *fs);

/* Bytes in use and in all, before and after edits. */
void ext4_usage(struct ext4 *fs, uint64_t *used, uint64_t *size);

/* Makes an empty ext4 with fixed features (facts: those every supported release can mount). */
MUST_CHECK int ext4_format(const char *image, uint64_t offset, uint64_t size, const char *label,
	const uint8_t uuid[static 16], struct err *e);

/*
 * Reads all of the metadata with e2fsck and changes nothing. EXIT_INPUT when anything is wrong: a
 * filesystem that says it is clean may not be. The path must pass run_check_path.
 */
MUST_CHECK int ext4_check(const char *image, uint64_t offset, struct err *e);

/* Grows the ext4 that fills the whole of a file to the file's present size (resize2fs). */
MUST_CHECK int ext4_grow_file(const char *path, struct err *e);

#endif

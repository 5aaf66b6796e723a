/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_IO_H
#define BRAMBLE_IO_H

#include <sys/stat.h>
#include <sys/types.h>
#include "buf.h"

/* Whole-file and exact-length I/O. All retry on EINTR; errors name the path. */

/* Appends the whole file to b; a file larger than max bytes is an error. */
MUST_CHECK int io_read_file(const char *path, size_t max, struct buf *b, struct err *e);

/*
 * For files in a folder that a less trusted user may write to: a link there is not followed, so
 * that nobody is shown by an error what only the reader may read, and nobody waits at a pipe. Of
 * hard links the kernel takes care (fs.protected_hardlinks, on in Debian), and those folders are on
 * filesystems of their own. dir as of openat(2); a descriptor and its *st, or -1 with errno set,
 * too: ENOENT for one that is not there.
 */
MUST_CHECK int io_open_plain(int dir, const char *path, struct stat *st, struct err *e);
MUST_CHECK int io_read_plain(const char *path, size_t max, struct buf *b, struct err *e);

/*
 * Replaces path by n bytes at p: same-directory temporary, fchmod(mode), fsync, rename, fsync of
 * the directory. After a crash the file is the old one or the new one, never torn.
 */
MUST_CHECK int io_write_atomic(
	const char *path, const void *p, size_t n, mode_t mode, struct err *e);
/* The first half of that: the temporary's name, which the caller renames and frees; NULL: none. */
MUST_CHECK char *io_write_beside(
	const char *path, const void *p, size_t n, mode_t mode, struct err *e);
#define IO_BESIDE_LETTERS 6 /* that the name has more than path's, after a dot */

/* All n bytes or -1 with errno set (a short read at end of file: errno = ENODATA). */
MUST_CHECK int io_pread_full(int fd, void *p, size_t n, off_t off);
MUST_CHECK int io_pwrite_full(int fd, const void *p, size_t n, off_t off);
MUST_CHECK int io_write_full(int fd, const void *p, size_t n);

/*
 * How many bytes from `at` on, up to `end`, are all data or all hole (which reads as zeros); a file
 * that cannot tell is all data. Reading holes is not free: each becomes pages of zeros in memory.
 */
uint64_t io_run_length(int fd, uint64_t at, uint64_t end, bool *hole);

/* Makes a rename to path, or its removal, last over a crash; -1 with errno set. */
MUST_CHECK int io_sync_parent(const char *path);

/* mkdir -p: missing directories get mode; an existing one keeps its own. */
MUST_CHECK int io_mkdir_p(const char *path, mode_t mode, struct err *e);

/* rm -rf without following links or leaving the filesystem; a missing path is fine. */
MUST_CHECK int io_remove_tree(const char *path, struct err *e);

#endif

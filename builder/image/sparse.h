/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SPARSE_H
#define BRAMBLE_SPARSE_H

#include <stdint.h>
#include <sys/types.h>
#include "err.h"

/*
 * Copies len bytes from src at src_off to dst at dst_off. Holes of the source are skipped: dst
 * must hold zeros there already (a fresh file or region). Shares extents (reflink) where the
 * filesystem can, lets a file server copy by itself, else goes through memory. Stops with
 * EXIT_INTERRUPTED on a signal.
 */
MUST_CHECK int sparse_copy_range(
	int src, off_t src_off, int dst, off_t dst_off, uint64_t len, struct err *e);

/* A new file `to` (mode 0600, must not exist) with the content of `from`. */
MUST_CHECK int sparse_copy_file(const char *from, const char *to, struct err *e);

/* Writes p to fd at off, leaving holes where whole 4 KiB blocks are zero. */
MUST_CHECK int sparse_write(int fd, const void *p, size_t n, off_t off, struct err *e);

#endif

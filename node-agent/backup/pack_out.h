/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PACK_OUT_H
#define BRAMBLE_PACK_OUT_H

#include <sys/types.h>

/*
 * Begins to write the store at rest below p3's mount point dir as a pack (pack.h) to fd, in a child
 * of its own: a card may take its time. What goes wrong is told in the pack. -1: errno.
 */
pid_t pack_out(const char *dir, int fd);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_LOG_WRITER_H
#define PROXY_LOG_WRITER_H

#include "err.h"

/*
 * A process that writes what comes through a pipe into a file, so that a slow or full disk holds up
 * nobody else: it then reads no further or drops, and the pipe's other end fills. When the file
 * has grown to its limit it becomes FILE.1, whose predecessor goes. It ends when the pipe does.
 */
struct writer;

/* *fd becomes the pipe's other end, non-blocking, the caller's. The file must be writable now. */
MUST_CHECK struct writer *writer_new(const char *path, unsigned max_mb, int *fd, struct err *e);
void writer_reopen(struct writer *w);
/* After the pipe was closed: waits until the rest is written, at most 1 s. */
void writer_free(struct writer *w);

#endif

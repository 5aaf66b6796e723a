/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ERR_H
#define BRAMBLE_ERR_H

/*
 * An error is one line that names the object and the cause, built from the inside out:
 *
 *	if (table_read(fd, &t, e) < 0)
 *		return err_prefix(e, "%s", path);	// "base.img: partition table: not MBR"
 *
 * Every function that can fail takes a struct err * as its last argument and returns 0 or -1
 * (or NULL). It sets the error exactly once, where it is noticed; callers only add prefixes.
 * A program's main prints it once and exits with err.code. err may not be NULL.
 */

/* Exit codes of bramble, documented in bramble(1). */
enum exit_code {
	EXIT_FAILED = 1, /* the work could not be done: I/O, no space, a peer said no */
	EXIT_USAGE = 2,  /* the command line is wrong */
	EXIT_CONFIG = 3, /* cluster.conf, node.conf or proxy.conf is wrong */
	EXIT_INPUT = 4,  /* an input (image, archive, package) is missing, damaged or unfit */
	EXIT_BUSY = 5,   /* somebody else is at the same work in the same place */
	EXIT_INTERRUPTED = 130,
};

struct err {
	int code; /* enum exit_code; 0 until set */
	char msg[1024];
};

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

/* Both set the message and always return -1. err_set's code is EXIT_FAILED. */
int err_set(struct err *e, const char *fmt, ...) PRINTF(2, 3);
int err_code(struct err *e, enum exit_code code, const char *fmt, ...) PRINTF(3, 4);

/* Sets "...: strerror(errno)". Returns -1; errno stays. */
int err_errno(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* Puts "...: " before the message there is. Returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/*
 * For a terminal: what others have put into it, names out of images or words of the network, moves
 * no cursor (C0, DEL, and C1 in UTF-8: ECMA-48 5.2).
 */
void err_tame(struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PARTIAL_H
#define BRAMBLE_PARTIAL_H

#include "http.h"

/*
 * What has come of a file so far: DIR/.FILE.part, and beside it DIR/.FILE.part.from, which says
 * which version of which address that is. Every byte is written where it belongs as it comes, so
 * that whatever ends the program, the next one goes on. Only one at a time has it (flock).
 */
struct partial {
	char *file; /* where it goes when it is whole */
	char *path, *from_path;
	int fd;
	uint64_t have; /* bytes */
	bool resumed;  /* some of them came in another run, or over another connection */
	char *url;     /* they are of; NULL: nobody knows */
	char validator[HTTP_VALIDATOR_MAX];
};

#define PARTIAL_NONE     \
	{                \
		.fd = -1 \
	}
#define _cleanup_partial_ _cleanup_(partial_close)

/* Where the bytes are; the caller's. */
char *partial_path(const char *dir, const char *file);

/* EXIT_BUSY when another bramble has it. */
MUST_CHECK int partial_open(struct partial *p, const char *dir, const char *file, struct err *e);
void partial_close(struct partial *p);

/* Forgets all bytes: the next ones are of that version of that address. */
MUST_CHECK int partial_restart(
	struct partial *p, const char *url, const char *validator, struct err *e);
MUST_CHECK int partial_append(struct partial *p, const void *bytes, size_t n, struct err *e);

/* What If-Range may say to that address; "": nothing. */
const char *partial_validator(const struct partial *p, const char *url);

/* It is whole: it becomes DIR/FILE in one step, after fsync. */
MUST_CHECK int partial_publish(struct partial *p, struct err *e);
/* It is worth nothing: both files go. */
void partial_discard(struct partial *p);

#endif

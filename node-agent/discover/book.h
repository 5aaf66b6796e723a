/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BOOK_H
#define BRAMBLE_BOOK_H

#include <netinet/in.h>
#include "buf.h"

/*
 * A file of names and their addresses:
 *
 *	node "pi2" { address = "169.254.7.9" }
 *
 * /srv/bramble/bramble.peers: where the others were last, to be tried first after a restart.
 * /run/bramble/addresses: where all are now, for what needs numbers (hosts.h).
 */
#define BOOK_MAX 127
#define BOOK_NAME 64 /* a host name label and its NUL */

struct book {
	size_t n;
	struct {
		char name[BOOK_NAME];
		struct in_addr address;
	} entry[BOOK_MAX];
};

/* Adds it; what is no host name, an address of zeros and what is too much are ignored. */
void book_add(struct book *b, const char *name, struct in_addr address);
/* 0: not in it. */
struct in_addr book_find(const struct book *b, const char *name);

/* Pure. name stands for the file in errors. */
MUST_CHECK int book_parse(const char *name, const char *text, struct book *b, struct err *e);
void book_format(const struct book *b, struct buf *to);

/* No file: an empty book. */
MUST_CHECK int book_load(const char *path, struct book *b, struct err *e);
MUST_CHECK int book_save(const char *path, const struct book *b, struct err *e);

#endif

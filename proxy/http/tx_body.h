/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_TX_BODY_H
#define PROXY_TX_BODY_H

#include "tx.h"

/*
 * Answers about open transactions on their way to the client: the `commit` URL (the first key in
 * 2.x and 3.x, behind all results from 4.x on) and the Query API's transaction.id get ids that
 * name the member (tx.h); every other byte passes as it came. Not a JSON parser: jansson would
 * want a result of any size whole in memory. It knows strings and nesting, and looks at the keys
 * of the three outermost levels; what is malformed passes as it came. Memory: at most
 * TX_HELD_MAX bytes, of the one string that is to be rewritten.
 */
#define TX_HELD_MAX 2048
#define TX_LEVELS 3

struct tx_body {
	enum tx_api api;
	unsigned server;    /* the member's */
	const char *origin; /* that clients ask; the caller keeps it */
	unsigned depth;
	bool in_string, escaped, key_next;
	bool object[TX_LEVELS + 1];   /* what the container at this depth is, from 1 */
	unsigned char key[TX_LEVELS]; /* the current keys, outermost first: private values */
	char word[12];                /* the key being read */
	size_t word_len;
	bool holding;
	struct buf held; /* the string being held, without its quotes */
	struct buf out;  /* scratch of who frames the body anew */
};

void tx_body_start(struct tx_body *b, enum tx_api api, unsigned server, const char *origin);
/* Appends data to out, rewritten; a string that is cut by the end of data is held back. */
void tx_body_pass(struct tx_body *b, struct slice data, struct buf *out);
/* The body is over: what is still held goes out as it came. */
void tx_body_end(struct tx_body *b, struct buf *out);
void tx_body_free(struct tx_body *b);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TALK_H
#define BRAMBLE_TALK_H

#include <jansson.h>
#include "sealed.h"

/*
 * The words of the control protocol (docs/CONTROL.md) over a sealed stream, as both ends need them:
 * each message is one word, whose first byte tells its kind. No I/O.
 *
 *	n = talk_room(t, &to);			read at most n bytes to `to`,
 *	talk_took(t, got);			tell how many came,
 *	while (talk_next(t, &w, e) > 0) ...	and take the words;
 *	send t->out.data, t->out.len		and buf_consume what went.
 */
#define CONTROL_PORT 7471
#define TALK_DATA_MAX (SEALED_MESSAGE_MAX - 1)

enum talk_kind {
	TALK_JSON = 'J', /* an object */
	TALK_DATA = 'D', /* bytes of a file, as the request wants them */
};

struct talk {
	struct sealed sealed;
	struct buf in, out, message;
};

/* json is the caller's reference; data is valid until the next call. */
struct talk_word {
	enum talk_kind kind;
	json_t *json;
	const char *data;
	size_t n;
};

/* As client and as server, see sealed.h; the keys must outlive t. */
void talk_begin(struct talk *t, const struct sealed_key *key);
void talk_accept(struct talk *t, const struct sealed_keys *keys);
void talk_end(struct talk *t);

/* Where to put what comes, and at most how much; 0: out of memory. */
size_t talk_room(struct talk *t, char **to);
void talk_took(struct talk *t, size_t n);

/* 1: a word; 0: more bytes are needed; -1: this is no use any more. */
MUST_CHECK int talk_next(struct talk *t, struct talk_word *w, struct err *e);

/* Behind what is in t->out; buf_ok(&t->out) tells in the end. json is stolen. */
void talk_json(struct talk *t, json_t *json);
/* At most TALK_DATA_MAX bytes. */
void talk_data(struct talk *t, const void *p, size_t n);

static inline void cleanup_json(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

#endif

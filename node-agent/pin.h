/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PIN_H
#define BRAMBLE_PIN_H

#include "hello.h"
#include "serial.h"

/*
 * Which board a card belongs to. The first boot pins the board's serial number in
 * DIR/bramble.serial on p3. In another board the card is either the old node that was moved, or a
 * copy of a living one; nobody can tell at once. So it stays out and asks the members (HELLO_ASKS):
 * when somebody answers, and nobody has heard the old board for PIN_GRACE_MS, the card keeps id and
 * store and is pinned anew. While the old board is alive it is refused.
 *
 * A card in its own board may be refused, too: when its copy took its place while it was away. It
 * then waits in the same way; by a time that differs from board to board, so that two that refuse
 * each other do not for ever.
 *
 * Where a board tells no serial number there is nothing to compare, and nothing is pinned.
 */
#define PIN_GRACE_MS 60000
#define PIN_RECENT_MS 5000 /* those who refuse do it twice a second */
#define PIN_TEXT SERIAL_TEXT

struct pin {
	char own[PIN_TEXT];          /* "": the board tells none */
	char pinned[PIN_TEXT];       /* ""; not read yet, or there is none */
	uint8_t digest[SERIAL_SIZE]; /* of own, for hellos */
	int64_t since_ms;            /* when this agent began */
	int64_t settled_ms;          /* refusals until then have been waited for; -1: none */
	bool asks;                   /* it stays out, by the last pin_check */
	bool believed;               /* somebody says that it is in its place */
};

/* What the members have said: peers.h. */
struct pin_look {
	int64_t now_ms, heard_ms, refused_ms;
	bool alone; /* there is no other member to ask */
};

/* The board's serial number, as it tells it below root; "": it tells none. */
void pin_read_serial(const char *root, char to[PIN_TEXT]);

/* Reads the board's serial number below root ("" on a card). */
void pin_open(struct pin *p, const char *root, int64_t now_ms);

/*
 * dir is where p3 is mounted, known to be this node's. 0: the card is in its place, now also on
 * p3. -1: it has to stay out, and why.
 */
MUST_CHECK int pin_check(
	struct pin *p, const char *dir, const struct pin_look *look, struct err *e);

/*
 * A person's word that those who could answer are lost: then it waits for nobody, unless somebody
 * refuses it. false: it does not wait.
 */
bool pin_believe(struct pin *p);

/* Pure: has the card stayed out long enough? */
bool pin_grace_over(const struct pin *p, const struct pin_look *look);

/* Pure: the text of bramble.serial. */
MUST_CHECK int pin_parse(const char *name, const char *text, char serial[PIN_TEXT], struct err *e);

#endif

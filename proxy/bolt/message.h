/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_MESSAGE_H
#define PROXY_BOLT_MESSAGE_H

#include "handshake.h"
#include "pack.h"

/* Bolt's messages, as far as a proxy has to understand them. All functions are pure. */
enum bolt_tag {
	BOLT_HELLO = 0x01, /* INIT in versions 1 and 2 */
	BOLT_GOODBYE = 0x02,
	BOLT_ACK_FAILURE = 0x0e, /* of versions 1 and 2 */
	BOLT_RESET = 0x0f,
	BOLT_RUN = 0x10,
	BOLT_BEGIN = 0x11,
	BOLT_COMMIT = 0x12,
	BOLT_ROLLBACK = 0x13,
	BOLT_DISCARD = 0x2f,
	BOLT_PULL = 0x3f,
	BOLT_ROUTE = 0x66, /* since version 4.3 */
	BOLT_SUCCESS = 0x70,
	BOLT_RECORD = 0x71,
	BOLT_IGNORED = 0x7e,
	BOLT_FAILURE = 0x7f,
};

/* What is spoken with clients, the best first. */
#define BOLT_SPOKEN_VERSIONS 3
extern const struct bolt_version bolt_spoken_versions[BOLT_SPOKEN_VERSIONS];

/* "RUN", or "?" for a tag no message has. */
const char *bolt_tag_name(uint8_t tag);
/* May a client send it in that version? */
bool bolt_tag_from_client(uint8_t tag, uint8_t major);

/* What RUN or BEGIN asks of its transaction. */
struct bolt_demand {
	bool read;               /* mode "r" */
	uint64_t mark;           /* the highest transaction of its bookmarks; 0: none */
	struct slice text;       /* of RUN */
	struct slice parameters; /* of RUN, the whole map */
};

/* From a whole message's data (either tag). -1 when it is malformed. */
MUST_CHECK int bolt_read_demand(const void *data, size_t n, struct bolt_demand *d);

/*
 * Versions 1 and 2 have no BEGIN, COMMIT and ROLLBACK: they are statements of a RUN, and bookmarks
 * parameters of the first. Which of the three (or BOLT_RUN) a RUN means, from its first n bytes; 0:
 * more are needed, or it is malformed.
 */
uint8_t bolt_read_early_tag(const void *data, size_t n);
/* Is this statement one of the three? */
bool bolt_is_early_word(struct slice text);
/* As bolt_read_demand, of a whole RUN of versions 1 and 2; nothing there says that it reads. */
MUST_CHECK int bolt_read_early_demand(const void *data, size_t n, struct bolt_demand *d);

/* What is in the map of a SUCCESS or FAILURE; what is not there has n = 0. */
struct bolt_summary {
	struct slice code, message; /* FAILURE */
	struct slice server;        /* of HELLO */
	bool credentials_expired;   /* likewise */
	struct slice bookmark;
	bool wrote; /* of a result's end: its statement may write, whatever mode it came with */
	bool more;  /* there are records to pull: of RUN, or of a PULL that did not ask for all */
};

MUST_CHECK int bolt_read_summary(const void *data, size_t n, struct bolt_summary *s);

/*
 * Calls fn with each entry of HELLO's (INIT's, in versions 1 and 2) map that tells who it is: all
 * but the driver's name and what it wants to know of routing. -1 when the message is malformed or
 * names no scheme.
 */
MUST_CHECK int bolt_read_identity(const void *data, size_t n, uint8_t major,
	void (*fn)(void *arg, struct slice key, struct slice raw_value), void *arg);

/* "neo4j:bookmark:v1:tx42" -> 42; 0 for anything else. */
uint64_t bolt_bookmark(struct slice text);

/* Whole messages, in chunks. */
void bolt_put_message(struct buf *to, struct buf *message); /* its data, which are freed */
void bolt_put_success(struct buf *to);
void bolt_put_ignored(struct buf *to);
void bolt_put_failure(struct buf *to, const char *code, const char *message);
void bolt_put_hello_success(
	struct buf *to, const char *server, uint64_t connection, bool credentials_expired);
void bolt_put_request(struct buf *to, enum bolt_tag tag); /* one without fields */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HTTP_HEAD_H
#define BRAMBLE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "http_field.h"
#include "slice.h"

/*
 * HTTP/1.1 message heads and chunked framing (RFC 9112), strict: what a neighbour could read in
 * two ways is refused (facts: RFC 9112 2.2, 5.1, 5.2, 6.1, 6.3, 7.1; RFC 9110 7.6.1). Zero-copy:
 * slices point into the caller's bytes and live as long as those stay where they are.
 */

#define HTTP_MAX_FIELDS 64
#define HTTP_MAX_HEAD                                                              \
	20480 /* Neo4j's own limit (unsupported.dbms.max_http_request_header_size) \
	       */

struct http_field {
	struct slice name, value; /* value without surrounding white space */
	enum http_name is;
};

enum http_framing {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH,
	HTTP_BODY_CHUNKED,
	HTTP_BODY_UNTIL_CLOSE, /* responses only */
};

struct http_head {
	struct slice method, target; /* requests */
	unsigned status;             /* responses */
	struct slice reason;
	unsigned minor; /* HTTP/1.minor: 0 or 1 */
	uint32_t names; /* the set of those there are, by FIELD_BIT */
	size_t nfields;
	size_t len; /* bytes of the head, its empty line included */
	enum http_framing framing;
	uint64_t content_length; /* with HTTP_BODY_LENGTH */
	bool keep_alive;         /* may the connection be used again after this message? */
	bool expect_continue;
	struct http_field fields[HTTP_MAX_FIELDS]; /* last: only nfields of them are set */
};

/*
 * Return > 0: the head's length, *h is filled. 0: more bytes are needed. < 0: refused; for a
 * request the negative status to answer with (-400, -414, -417, -431, -501, -505), for a response
 * -502. method is the request's that the response answers (HEAD changes the framing).
 *
 * The answer for n bytes does not depend on how they arrived. One empty line before a request is
 * skipped (RFC 9112 2.2) and counted in len. CONNECT is always -501.
 */
int http_parse_request(const char *p, size_t n, struct http_head *h);
int http_parse_response(const char *p, size_t n, struct slice method, struct http_head *h);

/* Is there a field of one of these names (FIELD_BIT)? */
static inline bool http_has(const struct http_head *h, uint32_t names)
{
	return h->names & names;
}
/* The first field of that name, which is not FIELD_OTHER, or NULL. */
const struct http_field *http_find(const struct http_head *h, enum http_name name);
/* The next one behind f, which is of that name too, or NULL. */
const struct http_field *http_find_next(const struct http_head *h, const struct http_field *f);
/* The authority of an absolute-form target ("http://host:port/..."); n = 0 for other forms. */
struct slice http_target_authority(struct slice target);
bool http_is_token(struct slice s);
/* Does a Connection field list this option, or name this field (RFC 9110 7.6.1)? */
bool http_connection_has(const struct http_head *h, struct slice option);
/* Is token one of the comma-separated members of this list field (case-insensitive)? */
bool http_list_has(struct slice value, const char *token);

/*
 * Chunked decoder state; zero it before the first byte. Chunk extensions and trailer fields are
 * checked and skipped: who relays a body frames it anew, so that nobody behind it has to read
 * what a peer wrote as framing.
 */
struct http_chunked {
	int state;     /* private to http_chunked.c */
	uint64_t left; /* of the current chunk */
	unsigned line; /* bytes of the current size line or of all trailer lines, bounded */
	bool done;
};

/*
 * Consumes at most n bytes and at most one run of data: returns the bytes consumed (0: more are
 * needed), sets *data to the run of body bytes among them (n = 0 when none); -1 when malformed.
 * c->done is set with the last byte of the trailer section.
 */
long http_chunked_next(struct http_chunked *c, const char *p, size_t n, struct slice *data);

/* The reason phrase of the statuses used here; "Unknown" for others. */
const char *http_reason(unsigned status);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_TX_H
#define PROXY_TX_H

#include "buf.h"
#include "http_head.h"

/*
 * Open HTTP transactions. Every member counts its transactions from 1, so ids collide between
 * members all the time. Outside the proxy an id therefore also says whose it is:
 *
 *	transactional endpoint (2.0 to 5.x)  id x 128 + server id   "6" of member 2 -> "770"
 *	Query API (5.19 and later)           token "-" server id    "lyU" of member 2 -> "lyU-2"
 *
 * Nothing is remembered: any proxy of the cluster understands an id, after a restart too.
 *
 *	begin                       run, roll back     commit                    one shot (no id)
 *	/db/data/transaction        .../{id}           .../{id}/commit           .../commit
 *	/db/{name}/tx               .../{id}           .../{id}/commit           .../commit
 *	/db/{name}/query/v2/tx      .../{id}           .../{id}/commit           /db/{name}/query/v2
 */
#define TX_SERVERS 128 /* server ids are 1 to 127 */

enum tx_kind {
	TX_NONE,  /* not about an open transaction */
	TX_BEGIN, /* opens one */
	TX_OPEN,  /* names one by its id */
	TX_ODD,   /* "." or ".." as a segment under /db: whose it is could be read in two ways */
};

enum tx_api {
	TX_TRANSACTIONAL,
	TX_QUERY,
};

struct tx_target {
	enum tx_kind kind;
	enum tx_api api;
	bool one_shot;   /* TX_NONE: a statement that commits at once */
	struct slice id; /* TX_OPEN: inside the target, as the client wrote it */
};

/* What an origin-form or absolute target asks for. Percent-encoding and ";..." do not hide it. */
struct tx_target tx_parse_target(struct slice target);

/* The server id (1..127) that an outside id names, and the member's own id; -1: names nobody. */
int tx_decode_id(enum tx_api api, struct slice outside, struct buf *own);
/* The outside id for a member's own; one that names nobody when own is not as expected. */
void tx_encode_id(enum tx_api api, struct slice own, unsigned server, struct buf *outside);

/*
 * A Location or `commit` URL as clients may use it: the id encoded, and scheme and authority, if
 * there are any, those the client asked with, origin (before 2.2 Neo4j names itself, whatever
 * X-Forwarded-Host says). A text that is no such URL is passed on as it is.
 */
void tx_encode_url(struct slice url, const char *origin, unsigned server, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_IMPORT_HAPROXY_H
#define PROXY_IMPORT_HAPROXY_H

#include "buf.h"
#include "err.h"
#include "import/words.h"

/*
 * haproxy.cfg as far as it is about Neo4j: one frontend whose writes go to one backend and whose
 * reads go to another, a stats page, checks, limits, timeouts, servers. Each line is either taken,
 * or known and not needed here, or not understood; a note tells of the last two.
 *
 * No secret of the file gets into the notes or the result: stats { password_file } and
 * members { check_credentials_file } name files that a note says how to fill.
 */
#define SERVERS_MAX 64
#define LISTENS_MAX 4
#define TEXT_MAX 256

struct haproxy_server {
	char name[TEXT_MAX], address[TEXT_MAX];
	unsigned id, maxconn, weight;
};

struct haproxy {
	char binds[LISTENS_MAX][TEXT_MAX]; /* of what is not the stats page */
	size_t nbinds;
	char stats_listen[TEXT_MAX], stats_user[TEXT_MAX], stats_realm[TEXT_MAX];
	bool check_credentials;
	long maxconn, connect_ms, client_ms, server_ms, queue_ms, check_ms; /* 0: not said */
	long slowstart_ms;                                                  /* -1: not said */
	const char *balance;
	struct haproxy_server servers[SERVERS_MAX];
	size_t nservers;
};

/* Reads text, the n bytes of the file `name`; one line "NAME:LINE: ..." in notes for each note. */
MUST_CHECK int haproxy_parse(const char *name, const char *text, size_t n, struct haproxy *h,
	struct buf *notes, struct err *e);

/* The whole way: proxy.conf, one that proxy_conf_parse takes, into conf. */
MUST_CHECK int haproxy_import(const char *name, const char *text, size_t n, struct buf *conf,
	struct buf *notes, struct err *e);

#endif

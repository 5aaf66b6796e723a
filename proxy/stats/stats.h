/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_STATS_STATS_H
#define PROXY_STATS_STATS_H

#include "proxy.h"

/*
 * The pages behind stats.user and its password: / the dashboard, /stats HAProxy's table, /;csv,
 * /json, /metrics for Prometheus. GET /health needs no password: 200 while there is a master, else
 * 503. Does nothing when proxy.conf has no stats section.
 */
MUST_CHECK int stats_start(struct proxy *p, struct err *e);
void stats_accept(struct proxy *p); /* from then on the page answers */
void stats_stop(struct proxy *p);

/* One line of the table: the clients' side, a member, or the members together. */
struct stats_row {
	const char *pool, *name; /* HAProxy's pxname and svname */
	int type;                /* HAProxy's: 0 frontend, 1 backend, 2 server */
	int iid;                 /* HAProxy's number of the pool */
	unsigned id;             /* HAProxy's sid: ha.server_id of a member, 0 of others */
	const struct member *member;
	const struct meter *meter;
	const char *role, *status;
	bool up;
	unsigned weight;
	size_t usable, queue, queue_max, current, current_max, limit, idle;
	unsigned rate, rate_max, request_rate, request_rate_max;
	uint64_t total, bytes_in, bytes_out, errors, refused, bad_requests, retries;
	uint64_t connect_errors, redispatches, client_aborts, member_aborts;
	uint64_t answers[6];
	uint64_t failed_checks, deaths;
	int64_t since_ms; /* how long the role or the status has lasted */
	int64_t down_ms;  /* in all */
	int64_t lag;      /* transactions behind the master; -1: not known */
};

/* The rows of now, at most STATS_ROWS_MAX; how many. */
#define STATS_ROWS_MAX (MEMBERS_MAX + 2)
size_t stats_rows(struct proxy *p, struct stats_row rows[static STATS_ROWS_MAX]);

/* The same of Bolt: sessions and transactions; 0 where it is not served. http: the rows above. */
size_t stats_bolt_rows(const struct proxy *p, const struct stats_row *http, size_t nhttp,
	struct stats_row rows[static STATS_ROWS_MAX]);

/* HAProxy's word for how the last check went: L7OK, L4CON, ... */
const char *stats_check_status(const struct member *m);

void stats_table(struct proxy *p, struct buf *out);
void stats_csv(struct proxy *p, struct buf *out);
void stats_json(struct proxy *p, struct buf *out);
void stats_metrics(struct proxy *p, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_CONF_H
#define PROXY_CONF_H

#include <stdbool.h>
#include "members/dialect.h"
#include "net.h"

/* proxy.conf as data; its syntax and defaults are in bramble-proxy(8). */

#define SOCKET_PATH_MAX 100 /* sun_path has 108, a name being made has more */
#define WEIGHT_MAX 256      /* HAProxy's */
#define MEMBERS_MAX 64      /* one bit each in the election */

enum balance {
	BALANCE_LEAST, /* fewest requests in flight */
	BALANCE_ROUNDROBIN,
};

struct member_conf {
	const char *name;
	unsigned id; /* ha.server_id, 1..127 */
	const char *http_text;
	unsigned weight; /* share of the reads; 0: none */
	struct sockaddr_in http;
	struct sockaddr_in bolt, agent; /* sin_port 0: not given */
};

struct proxy_conf {
	unsigned maxconn; /* client connections */
	int64_t connect_ms, client_ms, server_ms;
	const char *http_listen;
	const char *bolt_listen;               /* NULL: none */
	const char *bolt_read_listen;          /* NULL: none; only with bolt_by_port */
	bool bolt_by_port;                     /* connections, not transactions, go to members */
	const char *tls_certificate, *tls_key; /* PEM files; both or none */
	const char *stats_listen;              /* NULL: no stats page */
	const char *stats_user, *stats_password_file, *stats_realm;
	const char *admin_socket; /* NULL: none */
	const char *access_log;   /* a path, "stderr", or NULL: none */
	unsigned access_log_per_s, access_log_mb;
	const char *check_credentials_file; /* NULL: the checks name nobody */
	unsigned member_maxconn, hold_max;
	unsigned bolt_maxconn; /* transactions at once in each member */
	int64_t check_interval_ms, hold_ms;
	enum balance balance;
	enum dialect dialect; /* DIALECT_ASK: auto */
	int64_t slowstart_ms; /* 0: none */
	bool follow_agents;   /* who is a member the agents tell, once they are heard */
	struct member_conf *members;
	size_t nmembers;
};

MUST_CHECK struct proxy_conf *proxy_conf_load(const char *path, struct err *e);
MUST_CHECK struct proxy_conf *proxy_conf_parse(const char *name, const char *text, struct err *e);
void proxy_conf_free(struct proxy_conf *conf);
/*
 * How long a request may take that has come to a process which another one follows: as long as it
 * may wait and then be without an answer, and at least FINISH_MIN_MS.
 */
#define FINISH_MIN_MS 5000
int64_t proxy_conf_finish_ms(const struct proxy_conf *conf);
/* Is Bolt served? Without a port of its own it is on the HTTP port, where members speak it. */
bool proxy_conf_bolt(const struct proxy_conf *conf);

/* May a member have this name? It goes into pages, metrics and orders as it is. */
bool member_name_ok(const char *name);
/* A member's own copy; both may be of one that was built by hand. */
struct member_conf *member_conf_copy(const struct member_conf *m);
void member_conf_free(const struct member_conf *m);

/*
 * The first line of a file that holds a secret, to free. The file must not be empty nor accessible
 * to group or others.
 */
MUST_CHECK char *proxy_conf_secret(const char *path, struct err *e);

/* The field lines that checks carry, to free: "" or the Authorization of check_credentials_file. */
MUST_CHECK char *proxy_conf_check_fields(const struct proxy_conf *conf, struct err *e);

#endif

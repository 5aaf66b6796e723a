/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_LOG_ACCESS_LOG_H
#define PROXY_LOG_ACCESS_LOG_H

#include "err.h"
#include "http_head.h"
#include "proxy_conf.h"
#include "stats/meter.h"

/*
 * One line per request, in the format of bramble-proxy(8). The loop never waits for it: lines go
 * into a pipe or a socket that takes them at once or not at all, and what does not fit, or is more
 * than log { max_per_s }, is counted and left out. A file is written by a process of its own
 * (writer.c), which may wait for the disk.
 */
struct access_log;
struct client;
struct member;

/* NULL without an error when proxy.conf wants none. */
MUST_CHECK int access_log_open(
	const struct proxy_conf *conf, struct access_log **log, struct err *e);
void access_log_close(struct access_log *log);
/* Opens the file anew: somebody moved it away. */
void access_log_reopen(struct access_log *log);
uint64_t access_log_left_out(const struct access_log *log);

/* "METHOD TARGET" without the query and with nothing unprintable, to free; NULL: out of memory. */
char *access_log_line(const struct http_head *h);

/* A line, as bramble-proxy(8) has it. */
struct access_entry {
	const char *from;
	const struct member *member; /* NULL: none */
	const char *reason;
	struct timing timing;
	unsigned status;
	uint64_t bytes;
	char who, phase;
	unsigned attempts;
	const char *line;
};
void access_log_put(struct access_log *log, const struct access_entry *a);
/* c's request ended. Does nothing without an access log. */
void access_log_request(const struct client *c, const struct timing *t);

#endif

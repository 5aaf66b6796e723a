/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_WRITE_PROBE_H
#define BRAMBLE_WRITE_PROBE_H

#include "../identity.h"
#include "http_client.h"

/*
 * Where cluster.conf says write_probe = true: does this node's Neo4j still take writes? Asked only
 * while it is master by the grant of a majority, by a write of one node of the label BrambleProbe,
 * every WRITE_PROBE_MS. WRITE_PROBE_BAD in a row that Neo4j itself fails, or does not answer, and
 * it has given up: what no other sign tells. Errors that pass by themselves, as in an election, are
 * none of its own.
 */
#define WRITE_PROBE_MS 10000
#define WRITE_PROBE_TIMEOUT_MS 20000
#define WRITE_PROBE_BAD 3
/* A cause that a new start does not mend must not have it started over and over. */
#define WRITE_PROBE_AGAIN_MS 600000

enum write_verdict {
	WRITE_GOOD,
	WRITE_BAD,
	WRITE_UNKNOWN,
	WRITE_REFUSED, /* the password is another one */
};

struct write_probe {
	struct http_client *client; /* NULL: none of this */
	const char *node;
	char *fields;
	int64_t next_ms, gave_up_ms;
	unsigned bad;
	bool gave_up; /* to be told by the next step */
	bool refused; /* the password, until there is another one */
};

/* address: where Neo4j answers its own agent. password: NULL when Neo4j wants none; copied. */
MUST_CHECK int write_probe_open(struct write_probe *p, struct loop *l, const struct identity *id,
	struct in_addr address, const char *password, struct err *e);
void write_probe_close(struct write_probe *p);
/* It is another one now; copied. */
void write_probe_password(struct write_probe *p, const char *password);

/* Twice a second. True: Neo4j has given up; told once. */
bool write_probe_step(struct write_probe *p, bool writable);

/* Pure: what an answer of the transaction endpoint says. status 0: there was none. */
enum write_verdict write_probe_judge(unsigned status, struct slice body);

#endif

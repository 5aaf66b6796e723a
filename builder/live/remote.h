/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_REMOTE_H
#define BRAMBLE_REMOTE_H

#include "cluster/state.h"
#include "talk.h"
#include <netinet/in.h>

/*
 * The nodes of a live cluster, told what to do with the cluster's secret: the PC's end of the
 * control protocol (docs/CONTROL.md). Blocks; Ctrl-C ends it with EXIT_INTERRUPTED.
 */
struct remote {
	struct cluster *cluster;
	char id[33];
	struct sealed_keys keys; /* two while the secret is being changed */
};

#define _cleanup_remote_ _cleanup_(remote_close)

/* From cluster.conf and the state folder beside it. */
MUST_CHECK int remote_open(struct remote *r, const char *conf, struct err *e);
void remote_close(struct remote *r);
/* The secrets of s, in place of those the folder had. */
void remote_use(struct remote *r, const struct state *s);

/* What comes before the answer. Each may be NULL. */
struct remote_listener {
	void (*progress)(void *arg, const char *text); /* printable ASCII */
	void (*data)(void *arg, const char *p, size_t n);
	void *arg;
	/* In place of data, for what may not be kept: -1 ends the call, with any error. */
	int (*take)(void *arg, const char *p, size_t n);
	void *take_arg;
	/* What goes after the request: 1: more was appended to out; 0: that was all; -1: error. */
	int (*feed)(void *arg, struct buf *out, struct err *e);
	void *feed_arg;
};

/* `data` for whoever wants all of it: arg is a struct buf. */
void remote_collect(void *arg, const char *p, size_t n);

/*
 * Asks node n; request is stolen. 0: it answered ok, and *answer is the caller's. -1: it said no,
 * or there was no telling it: *reached tells which. EXIT_BUSY: somebody else was first there. l and
 * answer may be NULL.
 */
MUST_CHECK int remote_ask(const struct remote *r, const struct node *n, json_t *request,
	const struct remote_listener *l, json_t **answer, bool *reached, struct err *e);

/* Could this word of the command line be in a request? -1: a usage error that calls it `what`. */
MUST_CHECK int remote_check_word(const char *what, const char *word, struct err *e);

/* Bytes that go with a request: of memory, or of a file. */
struct remote_file {
	const char *bytes; /* NULL: of the file at path */
	const char *path;
	uint64_t size;
};
/* As remote_ask, of a verb that takes a file. */
MUST_CHECK int remote_give(const struct remote *r, const struct node *n, json_t *request,
	const struct remote_file *file, json_t **answer, struct err *e);

/*
 * Where node n is: where cluster.conf has no address the network gave one, and the node tells it by
 * mDNS. -1 sets errno.
 */
MUST_CHECK int remote_address(const struct node *n, unsigned port, struct sockaddr_in *to);

/* Does anything listen there? For waiting until a node is off. */
bool remote_listens(const struct node *n);

/* What a node says of itself. */
struct remote_status {
	bool reached;
	bool writable;
	char state[16], neo4j[12], why[160];
	int64_t last_tx; /* -1: not known */
	/* What it runs; the newest that was decided; what all are to run, 0: what cards have. */
	int64_t generation, decided, goal;
	int64_t owed; /* is still to be taken back there; 0: none */
};

/* -1 sets e, and s->reached tells whether that is all that is known. */
MUST_CHECK int remote_status(
	const struct remote *r, const struct node *n, struct remote_status *s, struct err *e);

/*
 * settled.c, pure. false: that node has another generation of the configuration than it is to have,
 * or a part of one. A card that was flashed with a newer one than was ever decided is settled.
 */
bool remote_is_settled(const struct remote_status *s);

/* Prints each progress once, behind the node's name: arg is a struct remote_teller. */
struct remote_teller {
	const char *node;
	char last[256];
};
void remote_tell(void *arg, const char *text);

/* Waits; -1 with EXIT_INTERRUPTED when Ctrl-C came. */
MUST_CHECK int remote_pause(unsigned ms, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SECRETS_H
#define BRAMBLE_SECRETS_H

#include "buf.h"
#include "peers.h"
#include "sealed.h"

/*
 * The secrets on a card: files in /etc/bramble that nobody but the agent may read.
 *
 * cluster.secret has one line, or two while the cluster's secret is being changed: what is said is
 * sealed with the first, what is heard may be sealed with either.
 */
#define SECRETS_MAX SEALED_KEYS_MAX
#define SECRETS_TEXT ((2 * SECRET_SIZE + 1) * SECRETS_MAX + 1)

struct secrets {
	size_t n;
	uint8_t bytes[SECRETS_MAX][SECRET_SIZE];
};

MUST_CHECK int secrets_load(const char *root, struct secrets *s, struct err *e);
/* As the file has it. */
void secrets_text(const struct secrets *s, char text[SECRETS_TEXT]);
void secrets_wipe(struct secrets *s);
#define _cleanup_secrets_ _cleanup_(secrets_wipe)

/*
 * The steps of a change; every node takes one before any takes the next. 1: s is to be written as
 * it is now; 0: that step was taken before; -1: it is not this one's turn.
 */
enum secrets_step {
	SECRETS_ACCEPT, /* the new one too */
	SECRETS_USE,    /* it, and accept the old one */
	SECRETS_ONLY,   /* forget the old one */
};
MUST_CHECK int secrets_change(
	struct secrets *s, enum secrets_step step, const uint8_t new[SECRET_SIZE], struct err *e);

/* What is made of the cluster's secrets, in their order. */
struct keys {
	struct hello_keys hello;
	struct sealed_keys control;
};

MUST_CHECK int keys_load(
	const char *root, const struct identity *id, struct keys *k, struct err *e);
void keys_wipe(struct keys *k);
#define _cleanup_keys_ _cleanup_(keys_wipe)

/* Into an empty buffer, to be wiped; no such file (Neo4j wants no password) leaves it empty. */
MUST_CHECK int password_load(const char *root, struct buf *password, struct err *e);

void secret_wipe(struct buf *b);
#define _cleanup_secret_ _cleanup_(secret_wipe)

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_AUTHORITY_H
#define BRAMBLE_AUTHORITY_H

#include "certificate.h"

/*
 * The certificate of a cluster's proxies and its key, both PEM. With tls { mode = "own" } they are
 * of the cluster's own authority, which the state folder keeps (state.h):
 *
 *	ca.crt    for clients to trust; made once, good for 20 years
 *	ca.key    on no card
 *	tls.crt   of all proxies, whose names and addresses it has
 *	tls.key   its key, the same for life
 *
 * tls.crt is made again when the names have changed or less than a third of its time is left, and
 * only then: builds before and after have the same bytes.
 */
#define CREDENTIALS_SOON 30 /* days that are left when it is time to say so */

struct credentials {
	struct buf certificate, key; /* empty: no TLS */
	long days_left;
	bool renewed; /* just now */
};

enum credentials_how {
	CREDENTIALS_PEEK, /* nothing is kept: what is missing is a sample, for comparing */
	CREDENTIALS_KEEP,
};

/* Of mode "own", once the state is there, and of "off". */
MUST_CHECK int authority_open(const struct cluster *c, enum credentials_how how, time_t now,
	struct credentials *t, struct err *e);
/* Of mode "files": what is in these files, which must fit each other and not have ended. */
MUST_CHECK int credentials_read(
	const char *certificate, const char *key, time_t now, struct credentials *t, struct err *e);
void credentials_free(struct credentials *t);

#endif

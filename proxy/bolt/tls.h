/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_TLS_H
#define PROXY_BOLT_TLS_H

#include "bridge.h"

/*
 * TLS towards clients, 1.2 and later, by OpenSSL: a bridge takes it off, so https, bolt+s, neo4j+s
 * and wss all work on both ports beside their bare forms. A renewed certificate is taken up by
 * itself, and kept out when it is not whole or does not fit its key.
 */
struct tls;

/* From conf's certificate chain and key, both PEM. */
MUST_CHECK struct tls *tls_new(const struct proxy_conf *conf, struct err *e);
void tls_free(struct tls *t);
/* Looks whether the files have changed; new connections get what is there then. That one ends soon,
 * or has ended, goes to the log once a day: it is served all the same, clients decide. */
void tls_renew(struct tls *t);
/* When the certificate that is served ends, by this machine's clock. */
time_t tls_ends(const struct tls *t);

/* A connection that begins with TLS; *far is where it is bare. -1: fd is still the caller's. */
MUST_CHECK int tls_bridge(struct front *f, int fd, int *far);

#endif

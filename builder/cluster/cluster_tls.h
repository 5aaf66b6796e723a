/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CLUSTER_TLS_H
#define BRAMBLE_CLUSTER_TLS_H

#include "cluster.h"
#include "config.h"

/* cluster.conf's tls section, for cluster.c. */
extern cfg_opt_t tls_options[];

/* Reads it, after the nodes. */
MUST_CHECK int cluster_tls_read(struct cluster *c, cfg_t *sec, struct err *e);
void cluster_tls_free(struct cluster *c);

#endif

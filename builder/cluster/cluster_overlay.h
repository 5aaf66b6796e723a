/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CLUSTER_OVERLAY_H
#define BRAMBLE_CLUSTER_OVERLAY_H

#include "cluster.h"
#include "config.h"

/* cluster.conf's overlay sections, for cluster.c. */
extern cfg_opt_t overlay_options[];

/* Reads the overlay sections of cluster { }, after its nodes. */
MUST_CHECK int overlays_read(struct cluster *c, cfg_t *sec, struct err *e);
void overlays_free(struct cluster *c);

#endif

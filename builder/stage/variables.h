/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_VARIABLES_H
#define BRAMBLE_VARIABLES_H

#include "input/inputs.h"

/* The variables of overlays, from cluster.conf; cluster.conf(5) lists them. A template_fn's arg. */
struct variables {
	const struct cluster *cluster;
	const struct inputs *inputs;
	const struct node *node;
};

MUST_CHECK int variable_value(void *variables, const char *name, struct buf *out, struct err *e);

#endif

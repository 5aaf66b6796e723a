/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_METRICS_H
#define BRAMBLE_METRICS_H

#include "api.h"
#include "board.h"

/*
 * The answer to /metrics, in Prometheus' text format 0.0.4: what the view holds and what the
 * kernel tells of the board. One table of metrics (metrics.c); bramble-agent(8) has them for
 * people. Pure. What is not known has no sample.
 */
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

void metrics_write(const struct api_view *v, const struct board *b, struct buf *to);

#endif

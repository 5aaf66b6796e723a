/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_RECORD_H
#define BRAMBLE_RECORD_H

#include <jansson.h>
#include "rehearsal.h"

static inline void cleanup_json(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ _cleanup_(cleanup_json)

/* A rehearsal as JSON, and its file in /run/bramble. */
MUST_CHECK json_t *record_json(const struct rehearsal *r);
MUST_CHECK struct rehearsal *record_parse(const char *json, size_t n, struct err *e);

MUST_CHECK int record_save(const struct rehearsal *r, struct err *e);
/* NULL when there is none (e stays empty) or it cannot be read. */
MUST_CHECK struct rehearsal *record_load(const char *cluster, struct err *e);

/* The name of the only cluster that has a record; the caller frees. */
MUST_CHECK char *record_only_cluster(struct err *e);

#endif

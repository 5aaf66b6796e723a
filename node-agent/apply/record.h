/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_RECORD_H
#define BRAMBLE_RECORD_H

#include "enact.h"
#include "generation.h"

/* The small JSON files of enact.h, for its two sides. */
#define RECORD_DIR "/var/lib/bramble"
#define RECORD_MAX (4u << 20) /* what is larger is not written */

MUST_CHECK int record_write(const char *path, const json_t *json, mode_t mode, struct err *e);
/* NULL: it is not there, or damaged. */
json_t *record_read(const char *path);

/* Of a node's files in a list; saved for the agent's group to read. */
json_t *record_of(const struct generation *g, const char *node);
MUST_CHECK int record_save(const char *root, const json_t *record, struct err *e);

/* The "path" of an entry; "" for none. */
const char *record_path(const json_t *entry);
/* Does the list name that path for that node? Looks through all of it. */
bool record_names(const struct generation *g, const char *node, const char *path);

/* For who looks up many: an object by path, of digests in a record; of true in a list. */
json_t *record_digests(const json_t *record);
json_t *record_paths(const struct generation *g, const char *node);

/* before/list.json. */
json_t *record_before(const char *root);
bool record_before_is(const char *root, uint64_t generation);
/*
 * Mixed: some files are that generation's and some of before it, for putting it in place or taking
 * it back was not finished. record_mixed: the list if it is; NULL: it is not.
 */
json_t *record_mixed(const char *root);
MUST_CHECK int record_set_mixed(const char *root, bool mixed, struct err *e);

/* why NULL: it went well; how: as enact_result tells it. */
MUST_CHECK int record_result(const char *root, uint64_t serial, const char *why,
	const struct enact_failure *how, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CONFIG_H
#define BRAMBLE_CONFIG_H

#include <confuse.h>
#include "err.h"

/*
 * libconfuse with the house's rules added, for cluster.conf, node.conf, proxy.conf and the
 * marker: unknown keys are errors (libconfuse's own), and so are a repeated key or section
 * and "${" anywhere in the file (libconfuse would let the last one win and would expand the
 * environment). Errors read "FILE:LINE: cause" and carry EXIT_CONFIG.
 *
 * opts is a libconfuse option table; it must stay valid until cfg_free. Read the result with
 * cfg_getstr, cfg_getsec and the rest.
 */
#define _cleanup_cfg_ _cleanup_(config_cleanup)

MUST_CHECK cfg_t *config_load(const char *path, cfg_opt_t *opts, struct err *e);
/* The same of a file in a folder that a less trusted user may write to (io_read_plain). */
MUST_CHECK cfg_t *config_load_plain(const char *path, cfg_opt_t *opts, struct err *e);

/* The same for text in memory; name stands for the file in errors. */
MUST_CHECK cfg_t *config_parse(const char *name, const char *text, cfg_opt_t *opts, struct err *e);

/* "FILE:LINE" of a section, for errors found after parsing. Static storage, one at a time. */
const char *config_where(cfg_t *sec);

/*
 * "FILE:LINE" of a key or a section as it was set in sec (of a section: where it ends). When it was
 * not set, where sec is if it has a title, else FILE alone. Valid as long as sec, at most until the
 * next call of config_where.
 */
const char *config_where_key(cfg_t *sec, const char *key);

static inline void config_cleanup(cfg_t **cfg)
{
	if (*cfg)
		cfg_free(*cfg);
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_FIXED_H
#define BRAMBLE_FIXED_H

#include <jansson.h>
#include "err.h"

/*
 * What cannot change while a node lives (stage/fixed.c): -1 with a sentence that says which command
 * does it. is: as on the card; {} for one that does not tell.
 */
MUST_CHECK int fixed_check(const char *node, const json_t *is, const json_t *wanted, struct err *e);

#endif

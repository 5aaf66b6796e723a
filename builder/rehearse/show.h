/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SHOW_H
#define BRAMBLE_SHOW_H

#include <stdbool.h>
#include "err.h"

/* `bramble rehearse status` of a running rehearsal: the table or the JSON. */
MUST_CHECK int show_rehearsal(const char *cluster, bool json, struct err *e);

#endif

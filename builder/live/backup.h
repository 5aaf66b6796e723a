/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_LIVE_BACKUP_H
#define BRAMBLE_LIVE_BACKUP_H

#include "remote.h"

/* Copies a slave's store to the file path, and waits until that slave serves again. */
MUST_CHECK int live_backup(const struct remote *r, const char *path, struct err *e);

#endif

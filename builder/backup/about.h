/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BACKUP_ABOUT_H
#define BRAMBLE_BACKUP_ABOUT_H

#include "backup_file.h"

#define ABOUT_ENTRY "bramble-backup.json"
#define ABOUT_MAX 4096
#define STORE_PREFIX "store/"

/* Pure: bramble-backup.json. */
void about_format(const struct backup_about *a, struct buf *out);
MUST_CHECK int about_parse(const char *text, size_t n, struct backup_about *a, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PLUGIN_H
#define BRAMBLE_PLUGIN_H

#include "image/ext4.h"

/*
 * Plugins of Neo4j: .jar files that go into the folder plugins/ of its home, where all versions
 * from 2.2 on look for them.
 */
#define PLUGIN_SIZE_MAX (UINT64_C(1) << 30)

/* Is it a whole .zip with classes in it? EXIT_INPUT when it is not. */
MUST_CHECK int plugin_check(const char *path, struct err *e);

/* Copies it into the folder dir of fs, for everybody to read. */
MUST_CHECK int plugin_put(const char *path, struct ext4 *fs, const char *dir, struct err *e);

#endif

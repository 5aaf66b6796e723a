/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_LOOK_H
#define BRAMBLE_LOOK_H

#include <sys/types.h>
#include "cluster/cluster.h"

/* BRAMBLE_CACHE, XDG_CACHE_HOME/bramble or ~/.cache/bramble; the caller frees. */
char *cache_dir(void);

/* $BRAMBLE_INPUTS, else CACHE/inputs; the caller frees. */
char *inputs_dir(void);

/*
 * Can it be read, and is it of that type (S_IFREG, S_IFDIR)? Only files are read and only folders
 * listed: a pipe or a device would never end.
 */
bool input_is(const char *path, mode_t type);

/*
 * Where the input lies that cluster.conf calls so: beside it, else in the inputs folder. The caller
 * frees; NULL: at neither.
 */
char *input_look(const struct cluster *c, const char *name, mode_t type);

#endif

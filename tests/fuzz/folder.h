/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TEST_FUZZ_FOLDER_H
#define BRAMBLE_TEST_FUZZ_FOLDER_H

#include "fuzz.h"
#include "io.h"

/* For targets whose functions take the name of a folder: one in memory, the same each time. */
static inline const char *folder(void)
{
	static char path[] = "/dev/shm/bramble-fuzz.XXXXXX";
	static bool made;

	must(made || mkdtemp(path));
	made = true;
	return path;
}

/* It is small, but not to be left. */
static __attribute__((destructor)) void leave_nothing(void)
{
	struct err e;

	(void)!io_remove_tree(folder(), &e);
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TEST_FUZZ_H
#define BRAMBLE_TEST_FUZZ_H

/* For targets whose functions take the name of a file. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool held)
{
	if (!held)
		abort();
}

/*
 * A file in memory that holds data and zeros behind it up to `least` bytes (corpora leave them
 * out). The same one each time.
 */
static inline const char *fuzz_file(const uint8_t *data, size_t size, size_t least)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(ftruncate(fd, 0) == 0 && ftruncate(fd, (off_t)(size > least ? size : least)) == 0);
	must(pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TEST_IMAGE_H
#define BRAMBLE_TEST_IMAGE_H

/* Scratch filesystems for tests of the builder's image code. */
#include <fcntl.h>
#include <sys/stat.h>
#include "builder/image/ext4.h"
#include "builder/run.h"
#include "cmd.h"
#include "io.h"
#include "tap.h"
#include "util.h"

volatile int interrupted;

int check_interrupted(struct err *e)
{
	return interrupted ? err_code(e, EXIT_INTERRUPTED, "interrupted") : 0;
}

static char scratch[] = "/tmp/bramble-image-XXXXXX";

/* Good until eight more are asked for. */
static inline const char *in_scratch(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch, name);
	return path;
}

/* Runs a tool that must succeed; its last argument is a file in the scratch folder. */
#define TOOL(...)                                             \
	do {                                                  \
		struct err te = {0};                          \
		const char *const av[] = {__VA_ARGS__, NULL}; \
		if (run_tool(av, NULL, NULL, 0, &te) < 0)     \
			ok(false, "%s: %s", av[0], te.msg);   \
	} while (0)

static inline void new_image(const char *path, off_t size)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, size) < 0)
		perror(path);
}

/* e2fsck finds nothing at all to say about it. */
static inline bool is_clean(const char *image)
{
	struct err e = {0};
	_cleanup_buf_ struct buf out = {0};
	const char *const argv[] = {"e2fsck", "-f", "-n", image, NULL};

	if (run_tool(argv, NULL, &out, 0, &e) == 0)
		return true;
	printf("# %s\n", e.msg);
	return false;
}

#endif

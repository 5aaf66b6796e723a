/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_STORE_LOG_H
#define BRAMBLE_STORE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Neo4j's own log, followed for the one line that says that its store takes no more writes until
 * it is started again: after an error of its files the kernel "panics", and goes on answering
 * "master" (3.5: DatabaseHealth.panic, 2.3: KernelHealth.panic). Only what is written while it is
 * followed counts; a log that was rotated is read from its beginning.
 */
#define STORE_LOG_MOST (1u << 20) /* bytes read at a time: of a flood the end */

struct store_log {
	dev_t device;
	ino_t inode; /* 0: none was found yet */
	int64_t at;
};

/*
 * Reads on, below the folder dir (p3). Returns whether Neo4j has panicked; with skip what was
 * written until now is passed over: it is of a Neo4j before this one.
 */
bool store_log_follow(struct store_log *l, int dir, bool skip);

/* Pure: is there such a line in these bytes? They begin at a line's beginning. */
bool store_log_tells_panic(const char *text, size_t n);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PI_H
#define BRAMBLE_PI_H

#include <stdbool.h>
#include "arch.h"

/*
 * The Raspberry Pis a node may be, as data: cluster.conf's `board`. What each boots, what memory it
 * is sold with and how it reaches the network.
 */
#define PI_MEMORIES 6

struct pi {
	const char *name;  /* as in cluster.conf: "2b" */
	const char *title; /* as its maker calls it */
	unsigned arches;   /* 1u << ARCH_ARMHF and so on; 0: none that bramble has programs for */
	unsigned memory_mb[PI_MEMORIES]; /* rising, then 0 */
	unsigned release;                /* the first that boots it, as Debian counts: 12 */
	const char *release_name;
	bool ethernet, wifi; /* has it of its own */
};

/* NULL: no such board. */
const struct pi *pi_find(const char *name);

/* "2b, 3b, ...": for messages. Static storage. */
const char *pi_names(void);

/* Is it sold with that much? On -1 the error names the choices; EXIT_CONFIG. */
MUST_CHECK int pi_check_memory(const struct pi *p, unsigned mb, struct err *e);

/*
 * Does it boot a base image of that architecture and release? On -1 the error says why not and what
 * it would boot; EXIT_CONFIG.
 */
MUST_CHECK int pi_check_base(const struct pi *p, enum arch arch, unsigned release,
	const char *release_name, struct err *e);

#endif

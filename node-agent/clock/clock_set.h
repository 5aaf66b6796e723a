/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CLOCK_SET_H
#define BRAMBLE_CLOCK_SET_H

#include <stdbool.h>
#include <stdint.h>
#include "err.h"

/* Is the wall clock not this system's own? A container has its machine's, and must not touch it. */
bool clock_is_shared(void);

/*
 * The one place that changes the wall clock: adds by_ms to it, at once or by and by (adjtime(3),
 * half a millisecond a second). Refuses where clock_is_shared.
 */
MUST_CHECK int clock_set(int64_t by_ms, bool by_and_by, struct err *e);

#endif

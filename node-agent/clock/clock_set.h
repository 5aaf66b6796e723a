/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CLOCK_SET_H
#define BRAMBLE_CLOCK_SET_H

#include <stdbool.h>
#include <stdint.h>
#include "err.h"

/* Is the wall clock not this system's own? A container has its machine's, and must not touch it. */
bool clock_is_shared(void);

/* The two places that change the wall clock. They refuse where clock_is_shared. */

/* At once, to that base (clock.h): whoever comes late, when somebody else has set it, does no harm.
 */
MUST_CHECK int clock_set(int64_t base_ms, struct err *e);
/* Adds by_ms by and by (adjtime(3), half a millisecond a second). */
MUST_CHECK int clock_slew(int64_t by_ms, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PROCESS_H
#define BRAMBLE_PROCESS_H

#include <stdint.h>

/* What the kernel says of a process (proc(5), stat); -1: there is none. */
int64_t process_cpu_ms(long pid);   /* the processor's time it took, user and system */
int64_t process_began_ms(long pid); /* since when it is there, Unix time */
int64_t process_since_ms(long pid); /* the same, CLOCK_BOOTTIME: no step of the clock changes it */

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_UTIL_H
#define BRAMBLE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "err.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The object of that type whose member p points to: from a loop source or timer to its owner. */
#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/*
 * Scope-bound cleanup: `_cleanup_free_ char *s = xasprintf(...)`. Hand the value on with
 * steal(), which empties the variable. House rule: these instead of goto chains.
 */
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)
#define steal(p)                             \
	__extension__({                      \
		__typeof__(*(p)) *_sp = (p); \
		__typeof__(*(p)) _sv = *_sp; \
		*_sp = NULL;                 \
		_sv;                         \
	})

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}
static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}
static inline int steal_fd(int *fd)
{
	int v = *fd;
	*fd = -1;
	return v;
}

/*
 * Allocation for programs that may die of it: prints "out of memory" and exits 1. The proxy and
 * the agent use these only at start and for configuration, never for a peer's request.
 */
void *xcalloc(size_t n, size_t size);
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Printable ASCII only: what may be shown, logged and compared as it is. */
bool is_printable(const void *text, size_t n);

/* The value of a hex digit of either case, or -1. */
int hex_digit(char c);
/* Lower-case hex of src, 2n characters and a NUL into dst. */
void hex_encode(char *dst, const uint8_t *src, size_t n);
/* Exactly n bytes from 2n hex digits and nothing after them; 0 or -1. */
int hex_decode(uint8_t *dst, size_t n, const char *hex);

/* CLOCK_BOOTTIME in milliseconds: never jumps, counts suspended time. */
int64_t boottime_ms(void);
/* How long to wait: first_ms, doubled so many times, and most_ms at most. */
int64_t backoff_ms(int64_t first_ms, unsigned times, int64_t most_ms);
/* CLOCK_REALTIME, the wall clock, in milliseconds since 1970: wrong and jumping for all we know. */
int64_t realtime_ms(void);

#endif

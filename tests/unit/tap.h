/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TAP_H
#define BRAMBLE_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * The Test Anything Protocol for one test program: checks print as they come, `return done();`
 * ends main with the plan and the exit code. Each check returns whether it held.
 */
static int tap_count, tap_failed;

static inline bool __attribute__((format(printf, 2, 0)))
tap_say(bool held, const char *fmt, va_list ap)
{
	printf("%sok %d - ", held ? "" : "not ", ++tap_count);
	vprintf(fmt, ap);
	putchar('\n');
	tap_failed += !held;
	return held;
}

static inline bool __attribute__((format(printf, 2, 3))) ok(bool held, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_say(held, fmt, ap);
	va_end(ap);
	return held;
}

static inline bool __attribute__((format(printf, 3, 4)))
is_str(const char *got, const char *want, const char *fmt, ...)
{
	bool held = got && want ? strcmp(got, want) == 0 : got == want;
	va_list ap;

	va_start(ap, fmt);
	tap_say(held, fmt, ap);
	va_end(ap);
	if (!held)
		printf("#  got: %s\n# want: %s\n", got ? got : "(null)", want ? want : "(null)");
	return held;
}

static inline bool __attribute__((format(printf, 3, 4)))
is_int(long long got, long long want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tap_say(got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		printf("#  got: %lld\n# want: %lld\n", got, want);
	return got == want;
}

static inline int done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed != 0;
}

#endif

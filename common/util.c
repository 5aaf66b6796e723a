/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include "util.h"

static void *check_memory(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		exit(EXIT_FAILED);
	}
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	return check_memory(calloc(n ? n : 1, size ? size : 1));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	return check_memory(reallocarray(p, n ? n : 1, size));
}

char *xstrdup(const char *s)
{
	return check_memory(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return check_memory(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return check_memory(n < 0 ? NULL : s);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

void hex_encode(char *dst, const uint8_t *src, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = digits[src[i] >> 4];
		dst[2 * i + 1] = digits[src[i] & 15];
	}
	dst[2 * n] = '\0';
}

bool is_printable(const void *text, size_t n)
{
	const uint8_t *p = text;

	for (size_t i = 0; i < n; i++) {
		if (p[i] < ' ' || p[i] > '~')
			return false;
	}
	return true;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(uint8_t *dst, size_t n, const char *hex)
{
	if (strlen(hex) != 2 * n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(hex[2 * i]), lo = hex_digit(hex[2 * i + 1]);
		if (hi < 0 || lo < 0)
			return -1;
		dst[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

static int64_t clock_ms(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t boottime_ms(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

int64_t realtime_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t backoff_ms(int64_t first_ms, unsigned times, int64_t most_ms)
{
	int64_t ms = first_ms;

	while (times-- && ms < most_ms)
		ms *= 2;
	return ms < most_ms ? ms : most_ms;
}

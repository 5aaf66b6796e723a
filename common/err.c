/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "err.h"

static void err_vset(struct err *e, enum exit_code code, const char *fmt, va_list ap)
{
	e->code = code;
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
}

int err_set(struct err *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, EXIT_FAILED, fmt, ap);
	va_end(ap);
	return -1;
}

int err_code(struct err *e, enum exit_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, code, fmt, ap);
	va_end(ap);
	return -1;
}

int err_errno(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, EXIT_FAILED, fmt, ap);
	va_end(ap);
	size_t len = strlen(e->msg);
	snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", strerror(saved));
	errno = saved;
	return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char old[sizeof(e->msg)];
	va_list ap;

	memcpy(old, e->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
	va_end(ap);
	size_t len = strlen(e->msg);
	snprintf(e->msg + len, sizeof(e->msg) - len, ": %s", old);
	return -1;
}

static bool is_control(const unsigned char *p)
{
	bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f;

	return p[0] < ' ' || p[0] == 0x7f || c1;
}

void err_tame(struct err *e)
{
	for (unsigned char *p = (unsigned char *)e->msg; *p; p++) {
		bool two = p[0] == 0xc2;
		if (!is_control(p))
			continue;
		*p = '?';
		if (two)
			*++p = '?';
	}
}

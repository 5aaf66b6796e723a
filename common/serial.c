/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "serial.h"
#include <ctype.h>
#include <string.h>

/* A device tree's text ends with a NUL, a file's with a newline; 0 is no number. */
bool serial_take(const char *text, size_t n, char to[SERIAL_TEXT])
{
	static const char allowed[] = "0123456789abcdefABCDEF-";
	size_t len = 0;
	bool any = false;

	while (len < n && text[len] && strchr(allowed, text[len])) {
		any |= text[len] != '0' && text[len] != '-';
		len++;
	}
	if (!any || len >= SERIAL_TEXT || (len < n && text[len] && text[len] != '\n'))
		return false;
	for (size_t i = 0; i < len; i++)
		to[i] = (char)tolower((unsigned char)text[i]);
	to[len] = '\0';
	return true;
}

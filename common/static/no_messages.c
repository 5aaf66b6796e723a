/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libconfuse and glibc look for translations of what they say. There are none on a card: these take
 * the places of what would read them.
 */
#include <libintl.h>
#include <stddef.h>

char *bindtextdomain(const char *domain, const char *folder)
{
	(void)domain;
	(void)folder;
	return NULL;
}

char *dcgettext(const char *domain, const char *text, int category)
{
	(void)domain;
	(void)category;
	return (char *)text;
}

/* For glibc's own (--wrap). */
char *__wrap___dcgettext(const char *domain, const char *text, int category);
char *__wrap___dcgettext(const char *domain, const char *text, int category)
{
	(void)domain;
	(void)category;
	return (char *)text;
}

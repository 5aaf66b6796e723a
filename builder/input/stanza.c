/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stanza.h"
#include <string.h>
#include <strings.h>
#include "buf.h"

#define BLANK " \t"
#define NAME "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._"

static size_t line_length(const char *p)
{
	return strcspn(p, "\n");
}

static bool ends_stanza(const char *p)
{
	return *p == '\0' || *p == '\n';
}

static const char *next_line(const char *p)
{
	p += line_length(p);
	return p + (*p == '\n');
}

/* A value with the lines that go on with it. */
static char *read_value(const char *p)
{
	struct buf value = {0};

	p += strspn(p, BLANK);
	buf_add(&value, p, line_length(p));
	for (p = next_line(p); *p == ' ' || *p == '\t'; p = next_line(p)) {
		const char *text = p + strspn(p, BLANK);
		buf_puts(&value, " ");
		buf_add(&value, text, line_length(text));
	}
	return buf_steal(&value);
}

char *stanza_field(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = text; !ends_stanza(p); p = next_line(p)) {
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			return read_value(p + n + 1);
	}
	return NULL;
}

const char *stanza_next(const char *text)
{
	while (!ends_stanza(text))
		text = next_line(text);
	text += strspn(text, "\n");
	return *text ? text : NULL;
}

void relation_free(struct relation *r)
{
	free(r->name);
	free(r->version);
	*r = (struct relation){0};
}

static void skip_blanks(const char **p)
{
	*p += strspn(*p, BLANK);
}

/* "(>= 2.36)" */
static int read_version(const char **p, struct relation *r)
{
	++*p;
	skip_blanks(p);
	size_t op = strspn(*p, "<=>");
	if (op < 1 || op > 2)
		return -1;
	memcpy(r->op, *p, op);
	r->op[op] = '\0';
	*p += op;
	skip_blanks(p);
	size_t n = strcspn(*p, BLANK "),|");
	r->version = xstrndup(*p, n);
	*p += n;
	skip_blanks(p);
	if (n == 0 || **p != ')')
		return -1;
	++*p;
	return 0;
}

/* Architecture after the name ("python3:any"): the cards have one, so any of them will do. */
static void skip_qualifier(const char **p)
{
	if (**p == ':')
		*p += 1 + strspn(*p + 1, NAME);
}

int relation_next(const char **list, struct relation *r, bool *or_next)
{
	const char *p = *list + strspn(*list, BLANK ",");
	size_t n = strspn(p, NAME);

	relation_free(r);
	*or_next = false;
	if (*p == '\0') {
		*list = p;
		return 0;
	}
	if (n == 0)
		return -1;
	r->name = xstrndup(p, n);
	p += n;
	skip_qualifier(&p);
	skip_blanks(&p);
	if (*p == '(' && read_version(&p, r) < 0)
		return -1;
	skip_blanks(&p);
	if (*p && *p != ',' && *p != '|')
		return -1;
	*or_next = *p == '|';
	*list = p + (*p != '\0');
	return 1;
}

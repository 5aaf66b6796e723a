/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "deb_version.h"
#include <string.h>
#include "util.h"

/* A part of a version: a run of bytes within it. */
struct part {
	const char *p;
	size_t n;
};

struct version {
	struct part epoch, upstream, revision;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The epoch ends at the first colon, the revision begins behind the last hyphen. */
static struct version split(const char *s)
{
	struct version v = {{"0", 1}, {s, strlen(s)}, {"0", 1}};
	const char *colon = strchr(s, ':');

	if (colon) {
		v.epoch = (struct part){s, (size_t)(colon - s)};
		v.upstream = (struct part){colon + 1, strlen(colon + 1)};
	}
	const char *hyphen = memrchr(v.upstream.p, '-', v.upstream.n);
	if (hyphen) {
		v.revision = (struct part){hyphen + 1, strlen(hyphen + 1)};
		v.upstream.n = (size_t)(hyphen - v.upstream.p);
	}
	return v;
}

/* The end and a digit stand between "~" and letters; letters come before all else. */
static int weight(struct part s)
{
	if (!s.n || is_digit(*s.p))
		return 0;
	if (*s.p == '~')
		return -1;
	return is_letter(*s.p) ? (unsigned char)*s.p : (unsigned char)*s.p + 256;
}

static void skip(struct part *s, size_t n)
{
	s->p += n;
	s->n -= n;
}

static int cmp_text(struct part *a, struct part *b)
{
	while ((a->n && !is_digit(*a->p)) || (b->n && !is_digit(*b->p))) {
		int d = weight(*a) - weight(*b);
		if (d)
			return d;
		skip(a, 1); /* equal weights: neither is at its end or at a digit */
		skip(b, 1);
	}
	return 0;
}

static struct part take_number(struct part *s)
{
	while (s->n > 1 && *s->p == '0' && is_digit(s->p[1]))
		skip(s, 1);
	struct part number = {s->p, 0};
	while (s->n && is_digit(*s->p)) {
		skip(s, 1);
		number.n++;
	}
	if (number.n == 1 && *number.p == '0')
		number.n = 0;
	return number;
}

/* By length and digits: numbers may be longer than any integer type. */
static int cmp_number(struct part *a, struct part *b)
{
	struct part x = take_number(a), y = take_number(b);

	if (x.n != y.n)
		return x.n < y.n ? -1 : 1;
	return x.n ? memcmp(x.p, y.p, x.n) : 0;
}

static int cmp_part(struct part a, struct part b)
{
	while (a.n || b.n) {
		int d = cmp_text(&a, &b);
		if (!d)
			d = cmp_number(&a, &b);
		if (d)
			return d;
	}
	return 0;
}

int deb_version_cmp(const char *a, const char *b)
{
	struct version x = split(a), y = split(b);
	int d = cmp_part(x.epoch, y.epoch);

	if (!d)
		d = cmp_part(x.upstream, y.upstream);
	return d ? d : cmp_part(x.revision, y.revision);
}

struct op {
	const char *name;
	bool less, equal, more;
};

static const struct op ops[] = {
	{"<<", true, false, false},
	{"<=", true, true, false},
	{"<", true, true, false}, /* the old < and > include "equal" (deb-control(5)) */
	{"=", false, true, false},
	{">=", false, true, true},
	{">", false, true, true},
	{">>", false, false, true},
};

bool deb_version_holds(const char *a, const char *op, const char *b)
{
	int d = deb_version_cmp(a, b);

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		if (strcmp(ops[i].name, op) == 0)
			return d < 0 ? ops[i].less : d > 0 ? ops[i].more : ops[i].equal;
	}
	return false;
}

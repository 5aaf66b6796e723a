/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What inspect --cluster prints of two texts. */
// use: builder/inspect/diff.c
#include <string.h>
#include "builder/inspect/compare.h"
#include "tap.h"

struct a_case {
	const char *what, *from, *to, *want;
};

static const struct a_case cases[] = {
	{"the same", "a\nb\n", "a\nb\n", ""},
	{"nothing at all", "", "", ""},
	{"a line more", "a\nc\n", "a\nb\nc\n", "    +b\n"},
	{"a line less", "a\nb\nc\n", "a\nc\n", "    -b\n"},
	{"another line", "a\nb\nc\n", "a\nx\nc\n", "    -b\n    +x\n"},
	{"all of it new", "", "a\nb\n", "    +a\n    +b\n"},
	{"all of it gone", "a\nb\n", "", "    -a\n    -b\n"},
	{"two places", "1\n2\n3\n4\n5\n", "1\nx\n3\n4\n", "    -2\n    +x\n    -5\n"},
	{"lines that moved", "a\nb\nc\n", "c\na\nb\n", "    +c\n    -c\n"},
	{"no line end at the end", "a\nb", "a\nb\n", ""},
	{"an empty line", "a\n\nb\n", "a\nb\n", "    -\n"},
};

static char *diff_of(const char *from, const char *to)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	diff_print(from, to, f);
	fclose(f);
	return text;
}

static void test_size(size_t lines, const char *want)
{
	_cleanup_buf_ struct buf b = {0};

	for (size_t i = 0; i < lines; i++)
		buf_printf(&b, "%zu\n", i);
	_cleanup_free_ char *same = diff_of(buf_str(&b), buf_str(&b));
	is_str(same, want, "%zu lines", lines);
	_cleanup_free_ char *text = diff_of(buf_str(&b), "");
	ok(strlen(text) > 0, "against none: %zu bytes", strlen(text));
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = diff_of(cases[i].from, cases[i].to);
		is_str(got, cases[i].want, "%s", cases[i].what);
	}
	test_size(2000, "");
	test_size(2001, "    too long to show\n");
	test_size(100000, "    too long to show\n");
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Debian's order of versions; what dpkg --compare-versions says of each pair, where it is. */
// use: builder/input/deb_version.c builder/run.c
#include "builder/input/deb_version.h"
#include "builder/run.h"
#include "cmd.h"
#include "tap.h"
#include "util.h"

volatile int interrupted;

int check_interrupted(struct err *e)
{
	(void)e;
	return 0;
}

struct pair {
	const char *a, *op, *b;
};

static const struct pair pairs[] = {
	{"1.0", "=", "1.0"},
	{"1.0", "=", "1.0-0"},
	{"1.0", "=", "0:1.0"},
	{"1.0", "=", "1.00"},
	{"1.0", "<<", "1.0.0"},
	{"1.0-1", "<<", "1.0-2"},
	{"1.0-9", "<<", "1.0-10"},
	{"1.9", "<<", "1.10"},
	{"9", "<<", "1:0"},
	{"2:1", ">>", "1:9"},
	{"1.0~rc1", "<<", "1.0"},
	{"1.0~", "<<", "1.0"},
	{"1.0~~", "<<", "1.0~"},
	{"1.0~~a", "<<", "1.0~"},
	{"1.0~beta1~svn1", "<<", "1.0~beta1"},
	{"1.0-1~deb12u1", "<<", "1.0-1"},
	{"1.0-1~bpo12+1", "<<", "1.0-1"},
	{"1.0-1+deb12u1", ">>", "1.0-1"},
	{"1.0-1+b1", ">>", "1.0-1"},
	{"1.0a", ">>", "1.0"},
	{"1.0a", "<<", "1.0+"},
	{"1.0a", "<<", "1.0b"},
	{"1.0Z", "<<", "1.0a"},
	{"1.0a7", "<<", "1.0a10"},
	{"1.2-3-4", ">>", "1.2-3"},
	{"1-1-1", ">>", "1-1"},
	{"0.0.9", "<<", "0.1"},
	{"2.36-9+deb12u13", ">=", "2.36"},
	{"20230710~deb12u1", "<<", "20230710"},
	{"17.0.21.1+2-1~deb12u1", ">>", "17.0.8~6-3~"},
	{"8u382~b04-2~", "<<", "8u382-b04-2"},
	{"1:2.1.5-2", ">=", "1.3.1"},
	{"99999999999999999999999999", "<<", "100000000000000000000000000"},
	{"0001", "=", "1"},
	{"a0", "=", "a"},
	{"1.", ">>", "1"},
	{"1.0", "<=", "1.0"},
	{"1.0", ">", "1.0"},
	{"1.0", "<", "1.0"},
};

static const char *inverse(const char *op)
{
	return op[0] == '<' ? (op[1] == '<' ? ">>" : ">=") : op[0] == '>' ? "<<" : "=";
}

/* The oracle: dpkg, when it is there. Exit status 0 and 1 are its answers. */
static bool dpkg_says(const struct pair *p)
{
	struct err e = {0};
	const char *const argv[] = {"dpkg", "--compare-versions", p->a, p->op, p->b, NULL};

	return !run_find("dpkg") || run_tool(argv, NULL, NULL, 0, &e) == 0;
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		const struct pair *p = &pairs[i];
		int d = deb_version_cmp(p->a, p->b), r = deb_version_cmp(p->b, p->a);
		ok(deb_version_holds(p->a, p->op, p->b), "%s %s %s", p->a, p->op, p->b);
		ok((d < 0) == (r > 0) && (d == 0) == (r == 0), "and the other way round");
		if (strcmp(p->op, "<<") == 0 || strcmp(p->op, ">>") == 0)
			ok(!deb_version_holds(p->a, inverse(p->op), p->b), "and not its inverse");
		ok(dpkg_says(p), "dpkg says so too");
	}
	ok(!deb_version_holds("1", "~", "1"), "an unknown relation holds for nothing");
	return done();
}

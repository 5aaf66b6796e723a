/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which node a card of identical images is. */
// use: node-agent/assign.c node-agent/apply/place.c node-agent/boot_word.c node-agent/marker.c
// use: node-agent/pin.c node-agent/settings.c
#include "node-agent/assign.h"
#include "tap.h"
#include "util.h"

#define HEAD                                                                                      \
	"{\"bramble\": 1, \"cluster\": \"00112233445566778899aabbccddeeff\", \"generation\": 3, " \
	"\"built\": \"2026-11-28\", \"neo4j\": \"3.5.0\", \"members\": [{\"name\": \"pi1\", "     \
	"\"id\": 1, \"roles\": [\"data\"], \"address\": \"\"}], \"nodes\": {\"pi1\": "            \
	"[{\"path\": \"/etc/hostname\", \"mode\": 420, \"uid\": 0, \"gid\": 0, \"size\": 4, "     \
	"\"digest\": \"" DIGEST "\"}], \"pi2\": [], \"pi3\": []}"
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NAMES ", \"name\": \"garden\", \"profile\": \"3.5-ha\""
#define SERIALS(list) HEAD NAMES ", \"serials\": {" list "}}"

static struct identical all;
static struct err e;

static int parse(const char *text)
{
	return identical_parse(text, strlen(text), &all, &e);
}

static void test_list(void)
{
	is_int(parse(SERIALS("\"pi1\": \"10000000ABCDEF01\"")), 0, "a list is read");
	is_int((long long)all.n, 3, "it has three nodes");
	is_str(identical_find(&all, "pi1")->serial, "10000000abcdef01", "a number in lower case");
	is_str(identical_find(&all, "pi2")->serial, "", "one without");
	is_str(all.cluster, "garden", "the cluster");
	identical_close(&all);
	static const char *const bad[] = {
		"",
		"[]",
		HEAD NAMES "}",
		HEAD ", \"serials\": {}}",
		SERIALS("\"pi9\": \"10000000abcdef01\""),
		SERIALS("\"pi1\": \"zz\""),
		SERIALS("\"pi1\": \"00000000\""),
		SERIALS("\"pi1\": 7"),
		SERIALS("\"pi1\": \"10000000abcdef01\", \"pi2\": \"10000000ABCDEF01\""),
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		is_int(parse(bad[i]), -1, "refused: %s", e.msg);
}

struct wanted {
	const char *serial, *said, *marked, *node, *why;
};

static const struct wanted cases[] = {
	{"10000000abcdef01", "", "", "pi1", NULL},
	{"10000000abcdef02", "", "", "pi2", NULL},
	{"10000000abcdef09", "", "", NULL, "serial number is 10000000abcdef09"},
	{"", "", "", NULL, "tells no serial number"},
	/* bramble.txt goes before the board, also where the board is another node's. */
	{"10000000abcdef01", "pi3", "", "pi3", NULL},
	{"10000000abcdef09", "pi1", "", "pi1", NULL},
	{"", "pi2", "", "pi2", NULL},
	{"10000000abcdef01", "pi9", "", NULL, "none of that name, but pi1, pi2, pi3"},
	/* What p3 says goes before both: a moved card stays who it is. */
	{"10000000abcdef02", "", "pi1", "pi1", NULL},
	{"", "", "pi1", "pi1", NULL},
	{"10000000abcdef02", "pi1", "pi1", "pi1", NULL},
	{"10000000abcdef01", "pi2", "pi1", NULL, "this card is pi1's"},
	{"10000000abcdef01", "", "pi9", NULL, "p3 is pi9's"},
	{"10000000abcdef01", "pi1", "pi9", NULL, "p3 is pi9's"},
};

static void test_decide(void)
{
	is_int(parse(SERIALS("\"pi1\": \"10000000abcdef01\", \"pi2\": \"10000000abcdef02\"")), 0,
		"three nodes, two of them with a number");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct wanted *c = &cases[i];
		const struct assign_look look = {c->serial, c->said, c->marked};
		const char *node = assign_decide(&all, &look, &e);
		is_str(node, c->node, "board \"%s\", bramble.txt \"%s\", p3 \"%s\": %s", c->serial,
			c->said, c->marked, node ? node : e.msg);
		if (!c->node)
			ok(strstr(e.msg, c->why) != NULL, "it says: %s", c->why);
	}
	identical_close(&all);
}

static void test_serial(void)
{
	char to[SERIAL_TEXT];

	ok(serial_take("10000000ABCDEF01", 17, to), "a device tree's text ends with a NUL");
	is_str(to, "10000000abcdef01", "and is compared in lower case");
	ok(serial_take("abcd\n", 5, to), "a file's with a newline");
	ok(!serial_take("0000000000000000", 16, to), "0 is none");
	ok(!serial_take("", 0, to), "nothing is none");
	ok(!serial_take("12 34", 5, to), "nor is what is no number");
	static const char longest[SERIAL_TEXT] =
		"111111111111111111111111111111111111111111111111111111111111111";
	ok(serial_take(longest, 63, to), "63 digits are one");
	ok(!serial_take("1111111111111111111111111111111111111111111111111111111111111111", 64, to),
		"64 are not");
}

int main(void)
{
	test_list();
	test_decide();
	test_serial();
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* node.conf and the marker on p3: what is taken, and what is refused with which words. */
// use: node-agent/identity.c node-agent/marker.c
#include <sodium.h>
#include <sys/stat.h>
#include <time.h>
#include "io.h"
#include "node-agent/marker.h"
#include "tap.h"
#include "util.h"

#define ID "00112233445566778899aabbccddeeff"
#define CLUSTER "cluster { id = \"" ID "\" name = \"garden\" generation = 4 }\n"
#define BUILT(day) \
	"cluster { id = \"" ID "\" name = \"garden\" generation = 4 built = \"" day "\" }\n"
#define VIP(address) \
	"cluster { id = \"" ID "\" name = \"garden\" generation = 4 vip = \"" address "\" }\n"
#define NODE "node { name = \"pi1\" }\n"
#define RESERVED(mib) "node { name = \"pi1\" reserved_end_mib = " mib " }"
#define NEO4J "neo4j { version = \"3.5.0-beta03\" profile = \"3.x-ha\" }\n"
#define PI1 "member \"pi1\" { id = 1 roles = {\"data\"} address = \"192.168.2.7\" }\n"
#define PI2 "member \"pi2\" { id = 2 roles = {\"data\", \"proxy\"} address = \"192.168.2.8\" }\n"
#define PI4 "member \"pi4\" { id = 0 roles = {\"proxy\"} address = \"192.168.2.10\" }\n"

static char dir[] = "/tmp/bramble-identity-XXXXXX";

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int load(const char *text, struct identity *id, struct err *e)
{
	*e = (struct err){0};
	if (io_write_atomic(in_dir("node.conf"), text, strlen(text), 0644, e) < 0)
		return -1;
	return identity_load(in_dir("node.conf"), id, e);
}

static void test_good(void)
{
	struct identity id, other;
	struct err e;

	is_int(load(CLUSTER NODE NEO4J PI1 PI2 PI4, &id, &e), 0, "loads");
	is_str(id.cluster, "garden", "cluster");
	is_int(id.cluster_id[1], 0x11, "id");
	is_int((long long)id.generation, 4, "generation");
	is_int((long long)id.nmembers, 3, "members");
	is_str(identity_self(&id)->name, "pi1", "self");
	is_int(id.members[1].roles, ROLE_DATA | ROLE_PROXY, "two roles");
	ok(identity_member(&id, "pi4") == &id.members[2], "found by name");
	ok(!identity_member(&id, "pi9"), "or not");
	is_int((long long)id.reserved_end, 0, "nothing kept free at the card's end");
	is_int(load(CLUSTER RESERVED("4096") NEO4J PI1, &other, &e), 0, "or something");
	is_int((long long)other.reserved_end, 4096LL << 20, "more bytes than a long may have");
	is_int(id.built_ms, 0, "the day it was built is not told");
	is_int(load(BUILT("2024-10-04") NODE NEO4J PI1, &other, &e), 0, "or is");
	is_int(other.built_ms, 20000LL * 86400000, "as Unix time");
	is_int(id.vip.s_addr, 0, "there is no floating address");
	is_int(load(VIP("192.168.2.50") NODE NEO4J PI1, &other, &e), 0, "or one");
	is_int(ntohl(other.vip.s_addr), 0xc0a80232, "it is that");
	is_int(load(CLUSTER NODE NEO4J PI4 PI2 PI1, &other, &e), 0, "in another order");
	ok(memcmp(id.digest, other.digest, DIGEST_SIZE) == 0, "the same data nodes");
	is_int(load(CLUSTER NODE NEO4J PI1, &other, &e), 0, "a cluster of one");
	ok(memcmp(id.digest, other.digest, DIGEST_SIZE) != 0, "has others");
	is_int(load(CLUSTER "node { name = \"pi4\" }" PI1 PI4, &other, &e), 0, "proxy, no neo4j");
}

static void test_days(void)
{
	char text[512], day[16];
	struct identity id;
	struct err e;
	int wrong = 0;

	for (long n = 0; n < 2932897; n += n >= 19358 && n < 20089 ? 1 : 9679) {
		time_t t = n * 86400L;
		struct tm tm;
		strftime(day, sizeof(day), "%Y-%m-%d", gmtime_r(&t, &tm));
		snprintf(text, sizeof(text), BUILT("%s") NODE NEO4J PI1, day);
		wrong += load(text, &id, &e) < 0 || id.built_ms != t * 1000LL;
	}
	is_int(wrong, 0, "each day of 2023 and 2024, and some up to the year 9999");
}

struct bad {
	const char *text, *words;
};

static const struct bad bad[] = {
	{NODE PI1, "section cluster is missing"},
	{CLUSTER PI1, "section node is missing"},
	{CLUSTER NODE PI1, "needs neo4j { version }"},
	{CLUSTER NODE NEO4J PI2, "node \"pi1\" is not among the members"},
	{CLUSTER NODE NEO4J PI1 PI1, "pi1"},
	{CLUSTER NODE NEO4J PI1
		"member \"pi2\" { id = 1 roles = {\"data\"} address = \"1.2.3.4\" }",
		"id is already pi1's"},
	{CLUSTER NODE NEO4J PI1 "member \"p\" { roles = {\"proxy\"} address = \"192.168.2.7\" }",
		"address is already pi1's"},
	{CLUSTER NODE NEO4J PI1 "member \"p\" { id = 3 roles = {\"proxy\"} address = \"1.2.3.4\" }",
		"only data nodes and arbiters"},
	{CLUSTER NODE NEO4J PI1
		"member \"p\" { id = 128 roles = {\"data\"} address = \"1.2.3.4\" }",
		"not in 1..127"},
	{CLUSTER NODE NEO4J PI1 "member \"p\" { id = 3 roles = {\"king\"} address = \"1.2.3.4\" }",
		"unknown role king"},
	{CLUSTER NODE NEO4J PI1 "member \"p\" { id = 3 roles = {\"data\"} address = \"pi.local\" }",
		"address is not A.B.C.D"},
	{CLUSTER NODE NEO4J PI1 "member \"P!\" { id = 3 roles = {\"data\"} address = \"1.2.3.4\" }",
		"not a name"},
	{"cluster { id = \"12\" name = \"garden\" generation = 1 }" NODE NEO4J PI1,
		"id is not 32 hex digits"},
	{"cluster { id = \"" ID "\" name = \"g\" generation = 0 }" NODE NEO4J PI1,
		"generation is not positive"},
	{VIP("nowhere") NODE NEO4J PI1, "vip is not A.B.C.D"},
	{BUILT("yesterday") NODE NEO4J PI1, "is not a day like"},
	{CLUSTER RESERVED("-1") NEO4J PI1, "is not 0 to"},
	{CLUSTER "node { name = \"pi4\" }" PI4, "no member has the role data"},
};

static void test_bad(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct identity id;
		struct err e;
		int r = load(bad[i].text, &id, &e);
		ok(r < 0 && e.code == EXIT_CONFIG && strstr(e.msg, bad[i].words), "refused: %s",
			bad[i].words);
		if (r == 0 || !strstr(e.msg, bad[i].words))
			printf("# %s\n", r ? e.msg : "loads");
	}
}

#define MARK(state) "cluster = \"" ID "\"\nnode = \"pi1\"\nlayout = 1\nstate = \"" state "\"\n"

static void test_marker_parse(void)
{
	struct marker m;
	struct err e = {0};

	is_int(marker_parse("m", MARK("virgin"), &m, &e), 0, "a virgin marker");
	is_int(m.state, MARKER_VIRGIN, "is virgin");
	is_int(marker_parse("m", MARK("used"), &m, &e), 0, "a used one");
	is_int(m.state, MARKER_USED, "is used");
	is_int(marker_parse("m", MARK("other"), &m, &e), -1, "any other state is refused");
	is_int(marker_parse("m", "", &m, &e), -1, "an empty file is no marker");
	is_int(marker_parse("m", "node = \"pi1\"", &m, &e), -1, "nor is half a one");
}

static void test_marker_set(void)
{
	_cleanup_buf_ struct buf text = {0};
	struct marker m;
	struct identity id;
	struct stat one, two;
	struct err e = {0};

	is_int(marker_parse("m", MARK("virgin"), &m, &e), 0, "a virgin marker");
	is_int(marker_set(dir, &m, MARKER_USED, &e), 0, "is taken into use");
	is_int(io_read_file(in_dir("bramble.marker"), 4096, &text, &e), 0, "written");
	is_str(buf_str(&text), MARK("used"), "as used, all else the same");
	stat(in_dir("bramble.marker"), &one);
	is_int(marker_set(dir, &m, MARKER_USED, &e), 0, "a second time");
	stat(in_dir("bramble.marker"), &two);
	ok(one.st_ino == two.st_ino, "writes nothing");
	is_int(marker_set(dir, &m, MARKER_ASIDE, &e), 0, "then an order");
	is_int(marker_set(dir, &m, MARKER_USED, &e), 0, "carried out");
	buf_free(&text);
	is_int(io_read_file(in_dir("bramble.marker"), 4096, &text, &e), 0, "written");
	is_str(buf_str(&text), MARK("used") "aside = 1\n", "the number stays");
	is_int(marker_set_neo4j(dir, &m, "3.5.9", &e), 0, "the store's Neo4j");
	buf_free(&text);
	is_int(io_read_file(in_dir("bramble.marker"), 4096, &text, &e), 0, "is written");
	is_str(buf_str(&text), MARK("used") "aside = 1\nneo4j = \"3.5.9\"\n", "behind the rest");
	is_int(marker_parse("m", buf_str(&text), &m, &e), 0, "and is read");
	is_int(m.aside, 1, "again");
	is_str(m.neo4j, "3.5.9", "with its Neo4j");
	is_int(load(CLUSTER NODE NEO4J PI1, &id, &e), 0, "identity");
	is_int(marker_check(dir, &id, &m, &e), -1, "a folder that is no mount point");
	ok(strstr(e.msg, "is not a mount point"), "is refused: %s", e.msg);
}

int main(void)
{
	struct err e;

	if (sodium_init() < 0 || !mkdtemp(dir))
		return 1;
	test_good();
	test_days();
	test_bad();
	test_marker_parse();
	test_marker_set();
	is_int(io_remove_tree(dir, &e), 0, "cleaned up");
	return done();
}

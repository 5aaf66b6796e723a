/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sealed lists of generations; whose files are whose; which lines in them are the node's. */
#include "card_paths.h"
#include "generation.h"
#include "hosts_lines.h"
#include "neo4j_lines.h"
#include "tap.h"

static const char seed[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static const char other[] = "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
#define DIGEST "abababababababababababababababababababababababababababababababab"

static json_t *sample(void)
{
	return json_pack("{s:i, s:s, s:i, s:s, s:s, s:[{s:s, s:i, s:[s], s:s}], s:{s:[{s:s, s:i, "
			 "s:i, s:i, s:i, s:s}]}}",
		"bramble", 1, "cluster", "00112233445566778899aabbccddeeff", "generation", 7,
		"built", "2026-11-28", "neo4j", "3.5.0", "members", "name", "pi1", "id", 1, "roles",
		"data", "address", "192.168.2.7", "nodes", "pi1", "path", "/etc/motd", "mode", 0644,
		"uid", 0, "gid", 0, "size", 9, "digest", DIGEST);
}

static void seal(const char *with, struct buf *out)
{
	json_t *json = sample();
	struct err e;

	ok(generation_seal(json, with, out, &e) == 0, "a list is sealed");
	json_decref(json);
}

static void test_seal(void)
{
	char public[GENERATION_PUBLIC_HEX + 1];
	struct buf sealed = {0}, foreign = {0};
	struct generation g;
	struct err e;

	ok(generation_public(seed, public, &e) == 0, "the owner's key has a public half");
	seal(seed, &sealed);
	ok(generation_open(&sealed, public, &g, &e) == 0, "the card opens it");
	is_int((long long)g.number, 7, "its number");
	is_int((long long)generation_count(&g, "pi1"), 1, "a node's files");
	is_int((long long)generation_count(&g, "pi2"), -1, "none of a node that is not in it");
	struct generation_file f = generation_file_at(&g, "pi1", 0);
	ok(strcmp(f.path, "/etc/motd") == 0 && f.mode == 0644 && f.size == 9 &&
			f.kind == GENERATION_FILE,
		"a file");
	struct generation_member m = generation_member_at(&g, 0);
	ok(strcmp(m.name, "pi1") == 0 && m.id == 1 && m.data && !m.arbiter, "a member");
	generation_close(&g);
	for (size_t at = 0; at < sealed.len; at += 7) {
		sealed.data[at] ^= 1;
		if (generation_open(&sealed, public, &g, &e) == 0)
			ok(false, "opens though byte %zu was changed", at);
		sealed.data[at] ^= 1;
	}
	ok(true, "no byte of it can be changed");
	sealed.len--;
	ok(generation_open(&sealed, public, &g, &e) < 0, "nor left out");
	seal(other, &foreign);
	ok(generation_open(&foreign, public, &g, &e) < 0 && strstr(e.msg, "not signed"),
		"nor can another sign: %s", e.msg);
	buf_free(&sealed);
	buf_free(&foreign);
}

static void test_digests(void)
{
	char hex[GENERATION_DIGEST], again[GENERATION_DIGEST];
	FILE *file = tmpfile();
	uint64_t size;

	generation_digest("hello", 5, hex);
	fputs("hello", file);
	fflush(file);
	ok(generation_digest_fd(fileno(file), again, &size) == 0 && strcmp(hex, again) == 0,
		"a file's digest is that of its bytes");
	is_int((long long)size, 5, "and its size");
	fclose(file);
}

static void test_paths(void)
{
	static const struct {
		const char *path;
		bool overlay, generation;
		enum card_path_needs needs;
	} cases[] = {
		{"/etc/motd", true, true, CARD_NEEDS_NOTHING},
		{"/etc/bramble/node.conf", false, true, CARD_NEEDS_NOTHING},
		{"/etc/bramble/proxy.conf", false, true, CARD_NEEDS_PROXY},
		{"/etc/bramble/tls.crt", false, true, CARD_NEEDS_NOTHING},
		{"/etc/bramble/tls.key", false, true, CARD_NEEDS_NOTHING},
		{"/etc/bramble/cluster.secret", false, false, CARD_NEEDS_NOTHING},
		{"/etc/bramble/owner.pub", false, false, CARD_NEEDS_NOTHING},
		{"/etc/bramble", false, false, CARD_NEEDS_NOTHING},
		{"/etc/hosts", false, true, CARD_NEEDS_NOTHING},
		{"/etc/shadow", false, false, CARD_NEEDS_NOTHING},
		{"/usr/lib/bramble/bramble-agent", false, false, CARD_NEEDS_NOTHING},
		{"/var/lib/bramble/installed.json", false, false, CARD_NEEDS_NOTHING},
		{"/srv/bramble/x", false, false, CARD_NEEDS_NOTHING},
		{"/opt/neo4j/conf/neo4j.conf", false, true, CARD_NEEDS_NEO4J},
		{"/opt/neo4j-3.5.0/conf/neo4j.conf", true, true, CARD_NEEDS_NEO4J},
		{"/opt/neo4j-3.5.0/plugins/apoc.jar", true, true, CARD_NEEDS_NEO4J},
		{"/opt/neo4jx/y", true, true, CARD_NEEDS_NOTHING},
		{"/etc/systemd/system/neo4j.service", false, false, CARD_NEEDS_NOTHING},
		{"/etc/systemd/system/neo4j.service.d/x.conf", true, true, CARD_NEEDS_NEO4J},
		{"/usr/lib/systemd/system/bramble-agent.service", false, false, CARD_NEEDS_NOTHING},
		{"/etc/systemd/system/bramble-agent.service.d/x.conf", true, true,
			CARD_NEEDS_NOTHING},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ok(!card_path_own(cases[i].path) == cases[i].overlay, "%s: %s an overlay",
			cases[i].path, cases[i].overlay ? "for" : "not for");
		ok(!card_path_forbidden(cases[i].path) == cases[i].generation,
			"%s: %s a generation", cases[i].path,
			cases[i].generation ? "for" : "not for");
		is_int(card_path_needs(cases[i].path), cases[i].needs, "%s: what starts anew",
			cases[i].path);
	}
}

static void test_lines(void)
{
	ok(!neo4j_lines_differ("a=1\nha.initial_hosts=x:5001\nb=2\n",
		   "a=1\nha.initial_hosts=y:5001,z:5001\nb=2\n"),
		"initial hosts are the agent's");
	ok(!neo4j_lines_differ("ha.host.data=a:6001\n", ""), "this node's address, too");
	ok(neo4j_lines_differ("a=1\n", "a=2\n"), "a setting is not");
	ok(neo4j_lines_differ("a=1\n", "a=1\nb=1\n"), "nor one more");
	ok(neo4j_lines_differ("a=1\nb=1\n", "a=1\n"), "nor one less");
	ok(!neo4j_lines_differ("", ""), "nothing is as nothing");
}

static const char *shared(const char *hosts)
{
	static struct buf text;

	buf_free(&text);
	hosts_lines_shared(hosts, &text);
	return buf_str(&text);
}

static void test_hosts(void)
{
	is_str(shared(""), "", "no hosts");
	is_str(shared("10.0.0.1\tpi1\n127.0.1.1\tden" HOSTS_OWN "# b\n"), "10.0.0.1\tpi1\n# b\n",
		"a name by bramble.txt is the node's own");
	is_str(shared("127.0.1.1\tden" HOSTS_OWN), "", "also alone");
	is_str(shared("10.0.0.1\tpi1\n\n# bramble.txt"), "10.0.0.1\tpi1\n\n# bramble.txt\n",
		"all others are not, however they end");
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_seal();
	test_digests();
	test_paths();
	test_lines();
	test_hosts();
	return done();
}

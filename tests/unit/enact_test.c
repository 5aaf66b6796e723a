/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was there before a generation is put back, on a card that has another Neo4j by now. */
// use: node-agent/apply/enact.c node-agent/apply/place.c node-agent/apply/record.c
// use: node-agent/apply/shelf.c node-agent/identity.c node-agent/upgrade/install.c
// use: node-agent/backup/unpack.c node-agent/proxy_conf.c node-agent/discover/book.c
#include "node-agent/apply/enact.h"
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "node-agent/apply/record.h"
#include "below.h"
#include "talk.h"
#include "tap.h"
#include "util.h"

static char root[] = "/tmp/enact-test-XXXXXX";
static const struct agent_options options = {.root = root, .service_manager = "/bin/true"};

#define CONF(generation, version, profile)                                          \
	"cluster { id = \"00112233445566778899aabbccddeeff\" name = \"garden\" "    \
	"generation = " generation " }\n"                                           \
	"node { name = \"pi1\" }\n"                                                 \
	"neo4j { version = \"" version "\" profile = \"" profile "\" }\n"           \
	"member \"pi1\" { id = 1 roles = {\"data\"} address = \"192.168.2.11\" }\n" \
	"member \"pi2\" { id = 2 roles = {\"data\"} address = \"192.168.2.12\" }\n"
#define NODE_CONF "/etc/bramble/node.conf"
#define MOTD "/etc/motd"

/* Of enact.c's; bramble.txt has a test of its own. */
int agent_settings_hosts(const struct agent_options *o, struct err *e)
{
	(void)o, (void)e;
	return 0;
}

static void put(const char *path, const char *text)
{
	put_below(root, path, text, 0644);
}

static const char *get(const char *path)
{
	return get_below(root, path);
}

/* Generation 2 has replaced these two, with a Neo4j of then. */
static void replaced(const char *conf)
{
	put(RECORD_DIR "/before/0", "of 1\n");
	put(RECORD_DIR "/before/1", conf);
	put(RECORD_DIR "/before/list.json",
		"{\"for\": 2, \"mixed\": true, \"installed\": {\"generation\": 1, \"files\": []}, "
		"\"entries\": [{\"path\": \"" MOTD "\", \"there\": true}, "
		"{\"path\": \"" NODE_CONF "\", \"there\": true}]}");
	put(MOTD, "of 2\n");
}

static int take_back(bool *passing, struct err *e)
{
	static uint64_t serial = 76;
	_cleanup_free_ char *dir = xasprintf("%s/srv/bramble/apply", root);
	const struct enact_order o = {++serial, ENACT_BEFORE, 2};

	if (enact_order_save(dir, &o, e) < 0)
		exit(1);
	int rc = enact_run(&options, e);
	struct enact_failure how;
	enact_result(root, serial, &how, e);
	*passing = how.passing;
	return rc;
}

static void test_same_neo4j(void)
{
	bool passing;
	struct err e = {0};

	put(NODE_CONF, CONF("2", "3.5.9", "3.x-ha"));
	replaced(CONF("1", "3.5.9", "3.x-ha"));
	ok(take_back(&passing, &e) == 0, "what was there before is put back: %s", e.msg);
	is_str(get(MOTD), "of 1\n", "a file");
	is_str(get(NODE_CONF), CONF("1", "3.5.9", "3.x-ha"), "and node.conf");
}

static void test_other_neo4j(void)
{
	bool passing;
	struct err e = {0};

	put(NODE_CONF, CONF("2", "3.5.12", "3.x-ha"));
	replaced(CONF("1", "3.5.9", "3.x-ha"));
	ok(take_back(&passing, &e) == 0, "after an upgrade, too: %s", e.msg);
	is_str(get(MOTD), "of 1\n", "a file");
	is_str(get(NODE_CONF), CONF("1", "3.5.12", "3.x-ha"), "and node.conf, but for its Neo4j");
	ok(take_back(&passing, &e) == 0, "once more");
	is_str(get(NODE_CONF), CONF("1", "3.5.12", "3.x-ha"), "with the same end");
}

static void test_unreadable(void)
{
	bool passing = true;
	struct err e = {0};

	put(NODE_CONF, CONF("2", "3.5.12", "3.x-ha"));
	replaced("neo4j 3.5.9\n");
	ok(take_back(&passing, &e) < 0 && passing, "one that cannot be read is not put back: %s",
		e.msg);
	is_str(get(NODE_CONF), CONF("2", "3.5.12", "3.x-ha"), "the node keeps its own");
}

/* Generation 3, with nothing but its node.conf in it. */
static bool seal(const char *digest, struct buf *sealed)
{
	static const char seed[] =
		"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	_cleanup_json_ json_t *json = json_pack(
		"{s:i, s:s, s:i, s:s, s:s, s:[{s:s, s:i, s:[s], s:s}], s:{s:[{s:s, s:i, s:i, s:i, "
		"s:i, s:s}]}}",
		"bramble", 1, "cluster", "00112233445566778899aabbccddeeff", "generation", 3,
		"built", "2026-11-28", "neo4j", "3.5.12", "members", "name", "pi1", "id", 1,
		"roles", "data", "address", "192.168.2.11", "nodes", "pi1", "path", NODE_CONF,
		"mode", 0644, "uid", 0, "gid", 0, "size", 5, "digest", digest);
	char public[GENERATION_PUBLIC_HEX + 2];
	struct err e;

	if (generation_public(seed, public, &e) < 0 || generation_seal(json, seed, sealed, &e) < 0)
		return false;
	memcpy(public + GENERATION_PUBLIC_HEX, "\n", 2);
	put("/etc/bramble/owner.pub", public);
	return true;
}

/* The agent's user has put a link on the shelf, to what only root may read. */
static void test_link(void)
{
	_cleanup_free_ char *dir = xasprintf("%s/srv/bramble/apply", root);
	_cleanup_free_ char *list = xasprintf("%s/3.list", dir);
	_cleanup_free_ char *result = xasprintf("%s/run/bramble-enact/result.json", root);
	_cleanup_free_ char *secret = xasprintf("%s/etc/shadow", root), *content = NULL;
	const struct enact_order o = {99, ENACT_GENERATION, 3};
	_cleanup_buf_ struct buf sealed = {0}, told = {0};
	char digest[GENERATION_DIGEST];
	struct err e = {0};

	put("/etc/shadow", "root:$6$salt$hash:18000:0:99999:7:::\n");
	put(NODE_CONF, CONF("2", "3.5.12", "3.x-ha"));
	generation_digest("promised", 8, digest);
	content = xasprintf("%s/%s", dir, digest);
	if (!seal(digest, &sealed) || io_mkdir_p(dir, 0700, &e) < 0 ||
		io_write_atomic(list, sealed.data, sealed.len, 0600, &e) < 0 ||
		symlink(secret, content) < 0 || enact_order_save(dir, &o, &e) < 0)
		exit(1);
	is_int(enact_run(&options, &e), -1, "a link on the shelf is no node.conf: %s", e.msg);
	ok(strstr(e.msg, "node.conf") != NULL, "which is said");
	is_int(io_read_file(result, 4096, &told, &e), 0, "also in the result");
	ok(!strstr(buf_str(&told), "root:"), "but not what is behind it: %s", buf_str(&told));
}

int main(void)
{
	struct err e;

	if (!mkdtemp(root))
		return 1;
	test_same_neo4j();
	test_other_neo4j();
	test_unreadable();
	test_link();
	(void)!io_remove_tree(root, &e);
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was there before a generation is put back, on a card that has another Neo4j by now. */
// use: node-agent/apply/enact.c node-agent/apply/place.c node-agent/apply/record.c
// use: node-agent/apply/shelf.c node-agent/identity.c node-agent/upgrade/install.c
// use: node-agent/backup/unpack.c
#include "node-agent/apply/enact.h"
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "node-agent/apply/record.h"
#include "below.h"
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

int main(void)
{
	struct err e;

	if (!mkdtemp(root))
		return 1;
	test_same_neo4j();
	test_other_neo4j();
	test_unreadable();
	(void)!io_remove_tree(root, &e);
	return done();
}

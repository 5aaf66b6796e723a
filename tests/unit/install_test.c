/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another Neo4j beside the one there is: what is installed, what is refused, and the switch. */
// use: node-agent/upgrade/install.c node-agent/backup/unpack.c node-agent/identity.c
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "node-agent/backup/unpack.h"
#include "node-agent/upgrade/install.h"
#include "pack.h"
#include "below.h"
#include "tap.h"
#include "util.h"

static char root[] = "/tmp/install-test-XXXXXX";
static const struct agent_options options = {.root = root};

#define CONF(id, name, version, profile)                                            \
	"cluster { id = \"" id "\" name = \"garden\" generation = 1 }\n"            \
	"node { name = \"" name "\" }\n"                                            \
	"neo4j { version = \"" version "\" profile = \"" profile "\" }\n"           \
	"member \"pi1\" { id = 1 roles = {\"data\"} address = \"192.168.2.11\" }\n" \
	"member \"pi2\" { id = 2 roles = {\"data\"} address = \"192.168.2.12\" }\n"
#define ID "00112233445566778899aabbccddeeff"

static const char before[] = CONF(ID, "pi1", "2.3.1", "2.x-ha");
static const char after[] = CONF(ID, "pi1", "3.5.0", "3.x-ha");

static void put(const char *path, const char *text)
{
	put_below(root, path, text, 0755);
}

static const char *get(const char *path)
{
	return get_below(root, path);
}

/* What came, and then it is installed. program "": its folder is empty; NULL: no folder. */
static int install(const char *conf, const char *program)
{
	_cleanup_free_ char *path = xasprintf("%s/srv/bramble/" UNPACK_FROM, root);
	_cleanup_buf_ struct buf b = {0};
	struct pack p;
	struct err e;

	pack_begin(&p, &b);
	pack_file(&p, "node.conf", 0644, strlen(conf), &b);
	pack_data(&p, conf, strlen(conf), &b);
	if (program)
		pack_dir(&p, "neo4j", 0755, &b);
	if (program && *program) {
		pack_dir(&p, "neo4j/bin", 0755, &b);
		pack_file(&p, "neo4j/bin/neo4j", 0755, strlen(program), &b);
		pack_data(&p, program, strlen(program), &b);
	}
	pack_end(&p, NULL, &b);
	if (io_write_atomic(path, b.data, b.len, 0644, &e) < 0)
		exit(1);
	return install_run(&options, &e);
}

static void test_refused(void)
{
	is_int(install(before, "x"), -1, "the version it has is refused");
	is_int(install(CONF("ff112233445566778899aabbccddeeff", "pi1", "3.5.0", "3.x-ha"), "x"), -1,
		"so is another cluster's");
	is_int(install(CONF(ID, "pi2", "3.5.0", "3.x-ha"), "x"), -1, "another node's");
	is_int(install(CONF(ID, "pi1", "3.5.0", "3.x-causal"), "x"), -1, "another mode's");
	is_int(install(CONF(ID, "pi1", "../x", "3.x-ha"), "x"), -1, "a version that is a path");
	is_int(install("nonsense", "x"), -1, "what is no node.conf");
	is_int(install(before, ""), -1, "with or without its files");
	is_int(install(after, NULL), -1, "what has no program");
	is_int(install(after, ""), -1, "or an empty one");
	ok(strstr(get(INSTALL_RESULT), "bin/neo4j") != NULL, "and why is told");
	is_str(get("/opt/neo4j/bin/neo4j"), "old", "the one there is stays");
	ok(!switch_is_done(root, "3.5.0"), "nothing has switched");
}

static void test_switch(void)
{
	struct err e;

	is_int(install(after, "new"), 0, "another version is installed");
	ok(str_ends(get(INSTALL_RESULT), UNPACK_OK), "which is told");
	is_int(install(after, "new"), 0, "twice");
	is_str(get("/opt/neo4j-3.5.0/bin/neo4j"), "new", "beside the one there is");
	is_str(get(INSTALL_NEW "/program/bin/neo4j"), "new", "and can be found");
	is_str(get("/opt/neo4j/bin/neo4j"), "old", "which stays");
	is_int(switch_run(&options, &e), 0, "switched");
	is_str(get("/opt/neo4j/bin/neo4j"), "new", "it is the one now");
	is_str(get("/opt/neo4j-2.3.1/bin/neo4j"), "old", "the old one is kept");
	is_str(get("/etc/bramble/node.conf"), after, "node.conf says so");
	ok(switch_is_done(root, "3.5.0") && !switch_is_done(root, "2.3.1"), "it is done");
	ok(switch_is_begun(root, "2.3.1") && !switch_is_begun(root, "3.5.0"),
		"an agent of before can tell");
	is_int(switch_run(&options, &e), 0, "twice");
}

/* A card that was flashed with it is brought no more than the configurations. */
static void test_here(void)
{
	is_int(install(after, NULL), 0, "the version it has, without a program");
	ok(str_ends(get(INSTALL_RESULT), UNPACK_OK), "which is told");
	is_str(get(INSTALL_NEW "/program/bin/neo4j"), "new", "the program is the one there is");
	ok(switch_is_done(root, "3.5.0"), "nothing is left to switch");
}

static void test_line(void)
{
	_cleanup_buf_ struct buf out = {0};

	is_int(switch_line("a\nneo4j { x }\nb\n", "neo4j { y }\n", &out), 0, "a line");
	is_str(buf_str(&out), "a\nneo4j { y }\nb\n", "and nothing else");
	is_int(switch_line("a\n", "neo4j { y }\n", &out), -1, "there must be one");
	is_int(switch_line("neo4j { x }\n", "", &out), -1, "on both sides");
}

int main(void)
{
	struct err e;

	if (!mkdtemp(root))
		return 1;
	put("/etc/bramble/node.conf", before);
	put("/opt/neo4j-2.3.1/bin/neo4j", "old");
	put("/srv/bramble/x", "");
	_cleanup_free_ char *link = xasprintf("%s/opt/neo4j", root);
	if (symlink("neo4j-2.3.1", link) < 0)
		return 1;
	test_refused();
	test_switch();
	test_here();
	test_line();
	is_int(io_remove_tree(root, &e), 0, "cleaned up");
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "neo4j_extra.h"
#include "tap.h"

struct attempt {
	const char *text;
	const char *error; /* part of it; NULL: taken */
};

static const struct attempt attempts[] = {
	{"dbms.logs.query.enabled=true", NULL},
	{"dbms.jvm.additional=-Da=b", NULL},
	{"dbms.jvm.additional=-Dc=d", NULL},
	{"ha.slave_only=true", NULL},
	{"dbms.logs.query.enabled=false", "twice"},
	{"dbms.logs.query.enabled", "no KEY=VALUE"},
	{"", "no KEY=VALUE"},
	{"=x", "no name of a setting"},
	{"a b=x", "no name of a setting"},
	{"#a=x", "no name of a setting"},
	{"a:b=x", "no name of a setting"},
	{"a\\=x", "no name of a setting"},
	{"a\nb=x", "no name of a setting"},
	{"a= x", "no space around"},
	{"a=x ", "no space around"},
	{"a=", "no space around"},
	{"a=x\ndbms.mode=SINGLE", "one line"},
	{"a=x\rdbms.mode=SINGLE", "one line"},
	{"a=C:\\", "cannot end in"},
};

static void test_parse(void)
{
	_cleanup_extras_ struct neo4j_extras x = {0};
	char longest[NEO4J_EXTRA_MAX + 2];
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++) {
		const struct attempt *a = &attempts[i];
		e = (struct err){0};
		int r = neo4j_extras_add(&x, a->text, &e);
		ok(a->error ? r < 0 && e.code == EXIT_CONFIG && strstr(e.msg, a->error) : r == 0,
			"attempt %zu: %s", i, a->error ? a->error : a->text);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[1] = '=';
	longest[sizeof(longest) - 1] = '\0';
	ok(neo4j_extras_add(&x, longest, &e) < 0 && strstr(e.msg, "longer"), "too long");
	ok(x.n == 4 && strcmp(x.list[1].value, "-Da=b") == 0, "what was refused is not there");
	ok(neo4j_extras_find(&x, "ha.slave_only") == &x.list[3], "found by key");
	ok(!neo4j_extras_find(&x, "dbms.jvm.additional"), "what repeats replaces nothing");
}

static void test_reserved(void)
{
	static const char *const refused[] = {"dbms.mode=HA", "ha.server_id=9", "ha.host.data=:1",
		"ha.initial_hosts=x:1", "org.neo4j.server.webserver.port=1",
		"dbms.connector.http.listen_address=:1", "dbms.connector.bolt.address=:1",
		"causal_clustering.raft_listen_address=:1", "server.cluster.raft.listen_address=:1",
		"dbms.cluster.discovery.v2.endpoints=x", "dbms.cluster.endpoints=x",
		"dbms.security.auth_enabled=true", "dbms.security.ha_status_auth_enabled=true",
		"server.directories.data=/tmp"};
	static const char *const taken[] = {"dbms.backup.listen_address=:1", "ha.pull_interval=1s",
		"dbms.connector.https.listen_address=:7473", "dbms.clustering=x",
		"server.cluster.catchup.connect_randomly_to_server_group=x",
		"dbms.security.auth_lock_time=1s"};
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_extras_ struct neo4j_extras x = {0};
		ok(neo4j_extras_add(&x, refused[i], &e) == 0 && neo4j_extras_check(&x, &e) < 0 &&
				e.code == EXIT_CONFIG && strstr(e.msg, "cannot be set"),
			"refused: %s", refused[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		_cleanup_extras_ struct neo4j_extras x = {0};
		ok(neo4j_extras_add(&x, taken[i], &e) == 0 && neo4j_extras_check(&x, &e) == 0,
			"taken: %s", taken[i]);
	}
}

struct doubt {
	unsigned version;
	const char *key, *why; /* NULL: none */
};

static const struct doubt doubts[] = {
	{NEO4J_VERSION(3, 5), "dbms.memory.heap.max_size", NULL},
	{NEO4J_VERSION(5, 0), "dbms.memory.heap.max_size", "server.memory.heap"},
	{NEO4J_VERSION(5, 0), "dbms.memory.transaction.total.max", NULL},
	{NEO4J_VERSION(4, 4), "server.memory.heap.max_size", "came with 5.0"},
	{NEO4J_VERSION(2025, 1), "server.memory.heap.max_size", NULL},
	{NEO4J_VERSION(4, 0), "ha.pull_interval", "HA ended"},
	{NEO4J_VERSION(3, 5), "wrapper.java.additional", "from 3.0 on"},
	{NEO4J_VERSION(5, 1), "causal_clustering.middleware.akka.x", "5.0 made"},
	{NEO4J_VERSION(3, 5), "unsupported.dbms.x", NULL},
};

static void test_doubts(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(doubts); i++) {
		const struct doubt *d = &doubts[i];
		struct neo4j_profile p = {.version = d->version};
		const char *why = neo4j_extra_doubt(&p, d->key);
		ok(d->why ? why && strstr(why, d->why) : !why, "%u: %s: %s", d->version, d->key,
			d->why ? d->why : "no doubt");
	}
}

static void render(unsigned version, size_t file, const struct neo4j_extras *cluster,
	const struct neo4j_extras *node, struct buf *out)
{
	struct neo4j_profile p = {.mode = NEO4J_HA, .version = version};
	struct neo4j_member members[] = {{1, "10.0.0.1"}};
	struct neo4j_settings s = {.id = 1,
		.address = "10.0.0.1",
		.members = members,
		.nmembers = 1,
		.ndata = 1,
		.java_major = 11,
		.heap_mb = 256,
		.pagecache_mb = 64,
		.data_dir = "/d",
		.node_extras = node,
		.cluster_extras = cluster};

	neo4j_render(&p, file, &s, out);
}

static void test_render(void)
{
	static const char *const all[] = {"dbms.memory.heap.max_size=300m",
		"dbms.memory.pagecache.size=99m", "dbms.jvm.additional=-Da=%(id)",
		"org.neo4j.server.transaction.timeout=9", "wrapper.java.maxmemory=99"};
	_cleanup_extras_ struct neo4j_extras cluster = {0}, node = {0};
	_cleanup_buf_ struct buf conf = {0};
	struct buf file[3] = {0};
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		ok(neo4j_extras_add(&cluster, all[i], &e) == 0, "%s", all[i]);
	ok(neo4j_extras_add(&node, "dbms.memory.heap.max_size=400m", &e) == 0, "a node's own");
	render(NEO4J_VERSION(3, 5), 0, &cluster, &node, &conf);
	const char *text = buf_str(&conf);
	ok(strstr(text, "heap.max_size=400m\n") && !strstr(text, "heap.max_size=3") &&
			!strstr(text, "heap.max_size=2"),
		"the node's before the cluster's before the row's");
	ok(strstr(text, "pagecache.size=99m\n") && !strstr(text, "pagecache.size=64m"),
		"the cluster's before the row's");
	ok(strstr(text, "=-XX:+UseSerialGC\n") && strstr(text, "=-Da=%(id)\n"),
		"options of Java's add up, and nothing in a value is filled in");
	for (size_t i = 0; i < 3; i++)
		render(NEO4J_VERSION(2, 3), i, &cluster, NULL, &file[i]);
	ok(strstr(buf_str(&file[0]), "\ndbms.memory.pagecache.size=99m\n"), "2.x: the database's");
	ok(strstr(buf_str(&file[1]), "\norg.neo4j.server.transaction.timeout=9\n"),
		"2.x: the server's");
	ok(strstr(buf_str(&file[2]), "\nwrapper.java.maxmemory=99\n") &&
			!strstr(buf_str(&file[2]), "maxmemory=256"),
		"2.x: the wrapper's");
	for (size_t i = 0; i < 3; i++)
		buf_free(&file[i]);
}

int main(void)
{
	test_parse();
	test_reserved();
	test_doubts();
	test_render();
	return done();
}

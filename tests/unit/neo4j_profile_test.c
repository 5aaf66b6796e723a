/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>
#include "neo4j_profile.h"
#include "tap.h"

struct fit {
	const char *version;
	bool community;
	enum neo4j_mode mode;
	size_t ndata;
	const char *name;  /* of the profile, or */
	const char *error; /* part of the refusal */
};

static const struct fit fits[] = {
	{"2.3.1", false, NEO4J_HA, 3, "2.x-ha", NULL},
	{"2.2.10", false, NEO4J_HA, 3, "2.x-ha", NULL},
	{"2.1.8", false, NEO4J_HA, 3, NULL, "none bramble knows"},
	{"3.0.12", false, NEO4J_HA, 3, NULL, "none bramble knows"},
	{"3.1.4", false, NEO4J_HA, 3, "3.x-ha", NULL},
	{"3.5.0-beta03", false, NEO4J_HA, 3, "3.x-ha", NULL},
	{"3.5.0-beta03", false, NEO4J_CAUSAL, 3, "3.x-causal", NULL},
	{"3.5.0-beta03", false, NEO4J_CAUSAL, 2, NULL, "from three on"},
	{"2.3.1", false, NEO4J_CAUSAL, 3, NULL, "came with 3.1"},
	{"4.4.40", false, NEO4J_HA, 3, NULL, "HA ended with 3.5"},
	{"2025.06.0", false, NEO4J_HA, 3, NULL, "HA ended with 3.5"},
	{"4.4.40", false, NEO4J_CAUSAL, 3, "4.x-causal", NULL},
	{"5.26.1", false, NEO4J_CAUSAL, 3, "5.x-causal", NULL},
	{"2025.06.0", false, NEO4J_CAUSAL, 5, "2025-causal", NULL},
	{"2026.01.0", true, NEO4J_SINGLE, 1, "2025-single", NULL},
	{"5.26.1", true, NEO4J_CAUSAL, 3, NULL, "community edition"},
	{"5.26.1", true, NEO4J_SINGLE, 3, NULL, "for one data node"},
	{"6.1.0", false, NEO4J_SINGLE, 1, NULL, "none bramble knows"},
	{"snapshot", false, NEO4J_HA, 3, NULL, "no version"},
	{"3.5x", false, NEO4J_HA, 3, NULL, "no version"},
};

static void test_fits(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(fits); i++) {
		const struct fit *f = &fits[i];
		struct neo4j_profile p;
		struct err e = {0};
		int r = neo4j_profile_find(f->version, f->community, f->mode, f->ndata, &p, &e);
		if (f->name)
			ok(r == 0 && strcmp(p.name, f->name) == 0, "%s, %s is %s", f->version,
				neo4j_mode_name(f->mode), f->name);
		else
			ok(r < 0 && strstr(e.msg, f->error), "%s, %s, %zu nodes is refused: %s",
				f->version, neo4j_mode_name(f->mode), f->ndata, f->error);
	}
}

struct java {
	const char *version;
	enum neo4j_mode mode;
	unsigned major;
	const char *error;
};

static const struct java javas[] = {
	{"2.3.1", NEO4J_HA, 11, NULL},
	{"2.3.1", NEO4J_HA, 17, "needs Java 8 or 11"},
	{"3.2.7", NEO4J_HA, 17, "needs Java 8"},
	{"3.5.0", NEO4J_HA, 17, NULL},
	{"4.4.1", NEO4J_CAUSAL, 17, "needs Java 11"},
	{"5.13.0", NEO4J_CAUSAL, 21, "needs Java 17"},
	{"5.26.0", NEO4J_CAUSAL, 21, NULL},
	{"2025.01.0", NEO4J_CAUSAL, 17, "needs Java 21 or 25"},
};

static struct neo4j_profile profile(const char *version, enum neo4j_mode mode)
{
	struct neo4j_profile p;
	struct err e;

	if (neo4j_profile_find(version, false, mode, mode == NEO4J_SINGLE ? 1 : 3, &p, &e) < 0)
		printf("# %s\n", e.msg), exit(1);
	return p;
}

static void test_java(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(javas); i++) {
		const struct java *j = &javas[i];
		struct neo4j_profile p = profile(j->version, j->mode);
		struct err e = {0};
		int r = neo4j_check_java(&p, j->major, &e);
		ok(j->error ? r < 0 && strstr(e.msg, j->error) : r == 0, "%s on Java %u: %s",
			j->version, j->major, j->error ? j->error : "runs");
	}
}

static void test_memory(void)
{
	struct neo4j_profile old = profile("3.5.0", NEO4J_HA),
			     new = profile("5.26.0", NEO4J_SINGLE);
	unsigned heap = 0, cache = 0;
	struct err e = {0};

	ok(neo4j_memory(&old, 1024, &heap, &cache, &e) == 0 && heap == 256 && cache == 64,
		"3.5 on 1 GB");
	ok(neo4j_memory(&old, 3000, &heap, &cache, &e) == 0 && heap == 512,
		"between two boards the smaller one counts");
	ok(neo4j_memory(&old, 8192, &heap, &cache, &e) == 0 && heap + cache < 8192 - 1024,
		"8 GB leave the system room");
	ok(neo4j_memory(&new, 1024, &heap, &cache, &e) < 0 && strstr(e.msg, "2048 MB"),
		"5.x is refused on 1 GB, with what it needs");
}

struct key {
	const char *version;
	enum neo4j_mode mode;
	size_t file;
	const char *has, *lacks;
};

static const struct key keys[] = {
	{"2.3.1", NEO4J_HA, 0, "\nha.initial_hosts=10.0.0.1:5001,10.0.0.2:5001,10.0.0.3:5001\n",
		"ha.host.data"},
	{"2.3.1", NEO4J_HA, 1, "\norg.neo4j.server.database.mode=HA\n", "ha.server_id"},
	{"2.3.1", NEO4J_HA, 2, "\nwrapper.java.initmemory=256\n", "dbms"},
	{"3.5.0", NEO4J_HA, 0, "\nha.host.data=10.0.0.2:6001\n", "usage_report"},
	{"3.5.0", NEO4J_HA, 0, "=--add-opens=java.base/java.nio=ALL-UNNAMED\n", "causal"},
	{"3.3.5", NEO4J_CAUSAL, 0, "\ncausal_clustering.expected_core_cluster_size=3\n",
		"minimum_core"},
	{"3.5.0", NEO4J_CAUSAL, 0,
		"\ncausal_clustering.initial_discovery_members="
		"10.0.0.1:5000,10.0.0.2:5000,10.0.0.3:5000\n",
		"\nha."},
	{"4.4.1", NEO4J_CAUSAL, 0, "\ndbms.default_advertised_address=10.0.0.2\n",
		"dbms.connectors.default"},
	{"5.10.0", NEO4J_CAUSAL, 0, "\ndbms.cluster.discovery.endpoints=10.0.0.1:5000,",
		"discovery.v2"},
	{"5.26.0", NEO4J_CAUSAL, 0, "\ndbms.cluster.discovery.v2.endpoints=10.0.0.1:6000,",
		"discovery.endpoints"},
	{"2025.06.0", NEO4J_CAUSAL, 0, "\ndbms.cluster.endpoints=10.0.0.1:6000,", ":5000"},
	{"2025.06.0", NEO4J_SINGLE, 0, "\nserver.memory.heap.max_size=256m\n", "dbms.cluster"},
};

static void test_keys(void)
{
	struct neo4j_member members[] = {{3, "10.0.0.3"}, {1, "10.0.0.1"}, {2, "10.0.0.2"}};
	struct neo4j_settings s = {.id = 2,
		.address = "10.0.0.2",
		.members = members,
		.nmembers = 3,
		.ndata = 3,
		.java_major = 17,
		.heap_mb = 256,
		.pagecache_mb = 64,
		.data_dir = "/srv/bramble/neo4j"};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];
		struct neo4j_profile p = profile(k->version, k->mode);
		_cleanup_buf_ struct buf out = {0};
		neo4j_render(&p, k->file, &s, &out);
		ok(strstr(buf_str(&out), k->has) && !strstr(buf_str(&out), k->lacks) &&
				!strstr(buf_str(&out), "%("),
			"%s %s file %zu", k->version, neo4j_mode_name(k->mode), k->file);
	}
	struct neo4j_profile p = profile("3.5.0", NEO4J_HA);
	_cleanup_buf_ struct buf vote = {0}, out = {0};
	s.arbiter = true;
	s.ndata = 2;
	neo4j_render(&p, 0, &s, &vote);
	ok(strstr(buf_str(&vote), "\ndbms.mode=ARBITER\n") &&
			strstr(buf_str(&vote), ",10.0.0.3:5001\n") &&
			strstr(buf_str(&vote), "\nha.tx_push_factor=1\n"),
		"an arbiter votes with all, and gets no transactions");
	is_str(neo4j_profile_arbiter(&p), "bin/neo4j", "and is started as the others are");
	s.arbiter = false;
	s.java_major = 8;
	neo4j_render(&p, 0, &s, &out);
	ok(!strstr(buf_str(&out), "add-opens"), "Java 8 gets no --add-opens");
}

static void test_old_arbiter(void)
{
	struct neo4j_profile p = profile("2.3.1", NEO4J_HA),
			     single = profile("2.3.1", NEO4J_SINGLE);
	struct neo4j_settings s = {
		.id = 3, .address = "10.0.0.3", .data_dir = "/d", .arbiter = true};
	_cleanup_buf_ struct buf out = {0};

	is_str(neo4j_profile_arbiter(&p), "bin/neo4j-arbiter", "2.x: a program of its own");
	is_str(neo4j_profile_file(&p, 3), "conf/arbiter-wrapper.conf", "and a file");
	ok(!neo4j_profile_file(&p, 4) && !neo4j_profile_file(&single, 3) &&
			!neo4j_profile_arbiter(&single),
		"which a single server has not");
	neo4j_render(&p, 3, &s, &out);
	ok(strstr(buf_str(&out), "\nwrapper.java.maxmemory=64\n") &&
			strstr(buf_str(&out), "-Dorg.neo4j.server.properties=conf/") &&
			strstr(buf_str(&out), "-Dorg.neo4j.cluster.logdirectory=/d/arbiter\n"),
		"it needs little, and logs on p3");
}

/* With the master that makes a majority of the data nodes, and no more. */
static void test_push(void)
{
	static const struct {
		size_t ndata;
		const char *line;
	} table[] = {
		{1, "\nha.tx_push_factor=0\n"},
		{2, "\nha.tx_push_factor=1\n"},
		{3, "\nha.tx_push_factor=1\n"},
		{4, "\nha.tx_push_factor=2\n"},
		{5, "\nha.tx_push_factor=2\n"},
		{7, "\nha.tx_push_factor=3\n"},
	};
	struct neo4j_profile p = profile("3.5.0", NEO4J_HA);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		_cleanup_buf_ struct buf out = {0};
		struct neo4j_settings s = {.address = "10.0.0.1",
			.data_dir = "/srv/bramble/neo4j",
			.ndata = table[i].ndata};
		neo4j_render(&p, 0, &s, &out);
		ok(strstr(buf_str(&out), table[i].line), "commits of %zu data nodes",
			table[i].ndata);
	}
}

static void test_probes(void)
{
	struct slice yes = {"true", 4}, no = {"false", 5}, json = {"{}", 2};

	ok(neo4j_role_of_probe(NEO4J_CAUSAL, 200, yes) == NEO4J_MASTER, "a causal leader");
	ok(neo4j_role_of_probe(NEO4J_CAUSAL, 404, no) == NEO4J_SLAVE, "a causal follower");
	ok(neo4j_role_of_probe(NEO4J_CAUSAL, 404, json) == NEO4J_UNKNOWN, "no such database");
	ok(neo4j_role_of_probe(NEO4J_SINGLE, 200, json) == NEO4J_MASTER, "a single one");
	ok(neo4j_role_of_probe(NEO4J_SINGLE, 0, json) == NEO4J_DOWN, "no answer");
	ok(strcmp(neo4j_probe_path(NEO4J_CAUSAL, NEO4J_VERSION(3, 3)),
		   "/db/manage/server/core/writable") == 0,
		"3.3 has the core's path");
	ok(strcmp(neo4j_probe_path(NEO4J_CAUSAL, NEO4J_VERSION(2025, 1)),
		   "/db/neo4j/cluster/writable") == 0,
		"2025 has the database's path");
}

int main(void)
{
	test_fits();
	test_java();
	test_memory();
	test_keys();
	test_old_arbiter();
	test_push();
	test_probes();
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What bramble knows of Neo4j's configuration, as rows: from which version to which, in which
 * modes, in which file, which key has which value. Files are rendered row by row, so their order
 * is the order here. In a value %(name) stands for a setting; %(hosts:PORT) for all members with
 * that port.
 *
 * Sources: Neo4j's manuals and code per version (docs/NEO4J.md). What was started for real is said
 * there too.
 */
#include <limits.h>
#include <string.h>
#include "neo4j_extra.h"
#include "neo4j_profile.h"

enum file {
	CONF,       /* conf/neo4j.conf, from 3.0 on */
	PROPERTIES, /* the three of 2.x */
	SERVER,
	WRAPPER,
	ARBITER, /* an arbiter's in place of WRAPPER */
	FILES,
};

static const char *const paths[FILES] = {
	[CONF] = "conf/neo4j.conf",
	[PROPERTIES] = "conf/neo4j.properties",
	[SERVER] = "conf/neo4j-server.properties",
	[WRAPPER] = "conf/neo4j-wrapper.conf",
	[ARBITER] = "conf/arbiter-wrapper.conf",
};

#define HA (1u << NEO4J_HA)
#define CAUSAL (1u << NEO4J_CAUSAL)
#define SINGLE (1u << NEO4J_SINGLE)
#define ANY (HA | CAUSAL | SINGLE)
#define LATEST UINT_MAX
#define V(major, minor) NEO4J_VERSION(major, minor)

/*
 * The families: what can be run as what. An article of 2016 set 2.3 up by hand; 3.0 is left out
 * (its heap is in a file of its own), as is 2.1 and older (no page cache setting).
 */
struct family {
	const char *name;
	enum neo4j_mode mode;
	unsigned from, to;
};

static const struct family families[] = {
	{"2.x-ha", NEO4J_HA, V(2, 2), V(2, 3)},
	{"3.x-ha", NEO4J_HA, V(3, 1), V(3, 5)},
	{"3.x-causal", NEO4J_CAUSAL, V(3, 1), V(3, 5)},
	{"4.x-causal", NEO4J_CAUSAL, V(4, 0), V(4, 4)},
	{"5.x-causal", NEO4J_CAUSAL, V(5, 0), V(5, 26)},
	{"2025-causal", NEO4J_CAUSAL, V(2025, 1), LATEST},
	{"2.x-single", NEO4J_SINGLE, V(2, 2), V(2, 3)},
	{"3.x-single", NEO4J_SINGLE, V(3, 1), V(3, 5)},
	{"4.x-single", NEO4J_SINGLE, V(4, 0), V(4, 4)},
	{"5.x-single", NEO4J_SINGLE, V(5, 0), V(5, 26)},
	{"2025-single", NEO4J_SINGLE, V(2025, 1), LATEST},
};

struct java {
	unsigned from, to;
	unsigned majors[4]; /* the first one is the one Neo4j documents */
};

/* 11 on 2.x, 17 on 3.5: not documented, tried. 3.1-3.4 run on 8 only. */
static const struct java javas[] = {
	{V(2, 2), V(2, 3), {8, 11}},
	{V(3, 1), V(3, 4), {8}},
	{V(3, 5), V(3, 5), {8, 11, 17}},
	{V(4, 0), V(4, 4), {11}},
	{V(5, 0), V(5, 13), {17}},
	{V(5, 14), V(5, 26), {17, 21}},
	{V(2025, 1), LATEST, {21, 25}},
};

/*
 * Heap and page cache for what a board has: with them and about 200 MB that Java takes besides the
 * system must have room. From 4.0 on Neo4j asks for 2 GB.
 */
struct memory {
	unsigned from, to, board_mb, heap_mb, pagecache_mb;
};

static const struct memory memories[] = {
	{V(2, 2), V(3, 5), 1024, 256, 64},
	{V(2, 2), V(3, 5), 2048, 512, 384},
	{V(2, 2), V(3, 5), 4096, 1024, 1024},
	{V(2, 2), V(3, 5), 8192, 2048, 3072},
	{V(4, 0), LATEST, 2048, 512, 384},
	{V(4, 0), LATEST, 4096, 1228, 1024},
	{V(4, 0), LATEST, 8192, 2048, 3072},
};

struct row {
	unsigned from, to, modes;
	enum file file;
	const char *key; /* NULL: an empty line */
	const char *value;
};

/*
 * The keys the 2016 article set by hand come first in each file. The rest is what a cluster on
 * small boards needs (docs/BENCHMARKS.md has what was measured of them):
 *
 * - heartbeat_timeout: a dead master is noticed after 10 s instead of 40. With 5 s a power cut
 * costs 9 s instead of 14, but a slow card or a garbage collection can keep a Pi silent for so
 * long, and the agents let nobody else take writes before 10 s are over (quorum.h).
 * - slave_read_timeout: a slave gives up reading from a dead master after 3 s instead of 20.
 * - tx_push_factor: an acknowledged write is on a majority of the data nodes, which is what the
 *   agents account for before they begin without somebody. Not on more: each further slave makes
 *   it likelier that Neo4j misses its own wake-up and lets the commit sleep for 2 s
 *   (TransactionPropagator).
 * - pull_interval: what was not pushed to a slave it has after half a second, for who reads there.
 *
 * Neo4j makes itself a key and a certificate even with TLS off, does not sync them, and never
 * starts again once a power cut has left them empty (3.5: "Missing key encoding"). They belong in
 * /run, where each start makes new ones.
 */
static const struct row rows[] = {
	/* 2.x */
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.server_id", "%(id)"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.initial_hosts", "%(hosts:5001)"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.cluster_server", "%(address):5001"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.server", "%(address):6001"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, NULL, NULL},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.join_timeout", "%(join_timeout)s"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.heartbeat_interval", "2s"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.heartbeat_timeout", "10s"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.read_timeout", "3s"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.pull_interval", "500ms"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.tx_push_factor", "%(push)"},
	{V(2, 2), V(2, 3), HA, PROPERTIES, "ha.branched_data_policy", "keep_last"},
	{V(2, 2), V(2, 3), ANY, PROPERTIES, "online_backup_enabled", "false"},
	{V(2, 2), V(2, 3), ANY, PROPERTIES, "remote_shell_enabled", "false"},
	{V(2, 2), V(2, 3), ANY, PROPERTIES, "dbms.pagecache.memory", "%(pagecache)m"},
	{V(2, 2), V(2, 3), ANY, PROPERTIES, "keep_logical_logs", "100M size"},

	{V(2, 2), V(2, 3), HA, SERVER, "org.neo4j.server.database.mode", "HA"},
	{V(2, 2), V(2, 3), SINGLE, SERVER, "org.neo4j.server.database.mode", "SINGLE"},
	{V(2, 2), V(2, 3), ANY, SERVER, "org.neo4j.server.webserver.address", "0.0.0.0"},
	{V(2, 2), V(2, 3), ANY, SERVER, NULL, NULL},
	{V(2, 2), V(2, 3), ANY, SERVER, "org.neo4j.server.webserver.port", "7474"},
	{V(2, 2), V(2, 3), ANY, SERVER, "org.neo4j.server.webserver.https.enabled", "false"},
	{V(2, 2), V(2, 3), ANY, SERVER, "org.neo4j.server.database.location",
		"%(data)/data/graph.db"},
	{V(2, 2), V(2, 3), ANY, SERVER, "org.neo4j.server.db.tuning.properties",
		"%(home)/conf/neo4j.properties"},
	{V(2, 2), V(2, 3), ANY, SERVER, "org.neo4j.server.http.log.enabled", "false"},
	{V(2, 2), V(2, 3), ANY, SERVER, "dbms.security.tls_certificate_file",
		"/run/neo4j/snakeoil.cert"},
	{V(2, 2), V(2, 3), ANY, SERVER, "dbms.security.tls_key_file", "/run/neo4j/snakeoil.key"},
	{V(2, 2), V(2, 3), ANY, SERVER, "dbms.security.auth_enabled", "%(auth)"},
	{V(2, 2), V(2, 3), ANY, SERVER, "dbms.security.auth_store.location",
		"%(data)/data/dbms/auth"},
	{V(2, 2), V(2, 3), HA, SERVER, "dbms.security.ha_status_auth_enabled", "false"},

	{V(2, 2), V(2, 3), ANY, WRAPPER, "wrapper.java.initmemory", "%(heap)"},
	{V(2, 2), V(2, 3), ANY, WRAPPER, "wrapper.java.maxmemory", "%(heap)"},
	{V(2, 2), V(2, 3), ANY, WRAPPER, "wrapper.java.additional",
		"-Dorg.neo4j.server.properties=conf/neo4j-server.properties"},
	{V(2, 2), V(2, 3), ANY, WRAPPER, "wrapper.java.additional", "-XX:+UseSerialGC"},
	{V(2, 2), V(2, 3), ANY, WRAPPER, "wrapper.java.additional", "-Dfile.encoding=UTF-8"},
	{V(2, 2), V(2, 3), ANY, WRAPPER, "wrapper.java.additional",
		"--add-opens=%(open)=ALL-UNNAMED"},

	/* It reads the members and its own id by way of the first of these, and nothing else. */
	{V(2, 2), V(2, 3), HA, ARBITER, "wrapper.java.initmemory", "16"},
	{V(2, 2), V(2, 3), HA, ARBITER, "wrapper.java.maxmemory", "64"},
	{V(2, 2), V(2, 3), HA, ARBITER, "wrapper.java.additional",
		"-Dorg.neo4j.server.properties=conf/neo4j-server.properties"},
	{V(2, 2), V(2, 3), HA, ARBITER, "wrapper.java.additional", "-Dneo4j.home=%(home)"},
	{V(2, 2), V(2, 3), HA, ARBITER, "wrapper.java.additional",
		"-Dorg.neo4j.cluster.logdirectory=%(data)/arbiter"},
	{V(2, 2), V(2, 3), HA, ARBITER, "wrapper.java.additional", "-XX:+UseSerialGC"},
	{V(2, 2), V(2, 3), HA, ARBITER, "wrapper.java.additional", "-Dfile.encoding=UTF-8"},
	{V(2, 2), V(2, 3), HA, ARBITER, "wrapper.java.additional",
		"--add-opens=%(open)=ALL-UNNAMED"},

	/* 3.x and later: who it is */
	{V(3, 1), V(3, 5), HA, CONF, "dbms.mode", "%(ha_mode)"},
	{V(3, 1), V(4, 4), CAUSAL, CONF, "dbms.mode", "CORE"},
	{V(3, 1), V(4, 4), SINGLE, CONF, "dbms.mode", "SINGLE"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.server_id", "%(id)"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.initial_hosts", "%(hosts:5001)"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.host.coordination", "%(address):5001"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.host.data", "%(address):6001"},
	{V(3, 1), V(4, 4), CAUSAL, CONF, "causal_clustering.initial_discovery_members",
		"%(hosts:5000)"},
	{V(3, 1), V(3, 3), CAUSAL, CONF, "causal_clustering.expected_core_cluster_size",
		"%(members)"},
	{V(3, 4), V(4, 4), CAUSAL, CONF, "causal_clustering.minimum_core_cluster_size_at_formation",
		"%(members)"},
	{V(3, 4), V(4, 4), CAUSAL, CONF, "causal_clustering.minimum_core_cluster_size_at_runtime",
		"3"},
	{V(5, 0), V(5, 22), CAUSAL, CONF, "dbms.cluster.discovery.endpoints", "%(hosts:5000)"},
	{V(5, 23), V(5, 26), CAUSAL, CONF, "dbms.cluster.discovery.version", "V2_ONLY"},
	{V(5, 23), V(5, 26), CAUSAL, CONF, "dbms.cluster.discovery.v2.endpoints", "%(hosts:6000)"},
	{V(2025, 1), LATEST, CAUSAL, CONF, "dbms.cluster.endpoints", "%(hosts:6000)"},
	{V(5, 0), LATEST, CAUSAL, CONF, "dbms.cluster.minimum_initial_system_primaries_count",
		"%(members)"},
	{V(5, 0), LATEST, CAUSAL, CONF, "initial.dbms.default_primaries_count", "%(members)"},
	{V(3, 1), V(3, 5), ANY, CONF, "dbms.connectors.default_listen_address", "0.0.0.0"},
	{V(3, 1), V(3, 5), ANY, CONF, "dbms.connectors.default_advertised_address", "%(address)"},
	{V(4, 0), V(4, 4), ANY, CONF, "dbms.default_listen_address", "0.0.0.0"},
	{V(4, 0), V(4, 4), ANY, CONF, "dbms.default_advertised_address", "%(address)"},
	{V(5, 0), LATEST, ANY, CONF, "server.default_listen_address", "0.0.0.0"},
	{V(5, 0), LATEST, ANY, CONF, "server.default_advertised_address", "%(address)"},

	/* 3.x HA: how long things take */
	{V(3, 1), LATEST, ANY, CONF, NULL, NULL},
	{V(3, 1), V(3, 5), HA, CONF, "ha.join_timeout", "%(join_timeout)s"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.heartbeat_interval", "2s"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.heartbeat_timeout", "10s"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.slave_read_timeout", "3s"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.pull_interval", "500ms"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.tx_push_factor", "%(push)"},
	{V(3, 1), V(3, 5), HA, CONF, "ha.branched_data_policy", "keep_last"},
	{V(3, 1), V(3, 5), HA, CONF, NULL, NULL},

	/* where things are */
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.directories.data", "%(data)/data"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.directories.logs", "%(data)/logs"},
	{V(3, 1), V(4, 4), HA | CAUSAL, CONF, "dbms.directories.metrics", "%(data)/metrics"},
	{V(3, 1), V(3, 5), ANY, CONF, "dbms.directories.certificates", "/run/neo4j/certificates"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.directories.run", "/run/neo4j"},
	{V(5, 0), LATEST, ANY, CONF, "server.directories.data", "%(data)/data"},
	{V(5, 0), LATEST, ANY, CONF, "server.directories.logs", "%(data)/logs"},
	{V(5, 0), LATEST, ANY, CONF, "server.directories.run", "/run/neo4j"},
	{V(3, 1), V(4, 4), HA | CAUSAL, CONF, "metrics.enabled", "false"},
	{V(5, 0), LATEST, CAUSAL, CONF, "server.metrics.enabled", "false"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.logs.debug.level", "INFO"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.logs.debug.rotation.size", "5m"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.logs.debug.rotation.keep_number", "3"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.tx_log.rotation.retention_policy", "100M size"},
	{V(5, 0), LATEST, ANY, CONF, "db.tx_log.rotation.retention_policy", "100M size"},
	{V(3, 1), LATEST, ANY, CONF, NULL, NULL},

	/* who may come in */
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.connector.http.enabled", "true"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.connector.http.listen_address", ":7474"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.connector.https.enabled", "false"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.connector.bolt.enabled", "true"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.connector.bolt.listen_address", ":7687"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.connector.bolt.tls_level", "DISABLED"},
	{V(5, 0), LATEST, ANY, CONF, "server.http.enabled", "true"},
	{V(5, 0), LATEST, ANY, CONF, "server.http.listen_address", ":7474"},
	{V(5, 0), LATEST, ANY, CONF, "server.https.enabled", "false"},
	{V(5, 0), LATEST, ANY, CONF, "server.bolt.enabled", "true"},
	{V(5, 0), LATEST, ANY, CONF, "server.bolt.listen_address", ":7687"},
	{V(5, 0), LATEST, ANY, CONF, "server.bolt.tls_level", "DISABLED"},
	{V(3, 1), V(4, 4), HA | CAUSAL, CONF, "dbms.backup.enabled", "false"},
	{V(5, 0), LATEST, CAUSAL, CONF, "server.backup.enabled", "false"},
	{V(3, 1), LATEST, ANY, CONF, "dbms.security.auth_enabled", "%(auth)"},
	{V(3, 1), V(3, 5), HA, CONF, "dbms.security.ha_status_auth_enabled", "false"},
	{V(3, 1), V(4, 4), CAUSAL, CONF, "dbms.security.causal_clustering_status_auth_enabled",
		"false"},
	{V(5, 0), LATEST, CAUSAL, CONF, "dbms.security.cluster_status_auth_enabled", "false"},
	{V(5, 20), LATEST, ANY, CONF, "dbms.usage_report.enabled", "false"},
	{V(3, 1), LATEST, ANY, CONF, NULL, NULL},

	/* what it may take */
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.memory.heap.initial_size", "%(heap)m"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.memory.heap.max_size", "%(heap)m"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.memory.pagecache.size", "%(pagecache)m"},
	{V(5, 0), LATEST, ANY, CONF, "server.memory.heap.initial_size", "%(heap)m"},
	{V(5, 0), LATEST, ANY, CONF, "server.memory.heap.max_size", "%(heap)m"},
	{V(5, 0), LATEST, ANY, CONF, "server.memory.pagecache.size", "%(pagecache)m"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.jvm.additional", "-XX:+UseSerialGC"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.jvm.additional", "-Xss512k"},
	{V(3, 1), V(4, 4), ANY, CONF, "dbms.jvm.additional", "--add-opens=%(open)=ALL-UNNAMED"},
	{V(5, 0), LATEST, ANY, CONF, "server.jvm.additional", "-XX:+UseSerialGC"},
	{V(5, 0), LATEST, ANY, CONF, "server.jvm.additional", "-Xss1m"},
	{V(5, 0), LATEST, ANY, CONF, "server.jvm.additional", "--add-opens=%(open)=ALL-UNNAMED"},
};

/*
 * Reflection and direct memory that Neo4j uses and Java 16+ keeps closed (tried with 3.5 on 17; the
 * archives of 4.x and later name the same ones in their own neo4j.conf). One line each, none on 8.
 */
static const char *const opened[] = {
	"java.base/java.nio",
	"java.base/java.lang",
	"java.base/sun.nio.ch",
	"java.base/java.io",
	"java.base/java.util",
	"java.base/java.util.concurrent",
	"java.base/java.lang.reflect",
	"java.management/sun.management",
};

static bool within(unsigned version, unsigned from, unsigned to)
{
	return version >= from && version <= to;
}

static bool has_family(unsigned version, enum neo4j_mode mode, const char **name)
{
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		if (families[i].mode == mode && within(version, families[i].from, families[i].to)) {
			*name = families[i].name;
			return true;
		}
	}
	return false;
}

/* Why not: each refusal says what would work. */
static int refuse(const char *text, unsigned version, enum neo4j_mode mode, struct err *e)
{
	const char *other;

	if (mode == NEO4J_HA && version >= V(4, 0))
		return err_code(e, EXIT_INPUT,
			"Neo4j %s: HA ended with 3.5; take an archive of 2.2 to 3.5, or mode = "
			"\"causal\" with three data nodes",
			text);
	if (mode == NEO4J_CAUSAL && version < V(3, 1))
		return err_code(e, EXIT_INPUT,
			"Neo4j %s: causal clusters came with 3.1; use mode = \"ha\"", text);
	if (has_family(version, NEO4J_SINGLE, &other))
		return err_code(e, EXIT_INPUT, "Neo4j %s cannot run in mode %s", text,
			neo4j_mode_name(mode));
	return err_code(e, EXIT_INPUT,
		"Neo4j %s is none bramble knows: 2.2, 2.3, 3.1 to 3.5, 4.x, 5.x, 2025 and later",
		text);
}

int neo4j_profile_find(const char *version, bool community, enum neo4j_mode mode, size_t ndata,
	struct neo4j_profile *p, struct err *e)
{
	*p = (struct neo4j_profile){.mode = mode};
	if (neo4j_version_parse(version, &p->version) < 0)
		return err_code(e, EXIT_INPUT, "\"%s\" is no version of Neo4j", version);
	if (!has_family(p->version, mode, &p->name))
		return refuse(version, p->version, mode, e);
	if (community && mode != NEO4J_SINGLE)
		return err_code(e, EXIT_INPUT,
			"Neo4j %s is the community edition, which knows no clusters; take the "
			"enterprise archive, or mode = \"single\" with one data node",
			version);
	if (mode == NEO4J_SINGLE && ndata != 1)
		return err_code(e, EXIT_CONFIG,
			"mode \"single\" is for one data node, these are %zu", ndata);
	if (mode == NEO4J_CAUSAL && ndata < 3)
		return err_code(e, EXIT_CONFIG,
			"a causal cluster survives the loss of a member from three on; these are "
			"%zu",
			ndata);
	return 0;
}

const char *neo4j_profile_file(const struct neo4j_profile *p, size_t i)
{
	if (p->version >= V(3, 0))
		return i == 0 ? paths[CONF] : NULL;
	size_t n = p->mode == NEO4J_HA ? FILES - PROPERTIES : ARBITER - PROPERTIES;
	return i < n ? paths[PROPERTIES + i] : NULL;
}

const char *neo4j_profile_arbiter(const struct neo4j_profile *p)
{
	if (p->mode != NEO4J_HA)
		return NULL;
	return p->version < V(3, 0) ? "bin/neo4j-arbiter" : "bin/neo4j";
}

const char *neo4j_profile_auth_file(const struct neo4j_profile *p)
{
	return p->version < V(3, 0) ? "data/dbms/auth" : "data/dbms/auth.ini";
}

int neo4j_check_java(const struct neo4j_profile *p, unsigned java_major, struct err *e)
{
	_cleanup_buf_ struct buf list = {0};

	for (size_t i = 0; i < ARRAY_SIZE(javas); i++) {
		if (!within(p->version, javas[i].from, javas[i].to))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(javas[i].majors) && javas[i].majors[k]; k++) {
			if (javas[i].majors[k] == java_major)
				return 0;
			buf_printf(&list, "%s%u", k ? " or " : "", javas[i].majors[k]);
		}
	}
	return err_code(e, EXIT_INPUT, "Neo4j %u.%u does not run on Java %u; it needs Java %s",
		p->version / 100, p->version % 100, java_major, buf_str(&list));
}

int neo4j_memory(const struct neo4j_profile *p, unsigned board_mb, unsigned *heap_mb,
	unsigned *pagecache_mb, struct err *e)
{
	unsigned least = UINT_MAX;
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(memories); i++) {
		const struct memory *m = &memories[i];
		if (!within(p->version, m->from, m->to))
			continue;
		if (m->board_mb < least)
			least = m->board_mb;
		if (m->board_mb > board_mb)
			continue;
		found = true;
		*heap_mb = m->heap_mb;
		*pagecache_mb = m->pagecache_mb;
	}
	if (found)
		return 0;
	return err_code(e, EXIT_CONFIG, "Neo4j %u.%u needs a board with %u MB, this one has %u",
		p->version / 100, p->version % 100, least, board_mb);
}

static int by_id(const void *a, const void *b)
{
	const struct neo4j_member *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static void put_hosts(const struct neo4j_settings *s, struct slice port, struct buf *out)
{
	_cleanup_free_ struct neo4j_member *m = xcalloc(s->nmembers, sizeof(*m));

	memcpy(m, s->members, s->nmembers * sizeof(*m));
	qsort(m, s->nmembers, sizeof(*m), by_id);
	for (size_t i = 0; i < s->nmembers; i++)
		buf_printf(out, "%s%s:%.*s", i ? "," : "", m[i].address, (int)port.n, port.p);
}

static void put_setting(
	struct slice name, const struct neo4j_settings *s, const char *open, struct buf *out)
{
	static const char hosts[] = "hosts:";
	const struct {
		const char *name;
		unsigned number;
	} numbers[] = {
		{"id", s->id},
		{"heap", s->heap_mb},
		{"pagecache", s->pagecache_mb},
		{"members", (unsigned)s->nmembers},
		{"push", (unsigned)s->ndata / 2}, /* with the master a majority */
		{"join_timeout", NEO4J_JOIN_TIMEOUT_S},
	};
	const struct {
		const char *name, *text;
	} texts[] = {
		{"address", s->address},
		{"data", s->data_dir},
		{"ha_mode", s->arbiter ? "ARBITER" : "HA"},
		{"home", "/opt/neo4j"},
		{"auth", s->auth ? "true" : "false"},
		{"open", open},
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (slice_eq(name, numbers[i].name))
			buf_printf(out, "%u", numbers[i].number);
	}
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (slice_eq(name, texts[i].name))
			buf_puts(out, texts[i].text);
	}
	if (name.n > strlen(hosts) && memcmp(name.p, hosts, strlen(hosts)) == 0)
		put_hosts(s, (struct slice){name.p + strlen(hosts), name.n - strlen(hosts)}, out);
}

static void put_value(
	const char *p, const struct neo4j_settings *s, const char *open, struct buf *out)
{
	const char *at, *close;

	while ((at = strstr(p, "%(")) && (close = strchr(at, ')'))) {
		buf_add(out, p, (size_t)(at - p));
		put_setting((struct slice){at + 2, (size_t)(close - at - 2)}, s, open, out);
		p = close + 1;
	}
	buf_puts(out, p);
}

static void put_row(
	const struct row *r, const struct neo4j_settings *s, const char *open, struct buf *out)
{
	if (r->key) {
		buf_printf(out, "%s=", r->key);
		put_value(r->value, s, open, out);
	}
	buf_puts(out, "\n");
}

static void put_each_open(const struct row *r, const struct neo4j_settings *s, struct buf *out)
{
	for (size_t i = 0; s->java_major >= 9 && i < ARRAY_SIZE(opened); i++)
		put_row(r, s, opened[i], out);
}

/* In 2.x a setting has to stand in the right file. */
static enum file file_of(const struct neo4j_profile *p, const char *key)
{
	static const struct {
		const char *prefix;
		enum file file;
	} files[] = {
		{"wrapper.", WRAPPER},
		{"org.neo4j.server.", SERVER},
		{"dbms.security.", SERVER},
		{"dbms.browser.", SERVER},
	};

	if (p->version >= V(3, 0))
		return CONF;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (str_starts(key, files[i].prefix))
			return files[i].file;
	}
	return PROPERTIES;
}

static bool is_set(const struct neo4j_extras *x, const char *key)
{
	return x && key && neo4j_extras_find(x, key);
}

/* Those of x for that file that `over` does not set too. */
static void put_extras(const struct neo4j_profile *p, enum file file, const struct neo4j_extras *x,
	const struct neo4j_extras *over, struct buf *out)
{
	for (size_t i = 0; x && i < x->n; i++) {
		const struct neo4j_extra *own = &x->list[i];
		if (file_of(p, own->key) == file && !is_set(over, own->key))
			buf_printf(out, "%s=%s\n", own->key, own->value);
	}
}

static bool is_row_of(const struct row *r, const struct neo4j_profile *p, enum file file,
	const struct neo4j_settings *s)
{
	return r->file == file && (r->modes & 1u << p->mode) &&
	       within(p->version, r->from, r->to) && !is_set(s->node_extras, r->key) &&
	       !is_set(s->cluster_extras, r->key);
}

void neo4j_render(
	const struct neo4j_profile *p, size_t i, const struct neo4j_settings *s, struct buf *out)
{
	enum file file = p->version >= V(3, 0) ? CONF : (enum file)(PROPERTIES + i);

	buf_puts(out, "# Written by bramble from cluster.conf; a change here is undone.\n");
	for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
		const struct row *r = &rows[k];
		if (!is_row_of(r, p, file, s))
			continue;
		if (r->value && strstr(r->value, "%(open)"))
			put_each_open(r, s, out);
		else
			put_row(r, s, "", out);
	}
	put_extras(p, file, s->cluster_extras, s->node_extras, out);
	put_extras(p, file, s->node_extras, NULL, out);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A profile's files are templates: lines of text with %(name) where a setting goes. A line that
 * starts with "%{add-opens}" is repeated for each package Java 9+ must open and is left out on
 * Java 8. Values and their reasons: docs/ARCHITECTURE.md, section "Neo4j profiles".
 */
#include <string.h>
#include "neo4j.h"

struct neo4j_file {
	const char *path;
	const char *text;
};

struct neo4j_profile {
	const char *name;
	const char *versions[4]; /* prefixes of the versions it is for */
	unsigned java[4];
	struct neo4j_file files[4];
};

/*
 * The keys the 2016 article set by hand come first in each file. The rest is what a cluster on
 * small boards needs: a dead master is noticed after 10 s instead of 40; a slave gives up reading
 * from it after 3 s instead of 20 (a real power cut then costs 14 s, not 25); at least one slave
 * holds an acknowledged write.
 *
 * Neo4j makes itself a key and a certificate even with TLS off, does not sync them, and never
 * starts again once a power cut has left them empty (3.5: "Missing key encoding"). They belong in
 * /run, where each start makes new ones.
 */
static const char ha3_conf[] = "dbms.mode=HA\n"
			       "ha.server_id=%(id)\n"
			       "ha.initial_hosts=%(hosts)\n"
			       "ha.host.coordination=%(address):5001\n"
			       "ha.host.data=%(address):6001\n"
			       "dbms.connectors.default_listen_address=0.0.0.0\n"
			       "dbms.connectors.default_advertised_address=%(address)\n"
			       "\n"
			       "ha.join_timeout=120s\n"
			       "ha.heartbeat_interval=2s\n"
			       "ha.heartbeat_timeout=10s\n"
			       "ha.slave_read_timeout=3s\n"
			       "ha.pull_interval=500ms\n"
			       "ha.tx_push_factor=%(push)\n"
			       "ha.branched_data_policy=keep_last\n"
			       "\n"
			       "dbms.directories.data=%(data)/data\n"
			       "dbms.directories.logs=%(data)/logs\n"
			       "dbms.directories.metrics=%(data)/metrics\n"
			       "dbms.directories.certificates=/run/neo4j/certificates\n"
			       "dbms.directories.run=/run/neo4j\n"
			       "metrics.enabled=false\n"
			       "dbms.logs.debug.level=INFO\n"
			       "dbms.logs.debug.rotation.size=5m\n"
			       "dbms.logs.debug.rotation.keep_number=3\n"
			       "dbms.tx_log.rotation.retention_policy=100M size\n"
			       "\n"
			       "dbms.connector.http.enabled=true\n"
			       "dbms.connector.http.listen_address=:7474\n"
			       "dbms.connector.https.enabled=false\n"
			       "dbms.connector.bolt.enabled=true\n"
			       "dbms.connector.bolt.listen_address=:7687\n"
			       "dbms.connector.bolt.tls_level=DISABLED\n"
			       "dbms.backup.enabled=false\n"
			       "dbms.security.auth_enabled=false\n"
			       "dbms.security.ha_status_auth_enabled=false\n"
			       "dbms.usage_report.enabled=false\n"
			       "\n"
			       "dbms.memory.heap.initial_size=%(heap)m\n"
			       "dbms.memory.heap.max_size=%(heap)m\n"
			       "dbms.memory.pagecache.size=%(pagecache)m\n"
			       "dbms.jvm.additional=-XX:+UseSerialGC\n"
			       "dbms.jvm.additional=-Xss512k\n"
			       "%{add-opens}dbms.jvm.additional=--add-opens=%(open)=ALL-UNNAMED\n";

static const char ha2_server[] =
	"org.neo4j.server.database.mode=HA\n"
	"org.neo4j.server.webserver.address=0.0.0.0\n"
	"\n"
	"org.neo4j.server.webserver.port=7474\n"
	"org.neo4j.server.webserver.https.enabled=false\n"
	"org.neo4j.server.database.location=%(data)/data/graph.db\n"
	"org.neo4j.server.db.tuning.properties=%(home)/conf/neo4j.properties\n"
	"org.neo4j.server.http.log.enabled=false\n"
	"dbms.security.tls_certificate_file=/run/neo4j/snakeoil.cert\n"
	"dbms.security.tls_key_file=/run/neo4j/snakeoil.key\n"
	"dbms.security.auth_enabled=false\n"
	"dbms.security.ha_status_auth_enabled=false\n";

static const char ha2_properties[] = "ha.server_id=%(id)\n"
				     "ha.initial_hosts=%(hosts)\n"
				     "ha.cluster_server=%(address):5001\n"
				     "ha.server=%(address):6001\n"
				     "\n"
				     "ha.join_timeout=120s\n"
				     "ha.heartbeat_interval=2s\n"
				     "ha.heartbeat_timeout=10s\n"
				     "ha.read_timeout=3s\n"
				     "ha.pull_interval=500ms\n"
				     "ha.tx_push_factor=%(push)\n"
				     "ha.branched_data_policy=keep_last\n"
				     "online_backup_enabled=false\n"
				     "remote_shell_enabled=false\n"
				     "dbms.pagecache.memory=%(pagecache)m\n"
				     "keep_logical_logs=100M size\n";

static const char ha2_wrapper[] =
	"wrapper.java.initmemory=%(heap)\n"
	"wrapper.java.maxmemory=%(heap)\n"
	"wrapper.java.additional=-Dorg.neo4j.server.properties=conf/neo4j-server.properties\n"
	"wrapper.java.additional=-XX:+UseSerialGC\n"
	"wrapper.java.additional=-Dfile.encoding=UTF-8\n"
	"%{add-opens}wrapper.java.additional=--add-opens=%(open)=ALL-UNNAMED\n";

static const struct neo4j_profile profiles[] = {
	{
		.name = "2.x-ha",
		.versions = {"2.2.", "2.3."},
		.java = {8, 11},
		.files = {{"conf/neo4j.properties", ha2_properties},
			{"conf/neo4j-server.properties", ha2_server},
			{"conf/neo4j-wrapper.conf", ha2_wrapper}},
	},
	{
		.name = "3.x-ha",
		.versions = {"3.5."},
		.java = {8, 11, 17},
		.files = {{"conf/neo4j.conf", ha3_conf}},
	},
};

/* Reflection and direct memory Neo4j 3.5 uses and Java 16+ keeps closed (tried on 17). */
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

const struct neo4j_profile *neo4j_profile_find(const char *version)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		for (size_t k = 0; profiles[i].versions[k]; k++) {
			if (str_starts(version, profiles[i].versions[k]))
				return &profiles[i];
		}
	}
	return NULL;
}

const char *neo4j_profile_name(const struct neo4j_profile *p)
{
	return p->name;
}

const char *neo4j_profile_file(const struct neo4j_profile *p, size_t i)
{
	return i < ARRAY_SIZE(p->files) ? p->files[i].path : NULL;
}

int neo4j_check_java(const struct neo4j_profile *p, unsigned java_major, struct err *e)
{
	_cleanup_buf_ struct buf list = {0};

	for (size_t i = 0; i < ARRAY_SIZE(p->java) && p->java[i]; i++) {
		if (p->java[i] == java_major)
			return 0;
		buf_printf(&list, "%s%u", i ? ", " : "", p->java[i]);
	}
	return err_code(e, EXIT_INPUT, "Neo4j %s does not run on Java %u; it needs Java %s",
		p->name, java_major, buf_str(&list));
}

static int by_id(const void *a, const void *b)
{
	const struct neo4j_member *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static void put_hosts(const struct neo4j_settings *s, struct buf *out)
{
	_cleanup_free_ struct neo4j_member *m = xcalloc(s->nmembers, sizeof(*m));

	memcpy(m, s->members, s->nmembers * sizeof(*m));
	qsort(m, s->nmembers, sizeof(*m), by_id);
	for (size_t i = 0; i < s->nmembers; i++)
		buf_printf(out, "%s%s:5001", i ? "," : "", m[i].address);
}

static void put_setting(
	struct slice name, const struct neo4j_settings *s, const char *open, struct buf *out)
{
	if (slice_eq(name, "id"))
		buf_printf(out, "%u", s->id);
	else if (slice_eq(name, "address"))
		buf_puts(out, s->address);
	else if (slice_eq(name, "hosts"))
		put_hosts(s, out);
	else if (slice_eq(name, "data"))
		buf_puts(out, s->data_dir);
	else if (slice_eq(name, "home"))
		buf_puts(out, "/opt/neo4j");
	else if (slice_eq(name, "heap"))
		buf_printf(out, "%u", s->heap_mb);
	else if (slice_eq(name, "pagecache"))
		buf_printf(out, "%u", s->pagecache_mb);
	else if (slice_eq(name, "push"))
		buf_printf(out, "%zu", s->nmembers > 2 ? (size_t)2 : s->nmembers - 1);
	else if (slice_eq(name, "open"))
		buf_puts(out, open);
}

static void put_line(
	struct slice line, const struct neo4j_settings *s, const char *open, struct buf *out)
{
	const char *p = line.p, *end = line.p + line.n;

	while (p < end) {
		const char *at = memmem(p, (size_t)(end - p), "%(", 2);
		const char *close = at ? memchr(at, ')', (size_t)(end - at)) : NULL;
		if (!close) {
			buf_add(out, p, (size_t)(end - p));
			return;
		}
		buf_add(out, p, (size_t)(at - p));
		put_setting((struct slice){at + 2, (size_t)(close - at - 2)}, s, open, out);
		p = close + 1;
	}
}

void neo4j_render(
	const struct neo4j_profile *p, size_t i, const struct neo4j_settings *s, struct buf *out)
{
	static const char per_open[] = "%{add-opens}";

	buf_puts(out, "# Written by bramble from cluster.conf; a change here is undone.\n");
	for (const char *line = p->files[i].text; *line;) {
		size_t n = strcspn(line, "\n") + 1;
		if (!str_starts(line, per_open)) {
			put_line((struct slice){line, n}, s, "", out);
		} else if (s->java_major >= 9) {
			size_t skip = strlen(per_open);
			for (size_t k = 0; k < ARRAY_SIZE(opened); k++)
				put_line((struct slice){line + skip, n - skip}, s, opened[k], out);
		}
		line += n;
	}
}

static const char *const role_names[] = {
	[NEO4J_DOWN] = "down",
	[NEO4J_UNKNOWN] = "unknown",
	[NEO4J_SLAVE] = "slave",
	[NEO4J_MASTER] = "master",
};

const char *neo4j_role_name(enum neo4j_role role)
{
	return role_names[role];
}

enum neo4j_role neo4j_role_of_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(role_names); i++) {
		if (strcmp(name, role_names[i]) == 0)
			return (enum neo4j_role)i;
	}
	return NEO4J_DOWN;
}

enum neo4j_role neo4j_role_of_available(unsigned status, struct slice body)
{
	if (status == 0)
		return NEO4J_DOWN;
	if (status == 200 && slice_eq(body, "master"))
		return NEO4J_MASTER;
	if (status == 200 && slice_eq(body, "slave"))
		return NEO4J_SLAVE;
	return NEO4J_UNKNOWN;
}

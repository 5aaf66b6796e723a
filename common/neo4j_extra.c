/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include "neo4j_extra.h"

#define LATEST UINT_MAX
#define V(major, minor) NEO4J_VERSION(major, minor)

/* Each of them adds an option of Java's; every other key has one value. */
static const char *const repeating[] = {
	"dbms.jvm.additional",
	"server.jvm.additional",
	"wrapper.java.additional",
};

struct reserved {
	const char *pattern; /* of fnmatch(3) */
	const char *why;
};

#define MODE "follows from neo4j_mode and the nodes' roles"
#define MEMBERS "follows from the nodes; a member that knows others forms another cluster"
#define ADDRESS "follows from the node's address, where members, proxies and agents look for it"
#define PORT "is where proxies and agents look for Neo4j"
#define STORE "is where the agent looks after the store, on the data partition"
#define AUTH "is decided by bramble for all nodes, which cannot differ in it"
#define STATUS "lets proxies and agents ask for the role without a password"

static const struct reserved reserved[] = {
	{"dbms.mode", MODE},
	{"org.neo4j.server.database.mode", MODE},
	{"dbms.clustering.enable", MODE},
	{"initial.server.mode_constraint", MODE},
	{"ha.server_id", "is the node's id"},
	{"ha.initial_hosts", MEMBERS},
	{"ha.allow_init_cluster", MEMBERS},
	{"causal_clustering.initial_discovery_members", MEMBERS},
	{"causal_clustering.discovery_type", MEMBERS},
	{"dbms.cluster.discovery.*", MEMBERS},
	{"dbms.cluster.endpoints", MEMBERS},
	{"ha.join_timeout", "is what the agent tells a lost start by"},
	{"ha.cluster_server", ADDRESS},
	{"ha.server", ADDRESS},
	{"ha.host.*", ADDRESS},
	{"causal_clustering.*_address", ADDRESS},
	{"server.cluster.*_address", ADDRESS},
	{"server.discovery.*_address", ADDRESS},
	{"server.routing.*_address", ADDRESS},
	{"dbms.routing.*_address", ADDRESS},
	{"dbms.connectors.default_*_address", ADDRESS},
	{"dbms.default_*_address", ADDRESS},
	{"server.default_*_address", ADDRESS},
	{"org.neo4j.server.webserver.address", ADDRESS},
	{"org.neo4j.server.webserver.port", PORT},
	{"dbms.connector.http.enabled", PORT},
	{"dbms.connector.http.*address", PORT},
	{"dbms.connector.bolt.enabled", PORT},
	{"dbms.connector.bolt.*address", PORT},
	{"server.http.enabled", PORT},
	{"server.http.*_address", PORT},
	{"server.bolt.enabled", PORT},
	{"server.bolt.*_address", PORT},
	{"dbms.directories.data", STORE},
	{"dbms.active_database", STORE},
	{"server.directories.data", STORE},
	{"org.neo4j.server.database.location", STORE},
	{"org.neo4j.server.db.tuning.properties", "names a file that bramble renders"},
	{"dbms.directories.plugins", "is where bramble puts plugins"},
	{"server.directories.plugins", "is where bramble puts plugins"},
	{"dbms.security.auth_enabled", AUTH},
	{"dbms.security.auth_store.location", AUTH},
	{"dbms.security.*_status_auth_enabled", STATUS},
};

struct generation {
	const char *pattern;
	unsigned from, to; /* versions that know it */
	const char *why;
};

/* The renames of 3.0, 4.0 and 5.0. The first match counts. */
static const struct generation generations[] = {
	{"org.neo4j.server.*", 0, V(2, 3), "3.0 put all of org.neo4j.server.* under dbms.*"},
	{"wrapper.*", 0, V(2, 3), "from 3.0 on it is dbms.jvm.additional and dbms.memory.heap.*"},
	{"dbms.pagecache.memory", 0, V(2, 3), "from 3.0 on it is dbms.memory.pagecache.size"},
	{"ha.*", 0, V(3, 5), "HA ended with 3.5"},
	{"causal_clustering.*", V(3, 1), V(4, 4),
		"it is of 3.1 to 4.4; 5.0 made dbms.cluster.* and server.cluster.* of it"},
	{"dbms.cluster.*", V(5, 0), LATEST,
		"it came with 5.0; before that it is causal_clustering.*"},
	{"server.*", V(5, 0), LATEST, "server.* came with 5.0; before that it is dbms.*"},
	{"initial.*", V(5, 0), LATEST, "initial.* came with 5.0"},
	{"db.*", V(5, 0), LATEST, "db.* came with 5.0; before that it is dbms.*"},
	{"dbms.connectors.*", V(3, 0), V(3, 5),
		"from 4.0 on it is dbms.default_*, from 5.0 server.*"},
	{"dbms.connector.*", V(3, 0), V(4, 4),
		"it is of 3.0 to 4.4; 5.0 made server.http.*, .https.* and .bolt.* of it"},
	{"dbms.memory.heap.*", V(3, 0), V(4, 4),
		"it is of 3.0 to 4.4; 5.0 has server.memory.heap.*"},
	{"dbms.memory.pagecache.*", V(3, 0), V(4, 4),
		"it is of 3.0 to 4.4; 5.0 has server.memory.pagecache.*"},
	{"dbms.directories.*", V(3, 0), V(4, 4),
		"it is of 3.0 to 4.4; 5.0 has server.directories.*"},
	{"dbms.logs.*", V(3, 0), V(4, 4),
		"it is of 3.0 to 4.4; 5.0 has server.logs.* and db.logs.*"},
	{"dbms.jvm.additional", V(3, 0), V(4, 4),
		"it is of 3.0 to 4.4; 5.0 has server.jvm.additional"},
	{"dbms.backup.*", V(3, 0), V(4, 4), "it is of 3.0 to 4.4; 5.0 has server.backup.*"},
	{"dbms.tx_log.*", V(3, 0), V(4, 4), "it is of 3.0 to 4.4; 5.0 has db.tx_log.*"},
	{"metrics.*", V(3, 0), V(4, 4), "it is of 3.0 to 4.4; 5.0 has server.metrics.*"},
};

static bool may_repeat(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(repeating); i++) {
		if (strcmp(key, repeating[i]) == 0)
			return true;
	}
	return false;
}

static int check_key(const char *key, struct err *e)
{
	size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	if (n && !key[n] && isalpha((unsigned char)key[0]))
		return 0;
	return err_code(e, EXIT_CONFIG,
		"\"%.60s\" is no name of a setting (letters, digits, \".\", \"_\" and \"-\", then "
		"\"=\")",
		key);
}

/*
 * One line, and one that ends where it ends: in Neo4j's files a \ at its end would take the next
 * line along.
 */
static int check_value(const char *key, const char *value, struct err *e)
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++) {
		if (iscntrl((unsigned char)value[i]))
			return err_code(
				e, EXIT_CONFIG, "%s: a value is one line of plain text", key);
	}
	if (n && value[n - 1] == '\\')
		return err_code(e, EXIT_CONFIG,
			"%s: a value cannot end in \"\\\": Neo4j would read the next line as part "
			"of it",
			key);
	if (n && !isspace((unsigned char)value[0]) && !isspace((unsigned char)value[n - 1]))
		return 0;
	return err_code(e, EXIT_CONFIG, "%s: write KEY=VALUE, with no space around the value", key);
}

int neo4j_extras_add(struct neo4j_extras *x, const char *text, struct err *e)
{
	size_t n = strcspn(text, "=");
	_cleanup_free_ char *key = xstrndup(text, n);

	if (strlen(text) > NEO4J_EXTRA_MAX)
		return err_code(
			e, EXIT_CONFIG, "%.60s: is longer than %d bytes", text, NEO4J_EXTRA_MAX);
	if (!text[n])
		return err_code(e, EXIT_CONFIG, "\"%.60s\" is no KEY=VALUE", text);
	if (check_key(key, e) < 0 || check_value(key, text + n + 1, e) < 0)
		return -1;
	if (neo4j_extras_find(x, key))
		return err_code(e, EXIT_CONFIG, "%s is set twice", key);
	x->list = xreallocarray(x->list, x->n + 1, sizeof(*x->list));
	x->list[x->n++] = (struct neo4j_extra){steal(&key), xstrdup(text + n + 1)};
	return 0;
}

void neo4j_extras_free(struct neo4j_extras *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free(x->list[i].key);
		free(x->list[i].value);
	}
	free(x->list);
	*x = (struct neo4j_extras){0};
}

const struct neo4j_extra *neo4j_extras_find(const struct neo4j_extras *x, const char *key)
{
	for (size_t i = 0; i < x->n && !may_repeat(key); i++) {
		if (strcmp(x->list[i].key, key) == 0)
			return &x->list[i];
	}
	return NULL;
}

int neo4j_extras_check(const struct neo4j_extras *x, struct err *e)
{
	for (size_t i = 0; i < x->n; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(reserved); k++) {
			if (fnmatch(reserved[k].pattern, x->list[i].key, 0) == 0)
				return err_code(e, EXIT_CONFIG, "%s cannot be set: it %s",
					x->list[i].key, reserved[k].why);
		}
	}
	return 0;
}

const char *neo4j_extra_doubt(const struct neo4j_profile *p, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(generations); i++) {
		const struct generation *g = &generations[i];
		if (fnmatch(g->pattern, key, 0) == 0)
			return p->version >= g->from && p->version <= g->to ? NULL : g->why;
	}
	return NULL;
}

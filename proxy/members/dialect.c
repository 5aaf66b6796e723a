/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <string.h>
#include "dialect.h"
#include "util.h"

static const struct {
	const char *name, *target;
	enum dialect otherwise; /* asked when a member does not know this one */
} dialects[] = {
	[DIALECT_ASK] = {"auto", "/", DIALECT_HA},
	[DIALECT_HA] = {"ha", NEO4J_HA_AVAILABLE, DIALECT_CAUSAL},
	[DIALECT_CAUSAL] = {"causal", "/db/manage/server/causalclustering/writable", DIALECT_CORE},
	[DIALECT_CORE] = {"core", "/db/manage/server/core/writable", DIALECT_REPLICA},
	[DIALECT_REPLICA] = {"replica", "/db/manage/server/read-replica/available", DIALECT_SINGLE},
	[DIALECT_NEO4J4] = {"neo4j4", "/db/neo4j/cluster/writable", DIALECT_SINGLE},
	[DIALECT_NEO4J5] = {"neo4j5", "/db/neo4j/cluster/writable", DIALECT_SINGLE},
	[DIALECT_SINGLE] = {"single", "/", DIALECT_ASK},
};

static const enum dialect configurable[] = {
	DIALECT_ASK, DIALECT_HA, DIALECT_CAUSAL, DIALECT_NEO4J4, DIALECT_NEO4J5};

int dialect_parse(const char *name, enum dialect *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(configurable); i++) {
		*d = configurable[i];
		if (strcmp(name, dialects[*d].name) == 0)
			return 0;
	}
	return -1;
}

const char *dialect_name(enum dialect d)
{
	return dialects[d].name;
}

const char *dialect_target(enum dialect d)
{
	return dialects[d].target;
}

bool dialect_slaves_write(enum dialect d)
{
	return d == DIALECT_HA || d == DIALECT_SINGLE; /* not known yet: it may not */
}

bool dialect_is_refused(unsigned status)
{
	return status == 401 || status == 429;
}

/* Before 4.0 the answer tells no version. */
static enum dialect by_version(struct slice body)
{
	json_t *json = json_loadb(body.p, body.n, 0, NULL);
	const char *text = json_string_value(json_object_get(json, "neo4j_version"));
	unsigned version;
	enum dialect d = DIALECT_HA;

	if (text && neo4j_version_parse(text, &version) == 0 && version >= NEO4J_VERSION(4, 0))
		d = version >= NEO4J_VERSION(5, 0) ? DIALECT_NEO4J5 : DIALECT_NEO4J4;
	json_decref(json);
	return d;
}

/* The role that an answer tells; false when it is no answer to this question. */
static bool role_of(
	enum dialect d, bool alone, unsigned status, struct slice body, enum neo4j_role *role)
{
	*role = NEO4J_UNKNOWN;
	if (dialect_is_refused(status) || status >= 500)
		return true; /* it may know, but does not say */
	switch (d) {
	case DIALECT_HA:
		*role = neo4j_role_of_available(status, body);
		return *role != NEO4J_UNKNOWN || slice_eq(body, "UNKNOWN");
	case DIALECT_CAUSAL:
	case DIALECT_CORE:
	case DIALECT_NEO4J4:
	case DIALECT_NEO4J5:
		*role = neo4j_role_of_probe(NEO4J_CAUSAL, status, body);
		return *role != NEO4J_UNKNOWN;
	case DIALECT_REPLICA:
		if (status == 200 && slice_eq(body, "true"))
			*role = NEO4J_SLAVE;
		return *role != NEO4J_UNKNOWN || slice_eq(body, "false");
	case DIALECT_SINGLE:
		if (status == 200 && alone)
			*role = NEO4J_MASTER;
		return status == 200 && alone;
	case DIALECT_ASK:
		break;
	}
	return false;
}

/* Of what is configured only causal has several questions. */
static bool may_ask(enum dialect configured, enum dialect next)
{
	return configured == DIALECT_ASK || next == configured ||
	       (configured == DIALECT_CAUSAL && (next == DIALECT_CORE || next == DIALECT_REPLICA));
}

/* 3.x wants a password for all that it does not know there, too: a refusal is no answer. */
static bool below_manage(enum dialect d)
{
	return d == DIALECT_HA || d == DIALECT_CAUSAL || d == DIALECT_CORE || d == DIALECT_REPLICA;
}

struct dialect_heard dialect_hear(
	enum dialect d, enum dialect configured, bool alone, unsigned status, struct slice body)
{
	struct dialect_heard h = {.role = NEO4J_UNKNOWN, .next = d};

	if (dialect_is_refused(status) && below_manage(d))
		h.next = d == DIALECT_REPLICA ? configured : dialects[d].otherwise;
	else if (role_of(d, alone, status, body, &h.role))
		return h;
	else if (d == DIALECT_ASK && status == 200)
		h.next = by_version(body);
	else
		h.next = dialects[d].otherwise;
	if (!may_ask(configured, h.next))
		h.next = configured;
	return h;
}

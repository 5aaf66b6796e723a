/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "neo4j.h"
#include "util.h"

static const char *const mode_names[] = {
	[NEO4J_HA] = "ha",
	[NEO4J_CAUSAL] = "causal",
	[NEO4J_SINGLE] = "single",
};

const char *neo4j_mode_name(enum neo4j_mode mode)
{
	return mode_names[mode];
}

int neo4j_mode_parse(const char *name, enum neo4j_mode *mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (strcmp(name, mode_names[i]) == 0) {
			*mode = (enum neo4j_mode)i;
			return 0;
		}
	}
	return -1;
}

int neo4j_version_parse(const char *text, unsigned *version)
{
	unsigned major, minor;
	int end = 0;

	if (sscanf(text, "%4u.%2u%n", &major, &minor, &end) != 2 ||
		(text[end] && text[end] != '.' && text[end] != '-'))
		return -1;
	*version = NEO4J_VERSION(major, minor);
	return 0;
}

/* Where two versions part: nothing is more than "-beta03", and less than ".1". */
static int rank(const char *s)
{
	if (!*s)
		return 1;
	return *s == '.' ? 2 : 0;
}

int neo4j_version_compare(const char *a, const char *b)
{
	while (*a || *b) {
		if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
			char *end_a, *end_b;
			unsigned long x = strtoul(a, &end_a, 10), y = strtoul(b, &end_b, 10);
			if (x != y)
				return x < y ? -1 : 1;
			a = end_a;
			b = end_b;
		} else if (*a != *b) {
			return rank(a) != rank(b) ? rank(a) - rank(b) : *a - *b;
		} else {
			a++;
			b++;
		}
	}
	return 0;
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

struct probe {
	enum neo4j_mode mode;
	unsigned from; /* version */
	const char *path;
};

/* Of a mode the last one whose version is not above it. */
static const struct probe probes[] = {
	{NEO4J_HA, 0, NEO4J_HA_AVAILABLE},
	{NEO4J_CAUSAL, NEO4J_VERSION(3, 1), "/db/manage/server/core/writable"},
	{NEO4J_CAUSAL, NEO4J_VERSION(3, 4), "/db/manage/server/causalclustering/writable"},
	{NEO4J_CAUSAL, NEO4J_VERSION(4, 0), "/db/neo4j/cluster/writable"},
	{NEO4J_SINGLE, 0, "/"},
};

const char *neo4j_probe_path(enum neo4j_mode mode, unsigned version)
{
	const char *path = NEO4J_HA_AVAILABLE;

	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		if (probes[i].mode == mode && version >= probes[i].from)
			path = probes[i].path;
	}
	return path;
}

enum neo4j_role neo4j_role_of_probe(enum neo4j_mode mode, unsigned status, struct slice body)
{
	if (mode == NEO4J_HA || status == 0)
		return neo4j_role_of_available(status, body);
	if (status == 200 && (mode == NEO4J_SINGLE || slice_eq(body, "true")))
		return NEO4J_MASTER;
	return status == 404 && slice_eq(body, "false") ? NEO4J_SLAVE : NEO4J_UNKNOWN;
}

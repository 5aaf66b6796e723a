/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "neo4j_lines.h"
#include "util.h"

const struct neo4j_own_key neo4j_own_keys[] = {
	{"ha.host.coordination=", ":5001"},
	{"ha.host.data=", ":6001"},
	{"ha.cluster_server=", ":5001"},
	{"ha.server=", ":6001"},
	{"dbms.connectors.default_advertised_address=", ""},
	{"dbms.default_advertised_address=", ""},
	{"server.default_advertised_address=", ""},
	{0},
};

static bool is_address(const char *line)
{
	for (const struct neo4j_own_key *k = neo4j_own_keys; k->key; k++) {
		if (str_starts(line, k->key))
			return true;
	}
	return str_starts(line, NEO4J_INITIAL_HOSTS) || str_starts(line, NEO4J_ALLOW_INIT);
}

static bool next_line(const char **text, const char **line, size_t *n)
{
	while (**text) {
		*line = *text;
		*n = strcspn(*text, "\n");
		*text += *n + ((*text)[*n] != '\0');
		if (!is_address(*line))
			return true;
	}
	return false;
}

bool neo4j_lines_differ(const char *a, const char *b)
{
	const char *x, *y;
	size_t n, m;

	for (;;) {
		bool more = next_line(&a, &x, &n);
		if (more != next_line(&b, &y, &m))
			return true;
		if (!more)
			return false;
		if (n != m || memcmp(x, y, n) != 0)
			return true;
	}
}

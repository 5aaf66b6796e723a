/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "neo4j.h"
#include "neo4j_upgrade.h"
#include "util.h"

#define V(major, minor) NEO4J_VERSION(major, minor)
#define LATEST V(9999, 0)

/* The names as GraphDatabaseSettings of 3.1, 3.2, 3.4, 3.5 and 4.4 have them. */
struct way {
	unsigned from, to; /* of the Neo4j that upgrades */
	unsigned least;    /* the oldest store it reads */
	const char *allow; /* NULL: it need not be told */
	const char *listen;
};

static const struct way ways[] = {
	{V(3, 1), V(3, 3), V(2, 3), "dbms.allow_format_migration",
		"dbms.connectors.default_listen_address"},
	{V(3, 4), V(3, 5), V(2, 3), "dbms.allow_upgrade", "dbms.connectors.default_listen_address"},
	{V(4, 0), V(4, 4), V(4, 0), "dbms.allow_upgrade", "dbms.default_listen_address"},
	{V(5, 0), LATEST, V(5, 0), NULL, NULL},
};

static const struct way *find_way(unsigned to)
{
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		if (to >= ways[i].from && to <= ways[i].to)
			return &ways[i];
	}
	return NULL;
}

static unsigned number(const char *text)
{
	unsigned n;

	return text && neo4j_version_parse(text, &n) == 0 ? n : 0;
}

int neo4j_upgrade_find(
	const char *from, const char *to, const char *profile, bool *alone, struct err *e)
{
	unsigned old = number(from), new = number(to);
	const struct way *way = find_way(new);
	bool causal = profile && str_ends(profile, "-causal");
	bool ha = profile && str_ends(profile, "-ha");
	bool other = old && strcmp(from, to) != 0;

	*alone = false;
	if (ha && other && !way && old == new)
		return err_code(e, EXIT_INPUT,
			"Neo4j %s and %s: members of both were never seen together, and nothing "
			"upgrades the stores of 2.x to 2.x: make a backup, flash all nodes with "
			"one of them and without --keep-data, and restore it",
			from, to);
	if (old && old == new && (!way || causal))
		return 0; /* a patch release reads the same store */
	if (!way || (old && old < way->least))
		return err_code(e, EXIT_INPUT,
			"Neo4j %s opens no store of Neo4j %s; take its data there with a dump, or "
			"with "
			"the tool of the newer one",
			to, from ? from : "2.x");
	if (causal && way->allow)
		return err_code(e, EXIT_INPUT,
			"Neo4j %s: the members of a causal cluster cannot upgrade their stores "
			"each by "
			"itself; take the data there with a backup of one of them",
			to);
	*alone = way->allow;
	return 0;
}

int neo4j_upgrade_live(const char *from, const char *to, const char *profile, struct err *e)
{
	bool alone;

	if (neo4j_upgrade_find(from, to, profile, &alone, e) < 0)
		return -1;
	if (alone)
		return 0;
	return err_code(e, EXIT_INPUT,
		"Neo4j %s takes over a store of %s by itself: flash the card with --keep-data and "
		"--allow-store-upgrade",
		to, from);
}

static bool sets(const char *line, const char *key)
{
	size_t n = strlen(key);

	return strncmp(line, key, n) == 0 && line[n] == '=';
}

void neo4j_upgrade_render(const char *to, const char *conf, struct buf *out)
{
	const struct way *way = find_way(number(to));
	const char *const keys[] = {"dbms.mode", way->listen, way->allow};
	const char *const values[] = {"SINGLE", "127.0.0.1", "true"};

	for (const char *line = conf, *end; *line; line = end) {
		bool ours = false;
		end = strchrnul(line, '\n');
		end += *end == '\n';
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			ours = ours || sets(line, keys[i]);
		if (!ours)
			buf_add(out, line, (size_t)(end - line));
	}
	buf_puts(out, "\n# Once and alone, to upgrade the store.\n");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		buf_printf(out, "%s=%s\n", keys[i], values[i]);
}

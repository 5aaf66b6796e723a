/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "neo4j.h"
#include "neo4j_upgrade.h"
#include "tap.h"

struct move {
	const char *from, *to, *profile;
	const char *refused; /* NULL: it works, */
	bool alone;          /* and by a run alone */
};

static const struct move moves[] = {
	{"2.3.1", "3.5.0-beta03", "3.x-ha", NULL, true},
	{"3.4.10", "3.5.0-beta03", "3.x-ha", NULL, true},
	{"3.5.0-beta03", "3.5.9", "3.x-ha", NULL, true},
	{"3.1.4", "3.2.7", "3.x-single", NULL, true},
	{NULL, "3.5.9", "3.x-ha", NULL, true},
	{"2.2.10", "3.5.9", "3.x-ha", "opens no store of Neo4j 2.2.10", false},
	{"2.3.1", "2.3.12", "2.x-ha", "never seen together", false},
	{"2.2.5", "2.2.10", "2.x-ha", "make a backup", false},
	{"2.3.1", "2.3.1", "2.x-ha", NULL, false},
	{"2.3.1", "2.3.12", "2.x-single", NULL, false},
	{"2.3.1", "2.3.12", NULL, NULL, false}, /* all begin with a backup's store */
	{"2.2.10", "2.3.1", "2.x-ha", "opens no store", false},
	{"3.5.1", "3.5.9", "3.x-causal", NULL, false},
	{"3.4.10", "3.5.9", "3.x-causal", "members of a causal cluster", false},
	{"3.5.9", "4.4.48", "4.x-single", "opens no store of Neo4j 3.5.9", false},
	{"4.2.0", "4.4.48", "4.x-single", NULL, true},
	{"4.4.48", "5.26.30", "5.x-single", "opens no store of Neo4j 4.4.48", false},
	{"5.1.0", "5.26.30", "5.x-single", NULL, false},
	{"5.26.30", "2026.08.1", "2025-causal", NULL, false},
};

static void test_moves(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
		const struct move *m = &moves[i];
		bool alone = !m->alone;
		struct err e = {0};
		int rc = neo4j_upgrade_find(m->from, m->to, m->profile, &alone, &e);
		if (m->refused)
			ok(rc < 0 && e.code == EXIT_INPUT && strstr(e.msg, m->refused), "%s",
				e.msg);
		else
			ok(rc == 0 && alone == m->alone, "%s to %s (%s): %s",
				m->from ? m->from : "?", m->to, m->profile ? m->profile : "any",
				m->alone ? "alone" : "by itself");
	}
}

/* What only a card that is flashed can have, before a backup is made for it. */
static void test_live(void)
{
	struct err e = {0};

	is_int(neo4j_upgrade_live("2.3.1", "3.5.9", "3.x-ha", &e), 0, "live: alone, of a copy");
	ok(neo4j_upgrade_live("2.3.1", "2.3.12", "2.x-ha", &e) < 0 && e.code == EXIT_INPUT &&
			strstr(e.msg, "2.x to 2.x"),
		"live: %s", e.msg);
	ok(neo4j_upgrade_live("2.3.1", "2.3.12", "2.x-single", &e) < 0 && e.code == EXIT_INPUT &&
			strstr(e.msg, "flash the card with --keep-data"),
		"live: %s", e.msg);
	is_int(neo4j_upgrade_live("5.1.0", "5.26.30", "5.x-single", &e), -1, "live: %s", e.msg);
	is_int(neo4j_upgrade_live("5.1.0", "5.26.30", "5.x-causal", &e), -1, "live: %s", e.msg);
}

static const char *const before =
	"# c\ndbms.mode=HA\nha.server_id=1\ndbms.allow_upgrade=false\ndbms.mode.x=1\n"
	"dbms.connectors.default_listen_address=0.0.0.0\nlast=1";

static void test_render(void)
{
	_cleanup_buf_ struct buf new = {0}, old = {0};

	neo4j_upgrade_render("3.5.9", before, &new);
	is_str(buf_str(&new),
		"# c\nha.server_id=1\ndbms.mode.x=1\nlast=1\n"
		"# Once and alone, to upgrade the store.\n"
		"dbms.mode=SINGLE\ndbms.connectors.default_listen_address=127.0.0.1\n"
		"dbms.allow_upgrade=true\n",
		"3.5: alone, unheard, allowed; all else stays");
	neo4j_upgrade_render("3.2.7", "", &old);
	ok(strstr(buf_str(&old), "dbms.allow_format_migration=true\n") != NULL,
		"3.2 has another name for it");
}

static void test_versions(void)
{
	static const char *const ascending[] = {"1.9", "2.3.1", "3.5.0-alpha1", "3.5.0-beta2",
		"3.5.0-beta03", "3.5.0", "3.5.9", "3.5.10", "4.0.0", "5.26.0", "2025.01.0"};

	for (size_t i = 0; i + 1 < ARRAY_SIZE(ascending); i++) {
		const char *a = ascending[i], *b = ascending[i + 1];
		ok(neo4j_version_compare(a, b) < 0 && neo4j_version_compare(b, a) > 0,
			"%s before %s", a, b);
	}
	is_int(neo4j_version_compare("3.5.0-beta03", "3.5.0-beta03"), 0, "the same");
	is_int(neo4j_version_compare("", ""), 0, "nothing");
}

int main(void)
{
	test_versions();
	test_moves();
	test_live();
	test_render();
	return done();
}

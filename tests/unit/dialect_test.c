// use: proxy/members/dialect.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "proxy/members/dialect.h"
#include "tap.h"
#include "util.h"

static struct dialect_heard hear(
	enum dialect d, enum dialect configured, unsigned status, const char *body)
{
	return dialect_hear(d, configured, false, status, (struct slice){body, strlen(body)});
}

static void test_answers(void)
{
	static const struct {
		enum dialect d;
		unsigned status;
		const char *body;
		enum neo4j_role role;
		enum dialect next;
	} cases[] = {
		/* GET / of 2.x/3.x, 4.x, 5.x, 2025.x, and of what is no Neo4j */
		{DIALECT_ASK, 200, "{\"data\":\"http://h/db/data/\"}", NEO4J_UNKNOWN, DIALECT_HA},
		{DIALECT_ASK, 200, "{\"neo4j_version\":\"4.4.26\"}", NEO4J_UNKNOWN, DIALECT_NEO4J4},
		{DIALECT_ASK, 200, "{\"neo4j_version\":\"5.26.0\"}", NEO4J_UNKNOWN, DIALECT_NEO4J5},
		{DIALECT_ASK, 200, "{\"neo4j_version\":\"2025.06.0\"}", NEO4J_UNKNOWN,
			DIALECT_NEO4J5},
		{DIALECT_ASK, 303, "", NEO4J_UNKNOWN, DIALECT_HA},
		{DIALECT_ASK, 200, "{{{", NEO4J_UNKNOWN, DIALECT_HA},
		{DIALECT_ASK, 503, "", NEO4J_UNKNOWN, DIALECT_ASK},
		{DIALECT_HA, 200, "master", NEO4J_MASTER, DIALECT_HA},
		{DIALECT_HA, 200, "slave", NEO4J_SLAVE, DIALECT_HA},
		{DIALECT_HA, 404, "UNKNOWN", NEO4J_UNKNOWN, DIALECT_HA},
		{DIALECT_HA, 401, "", NEO4J_UNKNOWN, DIALECT_CAUSAL},
		{DIALECT_CAUSAL, 401, "", NEO4J_UNKNOWN, DIALECT_CORE},
		{DIALECT_CORE, 401, "", NEO4J_UNKNOWN, DIALECT_REPLICA},
		{DIALECT_REPLICA, 401, "", NEO4J_UNKNOWN, DIALECT_ASK},
		{DIALECT_NEO4J5, 401, "", NEO4J_UNKNOWN, DIALECT_NEO4J5},
		{DIALECT_REPLICA, 429, "", NEO4J_UNKNOWN, DIALECT_ASK}, /* too many wrong ones */
		{DIALECT_SINGLE, 429, "", NEO4J_UNKNOWN, DIALECT_SINGLE},
		{DIALECT_HA, 403, "", NEO4J_UNKNOWN, DIALECT_CAUSAL}, /* not in HA mode */
		{DIALECT_HA, 404, "", NEO4J_UNKNOWN, DIALECT_CAUSAL}, /* Community */
		{DIALECT_CAUSAL, 200, "true", NEO4J_MASTER, DIALECT_CAUSAL},
		{DIALECT_CAUSAL, 404, "false", NEO4J_SLAVE, DIALECT_CAUSAL},
		{DIALECT_CAUSAL, 404, "", NEO4J_UNKNOWN, DIALECT_CORE},
		{DIALECT_CORE, 200, "true", NEO4J_MASTER, DIALECT_CORE},
		{DIALECT_CORE, 403, "", NEO4J_UNKNOWN, DIALECT_REPLICA},
		{DIALECT_REPLICA, 200, "true", NEO4J_SLAVE, DIALECT_REPLICA},
		{DIALECT_REPLICA, 403, "", NEO4J_UNKNOWN, DIALECT_SINGLE},
		{DIALECT_NEO4J5, 200, "true", NEO4J_MASTER, DIALECT_NEO4J5},
		{DIALECT_NEO4J5, 404, "false", NEO4J_SLAVE, DIALECT_NEO4J5},
		{DIALECT_NEO4J4, 404, "{}", NEO4J_UNKNOWN, DIALECT_SINGLE},
		{DIALECT_SINGLE, 200, "{}", NEO4J_UNKNOWN, DIALECT_ASK}, /* one of several */
		{DIALECT_SINGLE, 404, "", NEO4J_UNKNOWN, DIALECT_ASK},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dialect_heard h =
			hear(cases[i].d, DIALECT_ASK, cases[i].status, cases[i].body);
		is_int(h.role, cases[i].role, "case %zu: role", i);
		is_int(h.next, cases[i].next, "case %zu: next", i);
	}
	struct dialect_heard h =
		dialect_hear(DIALECT_SINGLE, DIALECT_ASK, true, 200, (struct slice){"{}", 2});
	is_int(h.role, NEO4J_MASTER, "the only member is its own master");
}

/* What it ends with that is asked n times and always answers so, but "{}" to GET /. */
static struct dialect_heard walk(enum dialect d, bool alone, unsigned status, int n)
{
	struct dialect_heard h = {.next = d};

	for (int i = 0; i < n; i++) {
		bool root = h.next == DIALECT_ASK || h.next == DIALECT_SINGLE;
		h = dialect_hear(h.next, DIALECT_ASK, alone, root ? 200 : status,
			(struct slice){root ? "{}" : "", root ? 2 : 0});
	}
	return h;
}

/* An HA member that had no word for us for a while, wherever that left us. */
static void test_walks(void)
{
	for (int from = DIALECT_HA; from <= DIALECT_REPLICA; from++) {
		bool back = false;
		for (int n = 1; n < 8; n++)
			back |= walk((enum dialect)from, false, 403, n).next == DIALECT_HA;
		ok(back, "from %s it is asked in HA again", dialect_name((enum dialect)from));
		for (int n = 1; n < 8; n++)
			back &= walk((enum dialect)from, true, 401, n).role == NEO4J_UNKNOWN;
		ok(back, "and never single while it refuses");
	}
}

static void test_configured(void)
{
	is_int(hear(DIALECT_HA, DIALECT_HA, 404, "").next, DIALECT_HA, "ha stays ha");
	is_int(hear(DIALECT_HA, DIALECT_HA, 401, "").next, DIALECT_HA, "and waits for a password");
	is_int(hear(DIALECT_CAUSAL, DIALECT_CAUSAL, 404, "").next, DIALECT_CORE,
		"causal may be older");
	is_int(hear(DIALECT_REPLICA, DIALECT_CAUSAL, 403, "").next, DIALECT_CAUSAL,
		"but is no single");
	is_int(hear(DIALECT_NEO4J5, DIALECT_NEO4J5, 404, "").next, DIALECT_NEO4J5, "nor is neo4j5");
	enum dialect d;
	ok(dialect_parse("neo4j4", &d) == 0 && d == DIALECT_NEO4J4, "a name");
	ok(dialect_parse("core", &d) < 0 && dialect_parse("", &d) < 0, "no names");
}

int main(void)
{
	test_answers();
	test_walks();
	test_configured();
	return done();
}

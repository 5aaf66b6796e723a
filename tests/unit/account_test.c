/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Neo4j's users as registers: what a person's change is, that all nodes end with the same whatever
 * they hear in whatever order, and that the agents' own user survives. Neo4j is a model: it writes
 * its file from what it has in mind, and reads it now and then.
 */
// use: node-agent/users/account.c node-agent/users/account_file.c node-agent/users/account_json.c
#include <sodium.h>
#include <string.h>
#include "node-agent/users/account.h"
#include "node-agent/users/account_private.h"
#include "tap.h"

#define CRED "SHA-256,00AA,11BB"
#define ROLES "role admin:neo4j\nrole reader:\n"
#define FIRST_SET "auth neo4j:" CRED ":\n" ROLES

static struct err e;

static struct accounts read_text(const char *text)
{
	struct accounts a = {0};

	if (accounts_read(text, &a, &e) < 0)
		ok(false, "%s: %s", text, e.msg);
	return a;
}

static bool observe(struct accounts *a, const char *text, bool first, unsigned self)
{
	struct accounts files = read_text(text);
	bool changed = accounts_observe(a, &files, first, self);

	accounts_free(&files);
	return changed;
}

static bool differs(const struct accounts *a, const char *text)
{
	struct accounts files = read_text(text);
	bool differ = accounts_differ(a, &files);

	accounts_free(&files);
	return differ;
}

static void is_written(const struct accounts *a, const char *want, const char *name)
{
	_cleanup_buf_ struct buf text = {0};

	ok(accounts_write(a, &text, &e) == 0, "%s", name);
	is_str(buf_str(&text), want, "%s", name);
}

static void test_text(void)
{
	static const char *const bad[] = {"x", "auth neo4j", "auth :" CRED ":", "auth a:b",
		"auth a:b:c:d", "auth a::", "role :a", "role r", "auth a b:c:",
		"auth a:b:\nauth a:c:", "role r:\nrole r:", "auth a:\x01:", "role r:a b"};
	_cleanup_accounts_ struct accounts a =
		read_text("auth zoe:" CRED ":is_suspended\nauth neo4j:" CRED ":\n"
			  "role reader:zoe,nobody\nrole admin:neo4j,zoe\n");

	is_str(accounts_find(&a, ACCOUNT_USER, "zoe")->value.roles, "admin,reader", "in order");
	is_written(&a,
		"auth neo4j:" CRED ":\nauth zoe:" CRED ":is_suspended\n"
		"role admin:neo4j,zoe\nrole reader:zoe\n",
		"who is no user has no role");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct accounts none = {0};
		ok(accounts_read(bad[i], &none, &e) < 0 && !none.of, "refused: case %zu", i);
		ok(!strstr(e.msg, CRED), "and not told: %s", e.msg);
	}
	_cleanup_accounts_ struct accounts others = read_text("auth zoe:" CRED ":\n");
	_cleanup_buf_ struct buf text = {0};
	ok(accounts_write(&others, &text, &e) < 0, "never without the agents' user: %s", e.msg);
}

static void test_observe(void)
{
	_cleanup_accounts_ struct accounts a = {0};

	ok(!observe(&a, "auth neo4j:SHA-256,FFFF,11:\n", true, 2) &&
			!observe(&a, "auth neo4j:SHA-256,FFFF,11:\nrole admin:\n", true, 2),
		"half of what Neo4j writes at its first start is nothing yet");
	ok(observe(&a, FIRST_SET, true, 2), "what a card came with");
	is_int(accounts_find(&a, ACCOUNT_USER, "neo4j")->change, 0, "is no change");
	ok(!observe(&a, FIRST_SET, false, 2), "seen again it is the same");
	ok(observe(&a, FIRST_SET "auth zoe:" CRED ":\n", false, 2), "a user");
	is_int(accounts_find(&a, ACCOUNT_USER, "zoe")->change, 1, "is one");
	ok(!observe(&a, "", false, 2) && !observe(&a, ROLES, false, 2), "no users: no whole set");
	ok(!observe(&a, "auth neo4j:" CRED ":\nauth zoe:" CRED ":\n", false, 2),
		"nor without roles");
	ok(observe(&a, FIRST_SET, false, 2), "removed");
	const struct account *zoe = accounts_find(&a, ACCOUNT_USER, "zoe");
	ok(zoe && !zoe->value.there && zoe->change == 2, "and remembered as that");
	ok(observe(&a, FIRST_SET "auth zoe:" CRED ":\nrole new:zoe\n", false, 2),
		"back, with a role");
	is_str(accounts_find(&a, ACCOUNT_USER, "zoe")->value.roles, "new", "of its own");
	ok(observe(&a, FIRST_SET "auth zoe:" CRED ":\n", false, 2), "the role is removed");
	is_int(accounts_find(&a, ACCOUNT_USER, "zoe")->change, 3, "which is no change of the user");
	ok(!differs(&a, FIRST_SET "auth zoe:" CRED ":\n"), "who has it no more");
}

static void test_own_user(void)
{
	static const char *const bad[] = {"auth zoe:" CRED ":\n" ROLES,
		"auth neo4j:" CRED ":is_suspended\n" ROLES,
		"auth neo4j:" CRED ":password_change_required\n" ROLES,
		"auth neo4j:" CRED ":\nrole admin:\nrole reader:neo4j\n"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_accounts_ struct accounts a = {0};
		_cleanup_buf_ struct buf text = {0};
		observe(&a, FIRST_SET, true, 2);
		observe(&a, bad[i], false, 2);
		is_int(accounts_find(&a, ACCOUNT_USER, "neo4j")->change, 0, "no change: case %zu",
			i);
		ok(differs(&a, bad[i]) && accounts_write(&a, &text, &e) == 0 &&
				strstr(buf_str(&text), "auth neo4j:" CRED ":\n"),
			"it is put back");
	}
	_cleanup_accounts_ struct accounts a = {0};
	observe(&a, FIRST_SET, true, 2);
	ok(observe(&a, "auth neo4j:SHA-256,77,88:\n" ROLES, false, 2),
		"another password is a change");
}

static void test_full(void)
{
	_cleanup_accounts_ struct accounts a = {0}, files = {0};
	char name[16];
	int made = 0;

	for (int i = 0; i < ACCOUNTS_MAX; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		made += accounts_get(&a, ACCOUNT_USER, name) != NULL;
	}
	ok(made == ACCOUNTS_MAX && !accounts_get(&a, ACCOUNT_USER, "one-more"),
		"no more than what is read back");
	ok(accounts_get(&files, ACCOUNT_USER, "u7") && accounts_cover(&a, &files),
		"it has all there is");
	ok(accounts_get(&files, ACCOUNT_USER, "new") && !accounts_cover(&a, &files),
		"but one it had no room for");
}

static void test_merge(void)
{
	_cleanup_accounts_ struct accounts a = {0}, b = {0};
	uint8_t da[ACCOUNTS_DIGEST], db[ACCOUNTS_DIGEST];

	observe(&a, FIRST_SET, true, 1);
	observe(&b, "auth neo4j:SHA-256,77,88:\n" ROLES, true, 2);
	accounts_digest(&a, da);
	accounts_digest(&b, db);
	ok(memcmp(da, db, sizeof(da)) == 0 && !accounts_merge(&a, &b),
		"two cards' first passwords are one");
	observe(&a, FIRST_SET "auth zoe:" CRED ":\n", false, 1);
	accounts_digest(&a, da);
	ok(memcmp(da, db, sizeof(da)) != 0, "a change shows");
	ok(accounts_merge(&b, &a) && !accounts_merge(&b, &a), "and is taken once");
	accounts_digest(&b, db);
	ok(memcmp(da, db, sizeof(da)) == 0, "then there is none");
	ok(!accounts_settled(&b), "until Neo4j has read it");
	ok(!observe(&b, "auth neo4j:SHA-256,77,88:\nauth bob:" CRED ":\n" ROLES, false, 2) ||
			accounts_find(&b, ACCOUNT_USER, "zoe")->value.there,
		"what Neo4j writes without having read it removes nobody");
	ok(accounts_find(&b, ACCOUNT_USER, "bob") != NULL, "but what it adds is new");
	accounts_settle(&b);
	ok(observe(&b, "auth neo4j:SHA-256,77,88:\n" ROLES, false, 2) &&
			!accounts_find(&b, ACCOUNT_USER, "zoe")->value.there,
		"once it has, that is a removal");
}

static void test_json(void)
{
	static const char *const bad[] = {"{}", "[]", "{\"accounts\":[{}]}",
		"{\"accounts\":[{\"kind\":\"user\",\"name\":\"neo4j\",\"change\":1,\"by\":1,"
		"\"value\":null}]}",
		"{\"accounts\":[{\"kind\":\"user\",\"name\":\"neo4j\",\"change\":1,\"by\":1,"
		"\"value\":{\"auth\":\"x:is_suspended\",\"roles\":\"\"}}]}",
		"{\"accounts\":[{\"kind\":\"user\",\"name\":\"a:b\",\"change\":1,\"by\":1,"
		"\"value\":null}]}",
		"{\"accounts\":[{\"kind\":\"user\",\"name\":\"a\",\"change\":0,\"by\":1,\"value\":"
		"null}]}",
		"{\"accounts\":[{\"kind\":\"user\",\"name\":\"a\",\"change\":1,\"by\":128,"
		"\"value\":null}]}",
		"{\"accounts\":[{\"kind\":\"role\",\"name\":\"a\",\"change\":1,\"by\":1,"
		"\"value\":{\"auth\":\"x\",\"roles\":\"\"}}]}"};
	_cleanup_accounts_ struct accounts a = {0}, again = {0}, theirs = {0};

	observe(&a, FIRST_SET, true, 1);
	observe(&theirs, FIRST_SET "auth zoe:" CRED ":\n", true, 2);
	ok(accounts_set_own(&a, "secret", 0) == 0 && accounts_set_own(&a, "next", 1) == 0 &&
			accounts_set_own(&a, "next", 1) == 0,
		"the agents' password");
	is_int(accounts_find(&a, ACCOUNT_OWN, "neo4j")->change, 1, "changed once");
	accounts_merge(&a, &theirs);
	json_t *json = accounts_json(&a, true);
	ok(accounts_parse(json, &again, &e) == 0 && !accounts_settled(&again), "as it was on p3");
	json_t *same = accounts_json(&again, true);
	ok(json_equal(json, same), "all of it");
	json_decref(json);
	json_decref(same);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct accounts none = {0};
		json = json_loads(bad[i], 0, NULL);
		ok(accounts_parse(json, &none, &e) < 0 && !none.of, "refused: %s", bad[i]);
		json_decref(json);
	}
}

/* --- nodes, their Neo4js, and what is done to them */

#define NODES 3
#define USERS 4

struct world {
	struct accounts has[NODES], memory[NODES], file[NODES];
	bool put[NODES]; /* ... and not read yet */
	uint64_t seed;
};

static unsigned roll(struct world *w, unsigned n)
{
	w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->seed >> 33) % n;
}

static void copy(struct accounts *to, const struct accounts *from)
{
	_cleanup_buf_ struct buf text = {0};

	accounts_free(to);
	if (accounts_write(from, &text, &e) < 0)
		ok(false, "%s", e.msg);
	*to = read_text(buf_str(&text));
}

/* Neo4j does what a person says to what it has in mind, and writes that. */
static void person(struct world *w, unsigned i)
{
	_cleanup_buf_ struct buf old = {0}, new = {0};
	char line[80];

	(void)!accounts_write(&w->memory[i], &old, &e);
	snprintf(line, sizeof(line), "auth u%u:", roll(w, USERS));
	const char *at = strstr(buf_str(&old), line);
	size_t n = at ? (size_t)(at - buf_str(&old)) : 0;
	buf_add(&new, buf_str(&old), n);
	if (!at || roll(w, 2))
		buf_printf(&new, "%sC,%u:\n", line, roll(w, 1000000));
	buf_puts(&new, at ? strchr(at, '\n') + 1 : buf_str(&old));
	accounts_free(&w->memory[i]);
	w->memory[i] = read_text(buf_str(&new));
	copy(&w->file[i], &w->memory[i]);
}

static void agent(struct world *w, unsigned i)
{
	accounts_observe(&w->has[i], &w->file[i], false, i + 1);
	if (accounts_differ(&w->has[i], &w->file[i])) {
		copy(&w->file[i], &w->has[i]);
		w->put[i] = true;
	}
}

/* Neo4j reads; long after that the agent looks, and knows that it has. */
static void settle(struct world *w, unsigned i)
{
	copy(&w->memory[i], &w->file[i]);
	w->put[i] = false;
	accounts_observe(&w->has[i], &w->file[i], false, i + 1);
	if (!accounts_differ(&w->has[i], &w->file[i]))
		accounts_settle(&w->has[i]);
}

static void hear(struct world *w, unsigned i, unsigned from)
{
	if (i != from && accounts_settled(&w->has[i]))
		accounts_merge(&w->has[i], &w->has[from]);
}

static void calm_down(struct world *w)
{
	for (int round = 0; round < 8; round++) {
		for (unsigned i = 0; i < NODES; i++) {
			agent(w, i);
			settle(w, i);
			hear(w, i, (i + 1) % NODES);
			hear(w, i, (i + 2) % NODES);
		}
	}
}

static bool all_same(const struct world *w)
{
	uint8_t first[ACCOUNTS_DIGEST], other[ACCOUNTS_DIGEST];

	accounts_digest(&w->has[0], first);
	for (unsigned i = 0; i < NODES; i++) {
		accounts_digest(&w->has[i], other);
		if (memcmp(first, other, sizeof(first)) != 0 ||
			accounts_differ(&w->has[0], &w->memory[i]) ||
			accounts_differ(&w->has[0], &w->file[i]))
			return false;
	}
	return true;
}

/* A change on one node while all is calm reaches all, whoever it is of and whatever was before. */
static bool reaches_all(struct world *w, unsigned i)
{
	_cleanup_accounts_ struct accounts want = {0};

	person(w, i);
	copy(&want, &w->memory[i]);
	calm_down(w);
	return all_same(w) && !accounts_differ(&w->has[0], &want);
}

static bool play(uint64_t seed)
{
	struct world w = {.seed = seed};
	bool good = true;

	for (unsigned i = 0; i < NODES; i++) {
		w.memory[i] = read_text(FIRST_SET);
		w.file[i] = read_text(FIRST_SET);
		accounts_observe(&w.has[i], &w.file[i], true, i + 1);
	}
	for (int round = 0; round < 60; round++) {
		unsigned i = roll(&w, NODES);
		switch (roll(&w, 5)) {
		case 0:
			person(&w, i);
			break;
		case 1:
			settle(&w, i);
			break;
		case 2:
			hear(&w, i, roll(&w, NODES));
			break;
		default:
			agent(&w, i);
		}
	}
	calm_down(&w);
	good = all_same(&w) && reaches_all(&w, roll(&w, NODES)) && reaches_all(&w, roll(&w, NODES));
	for (unsigned i = 0; i < NODES; i++) {
		accounts_free(&w.has[i]);
		accounts_free(&w.memory[i]);
		accounts_free(&w.file[i]);
	}
	return good;
}

static void test_convergence(void)
{
	uint64_t seed = 1;

	while (seed <= 600 && play(seed))
		seed++;
	is_int((long long)seed, 601, "600 stories end with the same users everywhere");
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	test_text();
	test_observe();
	test_own_user();
	test_full();
	test_merge();
	test_json();
	test_convergence();
	return done();
}

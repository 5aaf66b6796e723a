/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cluster's secret on a card, and each step of its change, taken once and again. */
// use: node-agent/secrets.c node-agent/hello.c node-agent/node_state.c node-agent/quorum/wire.c
#include <sys/stat.h>
#include "io.h"
#include "node-agent/secrets.h"
#include "tap.h"

static char root[] = "/tmp/bramble-secrets-test.XXXXXX";
static const uint8_t old[SECRET_SIZE] = {1}, new[SECRET_SIZE] = {2}, other[SECRET_SIZE] = {3};
static struct err e;

static void put(const char *text, mode_t mode)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/cluster.secret", root);

	if (io_write_atomic(path, text, strlen(text), mode, &e) < 0)
		ok(false, "%s", e.msg);
}

#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

/* Neither is the work's fault: the agent's exit code says "configuration". */
static void test_no_file(void)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/cluster.secret", root);
	struct secrets s;
	char large[1000];

	memset(large, 'a', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	put(large, 0600);
	ok(secrets_load(root, &s, &e) < 0 && e.code == EXIT_CONFIG, "too large: %s", e.msg);
	unlink(path);
	ok(secrets_load(root, &s, &e) < 0 && e.code == EXIT_CONFIG, "not there: %s", e.msg);
}

static void test_file(void)
{
	static const struct {
		const char *text;
		size_t n; /* 0: refused */
	} cases[] = {
		{HEX "\n", 1},
		{HEX, 1},
		{HEX "\n" HEX "\n", 2},
		{HEX "\n" HEX, 2},
		{"", 0},
		{"\n", 0},
		{HEX "\n\n\n", 0},
		{HEX "0\n", 0},
		{"xx" HEX, 0},
		{HEX "\n" HEX "\n" HEX "\n", 0},
		{HEX " " HEX "\n", 0},
	};
	struct secrets s;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(cases[i].text, 0600);
		int r = secrets_load(root, &s, &e);
		ok(cases[i].n ? r == 0 && s.n == cases[i].n : r < 0, "file %zu: %zu secrets", i,
			cases[i].n);
	}
	test_no_file();
	put(HEX "\n", 0640);
	is_int(secrets_load(root, &s, &e), -1, "one that others may read is refused");
}

static void test_text(void)
{
	struct secrets s = {.n = 2}, again;
	char text[SECRETS_TEXT];

	memcpy(s.bytes[0], old, SECRET_SIZE);
	memcpy(s.bytes[1], new, SECRET_SIZE);
	secrets_text(&s, text);
	is_int((long)strlen(text), 130, "two lines");
	put(text, 0600);
	ok(secrets_load(root, &again, &e) == 0 && memcmp(&s, &again, sizeof(s)) == 0,
		"come back as they were");
	s.n = 1;
	secrets_text(&s, text);
	is_int((long)strlen(text), 65, "one line");
}

static void test_change(void)
{
	struct secrets s = {.n = 1};

	memcpy(s.bytes[0], old, SECRET_SIZE);
	is_int(secrets_change(&s, SECRETS_USE, new, &e), -1, "an unknown one is not used");
	is_int(secrets_change(&s, SECRETS_ONLY, new, &e), -1, "nor the only one");
	is_int(secrets_change(&s, SECRETS_ACCEPT, old, &e), 0, "the old one is accepted");
	is_int(secrets_change(&s, SECRETS_ACCEPT, new, &e), 1, "now the new one is");
	is_int(secrets_change(&s, SECRETS_ACCEPT, new, &e), 0, "and again");
	is_int(secrets_change(&s, SECRETS_ACCEPT, other, &e), -1, "but not a third");
	ok(s.n == 2 && s.bytes[0][0] == 1, "the old one is used");
	is_int(secrets_change(&s, SECRETS_ONLY, new, &e), -1, "and not forgotten yet");
	is_int(secrets_change(&s, SECRETS_USE, new, &e), 1, "the new one is used");
	is_int(secrets_change(&s, SECRETS_USE, new, &e), 0, "and again");
	ok(s.n == 2 && s.bytes[0][0] == 2 && s.bytes[1][0] == 1, "the old one accepted");
	is_int(secrets_change(&s, SECRETS_ONLY, new, &e), 1, "the old one is forgotten");
	is_int(secrets_change(&s, SECRETS_ONLY, new, &e), 0, "and again");
	ok(s.n == 1 && s.bytes[0][0] == 2 && s.bytes[1][0] == 0, "one is left");
	is_int(secrets_change(&s, SECRETS_USE, old, &e), -1, "the old one does not come back");
}

int main(void)
{
	_cleanup_free_ char *etc = NULL;

	if (sodium_init() < 0 || !mkdtemp(root))
		return 1;
	etc = xasprintf("%s/etc/bramble", root);
	if (io_mkdir_p(etc, 0700, &e) < 0)
		return 1;
	test_file();
	test_text();
	test_change();
	ok(io_remove_tree(root, &e) == 0, "cleaned up");
	return done();
}

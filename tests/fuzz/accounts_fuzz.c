/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as Neo4j's files of users, and as another member's accounts. What must hold: what is
 * accepted is the same when it is written and read again, and none is accepted in which the agents'
 * own user is gone or locked.
 */
// use: node-agent/users/account.c node-agent/users/account_file.c node-agent/users/account_json.c
#include <string.h>
#include "fuzz.h"
#include "node-agent/users/account.h"

static void try_files(const char *text)
{
	_cleanup_accounts_ struct accounts a = {0}, again = {0};
	_cleanup_buf_ struct buf written = {0};
	struct err e;

	if (accounts_read(text, &a, &e) < 0) {
		must(!a.of);
		return;
	}
	if (accounts_write(&a, &written, &e) < 0)
		return;
	must(accounts_read(buf_str(&written), &again, &e) == 0 && !accounts_differ(&a, &again));
}

static void try_json(const char *text, size_t n)
{
	_cleanup_accounts_ struct accounts a = {0}, again = {0};
	json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	struct err e;

	if (accounts_parse(json, &a, &e) == 0) {
		json_t *same = accounts_json(&a, true);
		const struct account *self = accounts_find(&a, ACCOUNT_USER, "neo4j");
		must(accounts_parse(same, &again, &e) == 0 && a.n == again.n);
		must(!self || (self->value.there && strchr(self->value.auth, ':')[1] == '\0'));
		json_decref(same);
		accounts_observe(&again, &a, false, 1);
		accounts_merge(&again, &a);
	}
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);

	try_files(text);
	try_json(text, strlen(text));
	return 0;
}

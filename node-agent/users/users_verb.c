/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this node has, for the other members' agents (users_pull.h). */
#include <sodium.h>
#include <string.h>
#include "../control/verbs.h"
#include "talk.h"
#include "users_pull.h"

struct telling {
	char *text;
	size_t n, sent;
};

static void more(struct call *c)
{
	struct telling *t = c->own;
	size_t n = t->n - t->sent;

	n = n < TALK_DATA_MAX ? n : TALK_DATA_MAX;
	if (!n) {
		call_done(c, NULL);
		return;
	}
	t->sent += n;
	call_data(c, t->text + t->sent - n, n);
}

static void begin(struct call *c, const json_t *request)
{
	const struct verbs *v = c->agent;
	struct telling *t = calloc(1, sizeof(*t));

	(void)request;
	c->own = t;
	if (!t) {
		call_fail(c, CALL_FAILED, "out of memory");
		return;
	}
	if (!v->users->enabled || !v->users->begun) {
		call_fail(c, CALL_REFUSED, "this node keeps no users");
		return;
	}
	json_t *json = accounts_json(&v->users->accounts, false);
	t->text = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	if (!t->text) {
		call_fail(c, CALL_FAILED, "out of memory");
		return;
	}
	t->n = strlen(t->text);
	more(c);
}

static void end(struct call *c)
{
	struct telling *t = c->own;

	if (t && t->text)
		sodium_memzero(t->text, t->n);
	if (t)
		free(t->text);
	free(t);
}

const struct verb users_verb = {
	.name = USERS_VERB, .silent = true, .begin = begin, .more = more, .end = end};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Neo4j's own two files as text: dbms/auth (UserSerialization: NAME:CREDENTIAL:FLAGS, flags with
 * commas between) and dbms/roles (RoleSerialization: NAME:USER,USER) of 2.2 to 3.5.
 */
#include <string.h>
#include "account_private.h"

#define AUTH "auth "
#define ROLE "role "
#define LINE_MAX_SIZE ACCOUNTS_TEXT_MAX /* the role that everybody has */

bool account_name_is_good(const char *name)
{
	size_t n = strlen(name);

	return n && n <= ACCOUNT_NAME_MAX && is_printable(name, n) && !strpbrk(name, " :,\"\\");
}

bool account_auth_is_good(const char *auth)
{
	size_t n = strlen(auth);
	const char *colon = strchr(auth, ':');

	return n <= ACCOUNT_AUTH_MAX && is_printable(auth, n) && !strpbrk(auth, " \"\\") && colon &&
	       colon > auth && !strchr(colon + 1, ':');
}

static int read_user(char *line, struct accounts *files)
{
	char *auth = strchr(line, ':');

	if (!auth)
		return -1;
	*auth++ = '\0';
	if (!account_name_is_good(line) || !account_auth_is_good(auth) ||
		accounts_find(files, ACCOUNT_USER, line))
		return -1;
	struct account *a = accounts_get(files, ACCOUNT_USER, line);
	if (!a)
		return -1;
	a->value.there = true;
	memcpy(a->value.auth, auth, strlen(auth) + 1);
	return 0;
}

/* Whoever has it. One that is no user (yet) is left out, as Neo4j's own check would want. */
static int read_holders(struct accounts *files, const char *role, char *list)
{
	char *save = NULL;

	for (char *name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		if (!account_name_is_good(name))
			return -1;
		if (!accounts_find(files, ACCOUNT_USER, name))
			continue;
		struct account *user = accounts_get(files, ACCOUNT_USER, name);
		if (account_list_add(user->value.roles, role) < 0)
			return -1;
	}
	return 0;
}

static int read_role(char *line, struct accounts *files)
{
	char *list = strchr(line, ':');

	if (!list)
		return -1;
	*list++ = '\0';
	if (!account_name_is_good(line) || accounts_find(files, ACCOUNT_ROLE, line))
		return -1;
	struct account *a = accounts_get(files, ACCOUNT_ROLE, line);
	if (!a)
		return -1;
	a->value.there = true;
	return read_holders(files, line, list);
}

static int read_line(char *line, struct accounts *files)
{
	if (str_starts(line, AUTH))
		return read_user(line + strlen(AUTH), files);
	return str_starts(line, ROLE) ? read_role(line + strlen(ROLE), files) : -1;
}

/* The users come first. What is wrong is not told: it may be half a secret. */
int accounts_read(const char *text, struct accounts *files, struct err *e)
{
	unsigned number = 0;

	while (*text) {
		size_t n = strcspn(text, "\n");
		number++;
		_cleanup_free_ char *line = strndup(text, n);
		if (!line || n > LINE_MAX_SIZE || read_line(line, files) < 0) {
			accounts_free(files);
			return err_set(
				e, "line %u of Neo4j's users makes no sense to this agent", number);
		}
		text += n + (text[n] == '\n');
	}
	return 0;
}

static void put_role(const struct accounts *a, const char *role, struct buf *to)
{
	const char *sep = "";

	buf_printf(to, ROLE "%s:", role);
	for (size_t i = 0; i < a->n; i++) {
		const struct account *u = &a->of[i];
		if (u->kind != ACCOUNT_USER || !u->value.there ||
			!account_list_has(u->value.roles, role))
			continue;
		buf_printf(to, "%s%s", sep, u->name);
		sep = ",";
	}
	buf_puts(to, "\n");
}

int accounts_write(const struct accounts *a, struct buf *to, struct err *e)
{
	const struct account *self = accounts_find(a, ACCOUNT_USER, ACCOUNT_SELF);

	if (!self || !account_self_is_good(&self->value, accounts_have_roles(a)))
		return err_set(e, "there would be no user " ACCOUNT_SELF);
	for (size_t i = 0; i < a->n; i++) {
		if (a->of[i].kind == ACCOUNT_USER && a->of[i].value.there)
			buf_printf(to, AUTH "%s:%s\n", a->of[i].name, a->of[i].value.auth);
	}
	for (size_t i = 0; i < a->n; i++) {
		if (a->of[i].kind == ACCOUNT_ROLE && a->of[i].value.there)
			put_role(a, a->of[i].name, to);
	}
	if (buf_ok(to) && to->len <= ACCOUNTS_TEXT_MAX)
		return 0;
	return err_set(e, "more users than the agents can bring to all nodes");
}

static bool says_the_same(const struct accounts *a, const struct accounts *b)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct account *x = &a->of[i], *y = accounts_find(b, x->kind, x->name);
		struct account_value is = account_effective(a, &x->value), none = {0};
		struct account_value other = y ? account_effective(b, &y->value) : none;
		if (x->kind != ACCOUNT_OWN && !account_value_equal(&is, &other))
			return false;
	}
	return true;
}

bool accounts_differ(const struct accounts *a, const struct accounts *files)
{
	return !says_the_same(a, files) || !says_the_same(files, a);
}

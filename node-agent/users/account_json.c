/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "../identity.h"
#include "../neo4j_watch.h"
#include "account_private.h"

static const char *const kinds[] = {
	[ACCOUNT_USER] = "user",
	[ACCOUNT_ROLE] = "role",
	[ACCOUNT_OWN] = "own",
};

static json_t *value_json(const struct account_value *v)
{
	return v->there ? json_pack("{s:s, s:s}", "auth", v->auth, "roles", v->roles) : json_null();
}

static json_t *account_json(const struct account *a, bool own)
{
	json_t *json = json_pack("{s:s, s:s, s:I, s:i, s:o}", "kind", kinds[a->kind], "name",
		a->name, "change", (json_int_t)a->change, "by", a->by, "value",
		value_json(&a->value));

	if (own && a->waits)
		json_object_set_new(json, "before", value_json(&a->before));
	return json;
}

json_t *accounts_json(const struct accounts *a, bool own)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->n; i++)
		json_array_append_new(list, account_json(&a->of[i], own));
	return json_pack("{s:o}", "accounts", list);
}

/* --- and back */

static int find_kind(const char *name)
{
	for (int i = 0; name && i < ACCOUNT_KINDS; i++) {
		if (strcmp(kinds[i], name) == 0)
			return i;
	}
	return -1;
}

static int get_text(const json_t *json, const char *key, size_t max, char *to)
{
	const char *s = json_string_value(json_object_get(json, key));

	if (!s || strlen(s) > max)
		return -1;
	memcpy(to, s, strlen(s) + 1);
	return 0;
}

static bool list_is_good(const char *list)
{
	char names[ACCOUNT_ROLES_MAX + 1] = "";
	_cleanup_free_ char *copy = strdup(list);
	char *save = NULL;

	for (char *s = copy ? strtok_r(copy, ",", &save) : NULL; s;
		s = strtok_r(NULL, ",", &save)) {
		if (!account_name_is_good(s) || account_list_add(names, s) < 0)
			return false;
	}
	return copy && strcmp(names, list) == 0; /* in order, each once */
}

static bool value_is_good(enum account_kind kind, const struct account_value *v)
{
	size_t n = strlen(v->auth);

	switch (kind) {
	case ACCOUNT_USER:
		return account_auth_is_good(v->auth) && list_is_good(v->roles);
	case ACCOUNT_OWN:
		return n && n <= NEO4J_PASSWORD_MAX && is_printable(v->auth, n) && !v->roles[0];
	case ACCOUNT_ROLE:
	case ACCOUNT_KINDS:
		break;
	}
	return !v->auth[0] && !v->roles[0];
}

static int get_value(const json_t *json, enum account_kind kind, struct account_value *v)
{
	*v = (struct account_value){0};
	if (json_is_null(json))
		return 0;
	v->there = true;
	if (get_text(json, "auth", ACCOUNT_AUTH_MAX, v->auth) < 0 ||
		get_text(json, "roles", ACCOUNT_ROLES_MAX, v->roles) < 0)
		return -1;
	return value_is_good(kind, v) ? 0 : -1;
}

static int get_stamp(const json_t *json, struct account *a)
{
	const json_t *change = json_object_get(json, "change"), *by = json_object_get(json, "by");

	if (!json_is_integer(change) || !json_is_integer(by))
		return -1;
	json_int_t n = json_integer_value(change), id = json_integer_value(by);
	if (n < 0 || n > UINT32_MAX / 2 || id < 0 || id > MEMBERS_MAX || !n != !id)
		return -1;
	a->change = (uint32_t)n;
	a->by = (uint8_t)id;
	return 0;
}

static int get_before(const json_t *json, struct account *a)
{
	const json_t *before = json_object_get(json, "before");

	a->waits = before != NULL;
	return before ? get_value(before, a->kind, &a->before) : 0;
}

/* The agents' own user is always there, and may always ask. */
static bool self_is_good(const struct account *a)
{
	if (a->kind == ACCOUNT_OWN)
		return strcmp(a->name, ACCOUNT_SELF) == 0 && a->value.there;
	return a->kind != ACCOUNT_USER || strcmp(a->name, ACCOUNT_SELF) != 0 ||
	       account_self_is_good(&a->value, false);
}

static int get_account(const json_t *json, struct accounts *a)
{
	const char *name = json_string_value(json_object_get(json, "name"));
	int kind = find_kind(json_string_value(json_object_get(json, "kind")));

	if (kind < 0 || !name || !account_name_is_good(name) ||
		accounts_find(a, (enum account_kind)kind, name))
		return -1;
	struct account *x = accounts_get(a, (enum account_kind)kind, name);
	if (!x || get_stamp(json, x) < 0 ||
		get_value(json_object_get(json, "value"), x->kind, &x->value) < 0 ||
		get_before(json, x) < 0)
		return -1;
	return self_is_good(x) ? 0 : -1;
}

int accounts_parse(const json_t *json, struct accounts *a, struct err *e)
{
	const json_t *list = json_object_get(json, "accounts"), *x;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > ACCOUNTS_MAX)
		return err_set(e, "is no list of users");
	json_array_foreach(list, i, x)
	{
		if (get_account(x, a) < 0) {
			accounts_free(a);
			return err_set(e, "user %zu makes no sense", i + 1);
		}
	}
	return 0;
}

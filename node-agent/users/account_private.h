/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ACCOUNT_PRIVATE_H
#define BRAMBLE_ACCOUNT_PRIVATE_H

#include "account.h"

/* What account.c, account_file.c and account_json.c share. */
#define ACCOUNT_SELF "neo4j" /* by whom the agents ask: NEO4J_USER */
#define ACCOUNT_ADMIN "admin"

/* The one with that name, new and empty if there was none; NULL: no room, or no memory. */
struct account *accounts_get(struct accounts *a, enum account_kind kind, const char *name);

bool account_name_is_good(const char *name);
/* "CREDENTIAL:FLAGS" */
bool account_auth_is_good(const char *auth);
/* May the agents' own user have this? */
bool account_self_is_good(const struct account_value *v, bool roles);

/* Is name one of the names in list, which has commas between? */
bool account_list_has(const char *list, const char *name);
/* Puts name where it belongs; -1: no room. */
MUST_CHECK int account_list_add(char list[ACCOUNT_ROLES_MAX + 1], const char *name);

bool account_value_equal(const struct account_value *a, const struct account_value *b);
/* v without roles that are not there. */
struct account_value account_effective(const struct accounts *a, const struct account_value *v);
bool accounts_have_roles(const struct accounts *a);

#endif

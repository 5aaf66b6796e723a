/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include <string.h>
#include "account_private.h"

void accounts_free(struct accounts *a)
{
	if (a->of)
		sodium_memzero(a->of, a->room * sizeof(*a->of));
	free(a->of);
	*a = (struct accounts){0};
}

/* --- the set */

static int compare(const struct account *a, enum account_kind kind, const char *name)
{
	return a->kind != kind ? (int)a->kind - (int)kind : strcmp(a->name, name);
}

/* Where it is, or belongs. */
static size_t place(const struct accounts *a, enum account_kind kind, const char *name)
{
	size_t i = 0;

	while (i < a->n && compare(&a->of[i], kind, name) < 0)
		i++;
	return i;
}

const struct account *accounts_find(
	const struct accounts *a, enum account_kind kind, const char *name)
{
	size_t i = place(a, kind, name);

	return i < a->n && compare(&a->of[i], kind, name) == 0 ? &a->of[i] : NULL;
}

/* Not by realloc: what is let go is wiped. */
static bool has_room(struct accounts *a)
{
	size_t room = a->room ? 2 * a->room : 16;

	if (a->n >= ACCOUNTS_MAX)
		return false;
	if (a->n < a->room)
		return true;
	struct accounts more = {.of = calloc(room, sizeof(*more.of)), .n = a->n, .room = room};
	if (!more.of)
		return false;
	if (a->n)
		memcpy(more.of, a->of, a->n * sizeof(*a->of));
	accounts_free(a);
	*a = more;
	return true;
}

struct account *accounts_get(struct accounts *a, enum account_kind kind, const char *name)
{
	size_t i = place(a, kind, name);

	if (i < a->n && compare(&a->of[i], kind, name) == 0)
		return &a->of[i];
	if (!has_room(a))
		return NULL;
	memmove(&a->of[i + 1], &a->of[i], (a->n - i) * sizeof(*a->of));
	a->n++;
	a->of[i] = (struct account){.kind = kind};
	memcpy(a->of[i].name, name, strlen(name) + 1);
	return &a->of[i];
}

/* --- lists of names */

/* The next name of *list, of n characters; NULL: that was all. */
static const char *next_name(const char **list, size_t *n)
{
	const char *name = *list;

	*n = strcspn(name, ",");
	*list += *n + (name[*n] == ',');
	return *n ? name : NULL;
}

bool account_list_has(const char *list, const char *name)
{
	const char *at;
	size_t n;

	while ((at = next_name(&list, &n))) {
		if (strlen(name) == n && memcmp(at, name, n) == 0)
			return true;
	}
	return false;
}

int account_list_add(char list[ACCOUNT_ROLES_MAX + 1], const char *name)
{
	size_t len = strlen(list), n = strlen(name), at = 0;

	if (account_list_has(list, name))
		return 0;
	if (len + n + 1 > ACCOUNT_ROLES_MAX)
		return -1;
	/* In order, so that one set is one text. */
	while (at < len) {
		size_t k = strcspn(list + at, ",");
		if (strncmp(list + at, name, k) > 0)
			break;
		at += k + (list[at + k] == ',');
	}
	if (at == len) {
		snprintf(list + len, ACCOUNT_ROLES_MAX + 1 - len, "%s%s", len ? "," : "", name);
		return 0;
	}
	memmove(list + at + n + 1, list + at, len - at + 1);
	memcpy(list + at, name, n);
	list[at + n] = ',';
	return 0;
}

/* --- values */

bool account_value_equal(const struct account_value *a, const struct account_value *b)
{
	if (!a->there || !b->there)
		return a->there == b->there;
	return strcmp(a->auth, b->auth) == 0 && strcmp(a->roles, b->roles) == 0;
}

bool accounts_have_roles(const struct accounts *a)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->of[i].kind == ACCOUNT_ROLE && a->of[i].value.there)
			return true;
	}
	return false;
}

struct account_value account_effective(const struct accounts *a, const struct account_value *v)
{
	struct account_value e = *v;
	const char *list = v->roles, *at;
	size_t n;

	e.roles[0] = '\0';
	while ((at = next_name(&list, &n))) {
		char name[ACCOUNT_ROLES_MAX + 1];
		memcpy(name, at, n);
		name[n] = '\0';
		const struct account *role = accounts_find(a, ACCOUNT_ROLE, name);
		if (role && role->value.there)
			(void)!account_list_add(e.roles, name); /* no longer than it was */
	}
	return e;
}

bool account_self_is_good(const struct account_value *v, bool roles)
{
	size_t n = strlen(v->auth);

	return v->there && n && v->auth[n - 1] == ':' &&
	       (!roles || account_list_has(v->roles, ACCOUNT_ADMIN));
}

static bool is_self(const struct account *a)
{
	return a->kind == ACCOUNT_USER && strcmp(a->name, ACCOUNT_SELF) == 0;
}

/* --- what a person has changed */

static struct account_value value_in(const struct accounts *files, const struct account *a)
{
	const struct account *f = accounts_find(files, a->kind, a->name);

	return f ? f->value : (struct account_value){0};
}

bool accounts_are_first_whole(const struct accounts *files)
{
	for (size_t i = 0; i < files->n; i++) {
		if (files->of[i].kind == ACCOUNT_USER &&
			account_list_has(files->of[i].value.roles, ACCOUNT_ADMIN))
			return true;
	}
	return false;
}

/* Between the two files is no whole set. */
static bool is_whole(const struct accounts *a, const struct accounts *files, bool first)
{
	bool users = files->n && files->of[0].kind == ACCOUNT_USER;

	if (first)
		return accounts_are_first_whole(files);
	return users &&
	       (!accounts_have_roles(a) || accounts_find(files, ACCOUNT_ROLE, ACCOUNT_ADMIN));
}

static bool is_stale(const struct accounts *a, const struct account *own, struct account_value now)
{
	struct account_value before = account_effective(a, &own->before);

	return own->waits && account_value_equal(&now, &before);
}

static bool observe_one(
	struct accounts *a, struct account *own, const struct accounts *files, unsigned self)
{
	struct account_value now = value_in(files, own), is = account_effective(a, &own->value);

	if (own->kind == ACCOUNT_OWN || account_value_equal(&now, &is) || is_stale(a, own, now))
		return false;
	if (is_self(own) && !account_self_is_good(&now, accounts_have_roles(files)))
		return false;
	own->value = now;
	own->waits = false;
	own->change++;
	own->by = (uint8_t)self;
	return true;
}

static bool observe_new(struct accounts *a, const struct account *f, bool first, unsigned self)
{
	if (accounts_find(a, f->kind, f->name))
		return false;
	if (is_self(f) && !f->value.there)
		return false;
	struct account *own = accounts_get(a, f->kind, f->name);
	if (!own)
		return false;
	own->value = f->value;
	own->change = first ? 0 : 1;
	own->by = first ? 0 : (uint8_t)self;
	return true;
}

bool accounts_observe(struct accounts *a, const struct accounts *files, bool first, unsigned self)
{
	bool changed = false;

	if (!is_whole(a, files, first))
		return false;
	/* Roles before users: a user's value is what it has of the roles that are there. */
	for (int kind = ACCOUNT_ROLE; kind >= ACCOUNT_USER; kind--) {
		for (size_t i = 0; i < a->n; i++) {
			if ((int)a->of[i].kind == kind)
				changed |= observe_one(a, &a->of[i], files, self);
		}
		for (size_t i = 0; i < files->n; i++) {
			if ((int)files->of[i].kind == kind)
				changed |= observe_new(a, &files->of[i], first, self);
		}
	}
	return changed;
}

bool accounts_cover(const struct accounts *a, const struct accounts *files)
{
	for (size_t i = 0; i < files->n; i++) {
		const struct account *f = &files->of[i];
		if (!(is_self(f) && !f->value.there) && !accounts_find(a, f->kind, f->name))
			return false;
	}
	return true;
}

int accounts_set_own(struct accounts *a, const char *password, unsigned self)
{
	struct account *own = accounts_get(a, ACCOUNT_OWN, ACCOUNT_SELF);

	if (!own || strlen(password) > ACCOUNT_AUTH_MAX)
		return -1;
	if (own->value.there && strcmp(own->value.auth, password) == 0)
		return 0;
	own->value = (struct account_value){.there = true};
	memcpy(own->value.auth, password, strlen(password) + 1);
	own->change += self != 0;
	own->by = (uint8_t)self;
	return 0;
}

/* --- what others have */

static int order(const struct account_value *a, const struct account_value *b)
{
	int c = strcmp(a->auth, b->auth);

	if (a->there != b->there)
		return a->there ? 1 : -1;
	return c ? c : strcmp(a->roles, b->roles);
}

static bool is_later(const struct account *t, const struct account *own)
{
	if (t->change != own->change)
		return t->change > own->change;
	if (!t->change)
		return false;
	return t->by != own->by ? t->by > own->by : order(&t->value, &own->value) > 0;
}

static bool merge_new(struct accounts *a, const struct account *t)
{
	struct account *own = accounts_get(a, t->kind, t->name);

	if (!own)
		return false;
	*own = *t;
	own->before = (struct account_value){0};
	own->waits = true;
	return true;
}

static bool merge_one(struct accounts *a, const struct account *t)
{
	const struct account *there = accounts_find(a, t->kind, t->name);

	if (!there)
		return merge_new(a, t);
	if (!is_later(t, there))
		return false;
	struct account *own = accounts_get(a, t->kind, t->name);
	if (!account_value_equal(&own->value, &t->value)) {
		own->before = own->waits ? own->before : own->value;
		own->waits = true;
		own->value = t->value;
	}
	own->change = t->change;
	own->by = t->by;
	return true;
}

bool accounts_merge(struct accounts *a, const struct accounts *theirs)
{
	bool changed = false;

	for (size_t i = 0; i < theirs->n; i++)
		changed |= merge_one(a, &theirs->of[i]);
	return changed;
}

void accounts_settle(struct accounts *a)
{
	for (size_t i = 0; i < a->n; i++) {
		a->of[i].waits = false;
		a->of[i].before = (struct account_value){0};
	}
}

bool accounts_settled(const struct accounts *a)
{
	for (size_t i = 0; i < a->n; i++) {
		if (a->of[i].kind != ACCOUNT_OWN && a->of[i].waits)
			return false;
	}
	return true;
}

/* --- the digest */

/* Of what cards came with only that it is there: whose is taken does not matter. */
void accounts_digest(const struct accounts *a, uint8_t digest[ACCOUNTS_DIGEST])
{
	crypto_generichash_state st;
	uint8_t whole[crypto_generichash_BYTES];

	crypto_generichash_init(&st, NULL, 0, sizeof(whole));
	for (size_t i = 0; i < a->n; i++) {
		const struct account *x = &a->of[i];
		const uint8_t head[] = {(uint8_t)x->kind, x->change >> 24 & 0xff,
			x->change >> 16 & 0xff, x->change >> 8 & 0xff, x->change & 0xff, x->by,
			x->value.there};
		crypto_generichash_update(&st, head, sizeof(head));
		crypto_generichash_update(&st, (const uint8_t *)x->name, strlen(x->name) + 1);
		if (!x->change)
			continue;
		crypto_generichash_update(
			&st, (const uint8_t *)x->value.auth, strlen(x->value.auth) + 1);
		crypto_generichash_update(
			&st, (const uint8_t *)x->value.roles, strlen(x->value.roles) + 1);
	}
	crypto_generichash_final(&st, whole, sizeof(whole));
	memcpy(digest, whole, ACCOUNTS_DIGEST);
	sodium_memzero(&st, sizeof(st));
}

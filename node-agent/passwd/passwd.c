/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "passwd.h"
#include <sodium.h>
#include <string.h>
#include "../control/verbs.h"
#include "../neo4j_watch.h"
#include "talk.h"
#include "../secrets.h"
#include "../users/users.h"

#define TIMEOUT_MS 15000
#define BODY_MAX (64u << 10)
#define LOCK_MS 6000                         /* Neo4j's, after three wrong ones: 5 s */
#define OWN "/user/" NEO4J_USER "/password"  /* 2.2 to 3.5 */
#define COMMIT "/db/data/transaction/commit" /* 2.2 to 3.5 */

struct passwd {
	char user[NEO4J_PASSWORD_MAX + 1], new[NEO4J_PASSWORD_MAX + 1];
	struct http_client *http;
	struct helper_client helper;
	bool own;                   /* of the user the agent itself asks by */
	int64_t again_ms, until_ms; /* 0: nothing is waited for */
};

static struct verbs *verbs_of(struct call *c)
{
	return c->agent;
}

static void passwd_end(struct call *c)
{
	struct passwd *p = c->own;

	if (!p)
		return;
	http_client_free(p->http);
	helper_client_cancel(&p->helper);
	sodium_memzero(p, sizeof(*p));
	free(p);
}

/* --- the file, once Neo4j has it */

static void written(void *arg, int code, const char *text)
{
	struct call *c = arg;
	const struct passwd *p = c->own;

	if (code) {
		call_fail(c, CALL_FAILED, "Neo4j has it, the agent has not: bramble-helper: %s",
			text[0] ? text : strerror(code));
		return;
	}
	struct verbs *v = verbs_of(c);
	v->password_changed(v->agent, p->new);
	call_done(c, NULL);
}

static void keep(struct call *c)
{
	struct passwd *p = c->own;
	struct helper_request *r = calloc(1, sizeof(*r));

	if (!p->own || !r) {
		free(r);
		if (p->own)
			call_fail(c, CALL_FAILED, "out of memory");
		else
			call_done(c, NULL);
		return;
	}
	r->verb = HELPER_WRITE;
	r->file.name = HELPER_PASSWORD;
	r->file.size = (uint32_t)snprintf(r->file.bytes, sizeof(r->file.bytes), "%s\n", p->new);
	helper_ask(&p->helper, r, written, c);
	sodium_memzero(r, sizeof(*r));
	free(r);
}

/* --- what Neo4j says */

/* Another node's agent was faster than this call: what it brought Neo4j has yet to read. */
static void wait_for_neo4j(struct call *c)
{
	struct passwd *p = c->own;
	int64_t now_ms = boottime_ms();

	p->until_ms = p->until_ms ? p->until_ms : now_ms + USERS_READ_MS;
	p->again_ms = now_ms + LOCK_MS;
	if (!verbs_of(c)->users->seen || now_ms >= p->until_ms)
		call_fail(c, CALL_FAILED,
			"Neo4j knows neither the password in neo4j.password nor the new one");
}

static void asked_by_new(void *arg, const struct http_result *r)
{
	struct call *c = arg;

	if (r->status == 200)
		keep(c);
	else if (r->status == 401 || r->status == 403)
		wait_for_neo4j(c);
	else
		call_fail(c, CALL_FAILED, "Neo4j: %s (status %u)", r->why, r->status);
}

/* An earlier try may have come so far: then it is the new one that counts. */
static void ask_by_new(struct call *c)
{
	struct passwd *p = c->own;
	char *fields = neo4j_watch_fields(p->new);

	http_client_send(
		p->http, "GET", "/user/" NEO4J_USER, fields, "", TIMEOUT_MS, asked_by_new, c);
	sodium_memzero(fields, strlen(fields));
	free(fields);
}

static void passwd_tick(struct call *c)
{
	struct passwd *p = c->own;

	if (!p->again_ms)
		return;
	call_progress(c, "waits until Neo4j has read its users");
	if (boottime_ms() < p->again_ms)
		return;
	p->again_ms = 0;
	ask_by_new(c);
}

static bool contains(struct slice body, const char *text)
{
	return memmem(body.p, body.n, text, strlen(text)) != NULL;
}

/* "Old password and new password cannot be the same." (3.x; 2.x says "should not be the same") */
static bool is_the_same(const struct http_result *r)
{
	return contains(r->body, "be the same");
}

static void own_changed(void *arg, const struct http_result *r)
{
	struct call *c = arg;

	if (r->status == 200 || r->status == 204 || (r->status == 422 && is_the_same(r)))
		keep(c);
	else if (r->status == 401 || r->status == 403)
		ask_by_new(c);
	else
		call_fail(c, CALL_FAILED, "Neo4j: %s (status %u)",
			r->why[0] ? r->why : "refuses that password", r->status);
}

/* The message of the first error; NULL: there is none. The caller frees *json. */
static const char *first_error(struct slice body, json_t **json)
{
	*json = json_loadb(body.p, body.n, 0, NULL);
	const json_t *errors = json_object_get(*json, "errors");
	const json_t *first = json_array_get(errors, 0);

	if (!json_is_array(errors))
		return "its answer makes no sense";
	return first ? json_string_value(json_object_get(first, "message")) : NULL;
}

static void other_changed(void *arg, const struct http_result *r)
{
	struct call *c = arg;
	_cleanup_json_ json_t *json = NULL;
	const char *why = r->status == 200 ? first_error(r->body, &json) : r->why;

	if (r->status == 200 && (!why || is_the_same(r)))
		keep(c);
	else if (r->status == 401 || r->status == 403)
		call_fail(c, CALL_FAILED, "Neo4j refuses the password in neo4j.password");
	else
		call_fail(c, CALL_FAILED, "Neo4j: %s", why && why[0] ? why : "no answer");
}

/* --- the request */

static json_t *body_of(const struct passwd *p)
{
	if (p->own)
		return json_pack("{s:s}", "password", p->new);
	return json_pack("{s:[{s:s, s:{s:s, s:s}}]}", "statements", "statement",
		"CALL dbms.security.changeUserPassword({user}, {new}, false)", "parameters", "user",
		p->user, "new", p->new);
}

static void ask(struct call *c, const char *password)
{
	struct passwd *p = c->own;
	json_t *json = body_of(p);
	char *body = json_dumps(json, 0), *fields = neo4j_watch_fields(password);

	if (body)
		http_client_send(p->http, "POST", p->own ? OWN : COMMIT, fields, body, TIMEOUT_MS,
			p->own ? own_changed : other_changed, c);
	else
		call_fail(c, CALL_FAILED, "out of memory");
	if (body)
		sodium_memzero(body, strlen(body));
	sodium_memzero(fields, strlen(fields));
	free(body);
	free(fields);
	json_decref(json);
}

/* 1 to NEO4J_PASSWORD_MAX printable characters. */
static int get_text(const json_t *request, const char *key, char to[NEO4J_PASSWORD_MAX + 1])
{
	const char *s = json_string_value(json_object_get(request, key));

	if (!s || !*s || strlen(s) > NEO4J_PASSWORD_MAX || !is_printable(s, strlen(s)))
		return -1;
	memcpy(to, s, strlen(s) + 1);
	return 0;
}

static const char *cannot(const struct verbs *v, const struct passwd *p, const struct buf *now)
{
	unsigned version = 0;

	if (!(identity_self(v->id)->roles & ROLE_DATA))
		return "this node runs no Neo4j that has users";
	if (!now->len)
		return "this cluster's Neo4j wants no password (neo4j_auth)";
	if (neo4j_version_parse(v->id->neo4j, &version) < 0 || version >= NEO4J_VERSION(4, 0))
		return "Neo4j 4.0 and later keep users in a database of their own: ALTER USER";
	if (!p->own && version < NEO4J_VERSION(3, 1))
		return "Neo4j before 3.1 has no user but neo4j";
	return v->self.state == NODE_SERVING ? NULL : "this node's Neo4j does not serve";
}

static void passwd_begin(struct call *c, const json_t *request)
{
	const struct verbs *v = verbs_of(c);
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(NEO4J_PORT), .sin_addr = v->neo4j_at};
	_cleanup_secret_ struct buf now = {0};
	struct passwd *p = calloc(1, sizeof(*p));
	struct err e;

	c->own = p;
	if (!p) {
		call_fail(c, CALL_FAILED, "out of memory");
		return;
	}
	helper_client_init(&p->helper, v->loop, v->helper);
	if (get_text(request, "user", p->user) < 0 || get_text(request, "password", p->new) < 0) {
		call_fail(c, CALL_BAD_REQUEST,
			"a user and a password have 1 to %d printable ASCII characters",
			NEO4J_PASSWORD_MAX);
		return;
	}
	p->own = strcmp(p->user, NEO4J_USER) == 0;
	if (password_load(v->root, &now, &e) < 0) {
		call_fail(c, CALL_FAILED, "%s", e.msg);
		return;
	}
	const char *why = cannot(v, p, &now);
	if (!why) {
		p->http = http_client_new(v->loop, &to, BODY_MAX);
		why = p->http ? NULL : "out of memory";
	}
	if (why)
		call_fail(c, CALL_REFUSED, "%s", why);
	else
		ask(c, now.data);
}

const struct verb passwd_verb = {
	.name = "passwd", .begin = passwd_begin, .tick = passwd_tick, .end = passwd_end};

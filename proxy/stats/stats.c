/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include <string.h>
#include "handover/handover.h"
#include "handover/inherit.h"
#include "members/member.h"
#include "stats/page.h"
#include "stats/stats.h"

#define STATS_CONNS 16

static void put_health(struct proxy *p, struct http_answer *a)
{
	struct member *master = members_master(p);

	a->status = master ? 200 : 503;
	buf_printf(&a->body, "%s\n", master ? "ok" : members_why_no_master(p));
}

#define TEXT(type) "text/" type "; charset=utf-8"

static const struct {
	const char *target, *type;
	void (*put)(struct proxy *p, struct buf *out);
} pages[] = {
	{"/", TEXT("html"), stats_page},
	{"/page.css", TEXT("css"), stats_page_css},
	{"/page.js", TEXT("javascript"), stats_page_js},
	{"/stats", TEXT("html"), stats_table},
	{"/;csv", TEXT("plain"), stats_csv},
	{"/stats;csv", TEXT("plain"), stats_csv},
	{"/json", "application/json", stats_json},
	{"/metrics", "text/plain; version=0.0.4; charset=utf-8", stats_metrics},
};

/*
 * The pages need nothing from elsewhere and are nobody else's part. With the policy no-referrer a
 * browser would say "Origin: null" of the page's own forms.
 */
static const char page_fields[] =
	"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: "
	"same-origin\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n"
	"Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; "
	"connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
	"frame-ancestors 'none'\r\n";

static void put_page(struct proxy *p, const struct http_head *h, struct http_answer *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (!slice_eq(h->target, pages[i].target))
			continue;
		a->content_type = pages[i].type;
		pages[i].put(p, &a->body);
		return;
	}
	a->status = 404;
	buf_puts(&a->body, "here are /, /stats, /;csv, /json, /metrics and /health\n");
}

/* --- orders from the page's forms: POST /admin?member=NAME&do=WHAT&token=TOKEN, no body */

/* The value of key in a query of ours, which never needs escapes; "" when it is not there. */
static void query_value(struct slice target, const char *key, char *to, size_t size)
{
	const char *p = memchr(target.p, '?', target.n), *end = target.p + target.n;
	size_t k = strlen(key);

	to[0] = '\0';
	while (p && ++p < end) {
		const char *next = memchr(p, '&', (size_t)(end - p));
		size_t n = (size_t)((next ? next : end) - p);
		if (n > k && memcmp(p, key, k) == 0 && p[k] == '=' && n - k - 1 < size) {
			memcpy(to, p + k + 1, n - k - 1);
			to[n - k - 1] = '\0';
		}
		p = next;
	}
}

/* A browser says where a form came from; who does not is no browser, and has the token or not. */
static bool same_origin(const struct http_head *h)
{
	const struct http_field *origin = http_find(h, FIELD_ORIGIN),
				*host = http_find(h, FIELD_HOST);
	const struct http_field *site = http_find(h, FIELD_SEC_FETCH_SITE);
	const char *slashes = origin ? memmem(origin->value.p, origin->value.n, "://", 3) : NULL;

	if (site && !slice_eq(site->value, "same-origin"))
		return false;
	if (!origin)
		return true;
	if (!slashes || !host)
		return false;
	size_t skip = (size_t)(slashes + 3 - origin->value.p);
	return origin->value.n - skip == host->value.n &&
	       memcmp(slashes + 3, host->value.p, host->value.n) == 0;
}

static bool token_ok(const struct proxy *p, struct slice target)
{
	char token[sizeof(p->csrf_token)];

	query_value(target, "token", token, sizeof(token));
	return strlen(token) == sizeof(token) - 1 &&
	       sodium_memcmp(token, p->csrf_token, sizeof(token)) == 0;
}

static bool obey(struct member *m, const char *what)
{
	enum member_admin admin;

	if (member_admin_parse(what, &admin) == 0)
		member_set_admin(m, admin, "the stats page");
	else if (strcmp(what, "more") == 0 && m->weight < WEIGHT_MAX)
		member_set_weight(m, m->weight + 1, "the stats page");
	else if (strcmp(what, "less") == 0 && m->weight > 0)
		member_set_weight(m, m->weight - 1, "the stats page");
	else
		return false;
	return true;
}

static void take_order(struct proxy *p, const struct http_head *h, struct http_answer *a)
{
	char name[256], what[16];

	query_value(h->target, "member", name, sizeof(name));
	query_value(h->target, "do", what, sizeof(what));
	struct member *m = members_find(p, name);
	if (!same_origin(h) || !token_ok(p, h->target)) {
		a->status = 403;
		buf_puts(&a->body,
			"this order did not come from a page of this proxy as it is now; "
			"load the page again\n");
	} else if (handover_loses_orders(p)) {
		a->status = 503;
		buf_puts(&a->fields, "Retry-After: 5\r\n");
		buf_puts(&a->body, "a reload is under way; try again\n");
	} else if (!m || !obey(m, what)) {
		a->status = 400;
		buf_puts(&a->body, "no such member or order\n");
	} else {
		a->status = 303;
		buf_puts(&a->fields, "Location: /#members\r\n");
	}
}

static void on_request(void *arg, const struct http_head *h, struct http_answer *a)
{
	static const char admin[] = "/admin?";
	struct proxy *p = arg;
	bool post = slice_eq(h->method, "POST");

	if (!post && slice_eq(h->target, "/health")) {
		put_health(p, a);
		return;
	}
	buf_puts(&a->fields, page_fields);
	if (!http_basic_auth_ok(h, p->conf->stats_user, p->stats_password)) {
		a->status = 401;
		buf_printf(&a->fields,
			"WWW-Authenticate: Basic realm=\"%s\", charset=\"UTF-8\"\r\n",
			p->conf->stats_realm);
		buf_puts(&a->body, "user and password, please\n");
	} else if (!post) {
		put_page(p, h, a);
	} else if (h->target.n > sizeof(admin) &&
		   memcmp(h->target.p, admin, sizeof(admin) - 1) == 0) {
		take_order(p, h, a);
	} else {
		a->status = 405;
		buf_puts(&a->fields, "Allow: GET, HEAD, OPTIONS\r\n");
	}
}

static void step_over(struct loop_timer *t)
{
	struct proxy *p = container_of(t, struct proxy, history_timer);

	history_turn(&p->history);
	(void)loop_timer_set(p->loop, t, HISTORY_STEP_MS);
}

static int listen_on(struct proxy *p, struct err *e)
{
	int fd = inherit_listen(p->conf->stats_listen, e);

	p->stats = fd < 0 ? NULL : http_server_on(p->loop, fd, STATS_CONNS, on_request, p, e);
	if (!p->stats)
		return err_prefix(e, "stats");
	http_server_allow_post(p->stats);
	http_server_accept(p->stats, false); /* as the other doors: stats_accept */
	return 0;
}

void stats_accept(struct proxy *p)
{
	if (p->stats)
		http_server_accept(p->stats, true);
}

int stats_start(struct proxy *p, struct err *e)
{
	unsigned char token[16];

	loop_timer_init(&p->history_timer, step_over);
	(void)loop_timer_set(p->loop, &p->history_timer, HISTORY_STEP_MS);
	if (!p->conf->stats_listen)
		return 0;
	if (sodium_init() < 0)
		return err_set(e, "stats: libsodium does not start");
	randombytes_buf(token, sizeof(token));
	sodium_bin2hex(p->csrf_token, sizeof(p->csrf_token), token, sizeof(token));
	p->stats_password = proxy_conf_secret(p->conf->stats_password_file, e);
	if (!p->stats_password)
		return err_prefix(e, "stats");
	return listen_on(p, e);
}

void stats_stop(struct proxy *p)
{
	loop_timer_del(&p->history_timer);
	http_server_free(p->stats);
	p->stats = NULL;
	if (p->stats_password)
		sodium_memzero(p->stats_password, strlen(p->stats_password));
	free(p->stats_password);
	p->stats_password = NULL;
}

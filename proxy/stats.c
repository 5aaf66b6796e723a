/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include <string.h>
#include "members/member.h"
#include "stats.h"

#define STATS_CONNS 16

static const char *status_of(const struct member *m)
{
	if (m->role == NEO4J_DOWN)
		return m->last_probe_ms ? "DOWN" : "no check";
	if (m->fails)
		return "silent";
	return member_usable(m) ? "UP" : "NOLB";
}

static struct stats_row frontend_row(const struct proxy *p)
{
	return (struct stats_row){
		.pool = "http",
		.name = "FRONTEND",
		.type = 0,
		.role = "",
		.status = p->draining ? "STOP" : "OPEN",
		.up = !p->draining,
		.current = p->clients.len,
		.current_max = p->clients_max,
		.limit = p->conf->maxconn,
		.total = p->total,
		.bytes_in = p->bytes_in,
		.bytes_out = p->bytes_out,
		.refused = p->refused,
		.bad_requests = p->bad_requests,
		.since_ms = boottime_ms() - p->started_ms,
	};
}

static struct stats_row member_row(const struct member *m)
{
	bool master = election_master(&m->proxy->election) == m->index;

	return (struct stats_row){
		.pool = "neo4j",
		.name = m->conf->name,
		.type = 2,
		.member = m,
		.role = master                    ? "master"
			: m->role == NEO4J_MASTER ? "claims master"
						  : neo4j_role_name(m->role),
		.status = status_of(m),
		.up = member_usable(m),
		.current = m->busy.len,
		.current_max = m->busy_max,
		.limit = m->proxy->conf->member_maxconn,
		.total = m->total,
		.bytes_in = m->bytes_in,
		.bytes_out = m->bytes_out,
		.errors = m->errors,
		.retries = m->retries,
		.failed_checks = m->failed_probes,
		.deaths = m->deaths,
		.since_ms = boottime_ms() - m->role_since_ms,
	};
}

static void add_member(struct stats_row *sum, const struct stats_row *r)
{
	sum->up |= r->up;
	sum->current += r->current;
	sum->limit += r->limit;
	sum->total += r->total;
	sum->bytes_in += r->bytes_in;
	sum->bytes_out += r->bytes_out;
	sum->errors += r->errors;
	sum->retries += r->retries;
	sum->deaths += r->deaths;
}

static struct stats_row backend_row(const struct proxy *p)
{
	int64_t since = p->no_master_since_ms ? p->no_master_since_ms : p->started_ms;

	return (struct stats_row){
		.pool = "neo4j",
		.name = "BACKEND",
		.type = 1,
		.role = "",
		.queue = p->queue.writes.len + p->queue.reads.len,
		.queue_max = p->queue.len_max,
		.refused = p->refused,
		.since_ms = boottime_ms() - since,
	};
}

size_t stats_rows(struct proxy *p, struct stats_row rows[static STATS_ROWS_MAX])
{
	struct stats_row sum = backend_row(p);
	size_t n = 0;

	rows[n++] = frontend_row(p);
	for (size_t i = 0; i < p->nmembers; i++) {
		rows[n] = member_row(&p->members[i]);
		add_member(&sum, &rows[n++]);
	}
	sum.status = sum.up ? "UP" : "DOWN";
	rows[n++] = sum;
	return n;
}

static void put_health(struct proxy *p, struct http_answer *a)
{
	struct member *master = members_master(p);

	a->status = master ? 200 : 503;
	buf_printf(&a->body, "%s\n", master ? "ok" : election_why_none(&p->election));
}

static const struct {
	const char *target, *type;
	void (*put)(struct proxy *p, struct buf *out);
} pages[] = {
	{"/", "text/html; charset=utf-8", stats_html},
	{"/;csv", "text/plain; charset=utf-8", stats_csv},
	{"/stats;csv", "text/plain; charset=utf-8", stats_csv},
	{"/json", "application/json", stats_json},
};

static void put_page(struct proxy *p, const struct http_head *h, struct http_answer *a)
{
	buf_puts(&a->fields, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
			     "Content-Security-Policy: default-src 'none'; "
			     "style-src 'unsafe-inline'; frame-ancestors 'none'\r\n");
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		if (!slice_eq(h->target, pages[i].target))
			continue;
		a->content_type = pages[i].type;
		pages[i].put(p, &a->body);
		return;
	}
	a->status = 404;
	buf_puts(&a->body, "here are /, /;csv, /json and /health\n");
}

static void on_request(void *arg, const struct http_head *h, struct http_answer *a)
{
	struct proxy *p = arg;

	if (slice_eq(h->target, "/health")) {
		put_health(p, a);
	} else if (http_basic_auth_ok(h, p->conf->stats_user, p->stats_password)) {
		put_page(p, h, a);
	} else {
		a->status = 401;
		buf_puts(&a->fields, "WWW-Authenticate: Basic realm=\"");
		buf_printf(&a->fields, "%s\", charset=\"UTF-8\"\r\n", p->conf->stats_realm);
		buf_puts(&a->body, "user and password, please\n");
	}
}

int stats_start(struct proxy *p, struct err *e)
{
	if (!p->conf->stats_listen)
		return 0;
	if (sodium_init() < 0)
		return err_set(e, "stats: libsodium does not start");
	p->stats_password = proxy_conf_secret(p->conf->stats_password_file, e);
	if (!p->stats_password)
		return err_prefix(e, "stats");
	p->stats = http_server_new(p->loop, p->conf->stats_listen, STATS_CONNS, on_request, p, e);
	return p->stats ? 0 : err_prefix(e, "stats");
}

void stats_stop(struct proxy *p)
{
	http_server_free(p->stats);
	p->stats = NULL;
	if (p->stats_password)
		sodium_memzero(p->stats_password, strlen(p->stats_password));
	free(p->stats_password);
}

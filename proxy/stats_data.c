/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stats for programs: HAProxy's CSV and JSON. */
#include <inttypes.h>
#include <string.h>
#include "members/member.h"
#include "stats.h"
#include "text.h"

/*
 * HAProxy 2.6's columns in its order (management.txt, section 9.1) as far as check_duration, then
 * ours; a column without `put` stays empty here.
 */
struct column {
	const char *name;
	void (*put)(const struct stats_row *r, struct buf *out);
};

#define NUMBER(field)                                                       \
	static void put_##field(const struct stats_row *r, struct buf *out) \
	{                                                                   \
		buf_printf(out, "%" PRIu64, (uint64_t)r->field);            \
	}
#define TEXT(field)                                                         \
	static void put_##field(const struct stats_row *r, struct buf *out) \
	{                                                                   \
		text_csv(out, r->field);                                    \
	}

TEXT(pool)
TEXT(name)
TEXT(status)
TEXT(role)
NUMBER(queue)
NUMBER(queue_max)
NUMBER(current)
NUMBER(current_max)
NUMBER(limit)
NUMBER(total)
NUMBER(bytes_in)
NUMBER(bytes_out)
NUMBER(bad_requests)
NUMBER(errors)
NUMBER(retries)
NUMBER(failed_checks)
NUMBER(deaths)
NUMBER(type)

static void put_since(const struct stats_row *r, struct buf *out)
{
	buf_printf(out, "%" PRId64, r->since_ms / 1000);
}

static void put_check_status(const struct stats_row *r, struct buf *out)
{
	if (r->member)
		buf_puts(out, r->member->last_status ? "L7OK" : "L4CON");
}

static void put_check_code(const struct stats_row *r, struct buf *out)
{
	if (r->member)
		buf_printf(out, "%u", r->member->last_status);
}

static void put_check_duration(const struct stats_row *r, struct buf *out)
{
	if (r->member)
		buf_printf(out, "%" PRId64, r->member->last_took_ms);
}

static const struct column columns[] = {
	{"pxname", put_pool},
	{"svname", put_name},
	{"qcur", put_queue},
	{"qmax", put_queue_max},
	{"scur", put_current},
	{"smax", put_current_max},
	{"slim", put_limit},
	{"stot", put_total},
	{"bin", put_bytes_in},
	{"bout", put_bytes_out},
	{"dreq", NULL},
	{"dresp", NULL},
	{"ereq", put_bad_requests},
	{"econ", NULL},
	{"eresp", put_errors},
	{"wretr", put_retries},
	{"wredis", NULL},
	{"status", put_status},
	{"weight", NULL},
	{"act", NULL},
	{"bck", NULL},
	{"chkfail", put_failed_checks},
	{"chkdown", put_deaths},
	{"lastchg", put_since},
	{"downtime", NULL},
	{"qlimit", NULL},
	{"pid", NULL},
	{"iid", NULL},
	{"sid", NULL},
	{"throttle", NULL},
	{"lbtot", put_total},
	{"tracked", NULL},
	{"type", put_type},
	{"rate", NULL},
	{"rate_lim", NULL},
	{"rate_max", NULL},
	{"check_status", put_check_status},
	{"check_code", put_check_code},
	{"check_duration", put_check_duration},
	{"role", put_role},
};

void stats_csv(struct proxy *p, struct buf *out)
{
	struct stats_row rows[STATS_ROWS_MAX];
	size_t n = stats_rows(p, rows);

	buf_puts(out, "# ");
	for (size_t k = 0; k < ARRAY_SIZE(columns); k++)
		buf_printf(out, "%s,", columns[k].name);
	buf_puts(out, "\n");
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < ARRAY_SIZE(columns); k++) {
			if (columns[k].put)
				columns[k].put(&rows[i], out);
			buf_puts(out, ",");
		}
		buf_puts(out, "\n");
	}
}

static void put_json_text(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "\"%s\":", key);
	text_json(out, value);
	buf_puts(out, ",");
}

static void put_json_member(const struct stats_row *r, struct buf *out)
{
	const struct member *m = r->member;

	buf_puts(out, "{");
	put_json_text(out, "name", r->name);
	put_json_text(out, "address", m->conf->http_text);
	put_json_text(out, "role", neo4j_role_name(m->role));
	put_json_text(out, "status", r->status);
	put_json_text(out, "last_check", m->last_why);
	buf_printf(out,
		"\"id\":%u,\"up\":%s,\"in_flight\":%zu,\"in_flight_max\":%zu,\"maxconn\":%zu,"
		"\"idle\":%zu,\"total\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
		",\"errors\":%" PRIu64 ",\"retries\":%" PRIu64 ",\"failed_checks\":%" PRIu64
		",\"deaths\":%" PRIu64 ",\"check_ms\":%" PRId64 ",\"since_ms\":%" PRId64 "}",
		m->conf->id, r->up ? "true" : "false", r->current, r->current_max, r->limit,
		m->idle.len, r->total, r->bytes_in, r->bytes_out, r->errors, r->retries,
		r->failed_checks, r->deaths, m->last_took_ms, r->since_ms);
}

static void put_json_proxy(struct proxy *p, const struct stats_row *r, struct buf *out)
{
	struct member *master = members_master(p);

	put_json_text(out, "version", BRAMBLE_VERSION);
	buf_puts(out, "\"master\":");
	if (master)
		text_json(out, master->conf->name);
	else
		buf_puts(out, "null");
	buf_printf(out,
		",\"uptime_ms\":%" PRId64 ",\"clients\":%zu,\"clients_max\":%zu,\"maxconn\":%zu,"
		"\"waiting_writes\":%zu,\"waiting_reads\":%zu,\"held_total\":%" PRIu64
		",\"requests\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
		",\"bad_requests\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"master_changes\":%" PRIu64
		",\"members\":[",
		r->since_ms, r->current, r->current_max, r->limit, p->queue.writes.len,
		p->queue.reads.len, p->held_total, r->total, r->bytes_in, r->bytes_out,
		r->bad_requests, r->refused, p->master_changes);
}

void stats_json(struct proxy *p, struct buf *out)
{
	struct stats_row rows[STATS_ROWS_MAX];
	size_t n = stats_rows(p, rows);
	const char *between = "";

	buf_puts(out, "{");
	put_json_proxy(p, &rows[0], out);
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].member)
			continue;
		buf_puts(out, between);
		put_json_member(&rows[i], out);
		between = ",";
	}
	buf_puts(out, "]}\n");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include "stats/columns.h"
#include "members/member.h"
#include "text.h"

#define BOLT_IID 4 /* from here on: there are no classes of answers */

/* A function for each kind of column; the ones that only show a field are made by these. */
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
#define ANSWERS(i)                                                             \
	static void put_answers##i(const struct stats_row *r, struct buf *out) \
	{                                                                      \
		if (r->iid < BOLT_IID)                                         \
			buf_printf(out, "%" PRIu64, r->answers[i]);            \
	}
#define AVERAGE(field)                                                              \
	static void put_average_##field(const struct stats_row *r, struct buf *out) \
	{                                                                           \
		buf_printf(out, "%u", average_of(&r->meter->field));                \
	}

TEXT(pool)
TEXT(name)
NUMBER(queue)
NUMBER(queue_max)
NUMBER(current)
NUMBER(current_max)
NUMBER(total)
NUMBER(bytes_in)
NUMBER(bytes_out)
NUMBER(refused)
NUMBER(bad_requests)
NUMBER(connect_errors)
NUMBER(errors)
NUMBER(retries)
NUMBER(redispatches)
TEXT(status)
NUMBER(weight)
NUMBER(usable)
NUMBER(failed_checks)
NUMBER(deaths)
NUMBER(id)
NUMBER(iid)
NUMBER(type)
NUMBER(rate)
NUMBER(rate_max)
ANSWERS(0)
ANSWERS(1)
ANSWERS(2)
ANSWERS(3)
ANSWERS(4)
ANSWERS(5)
NUMBER(request_rate)
NUMBER(request_rate_max)
NUMBER(client_aborts)
NUMBER(member_aborts)
AVERAGE(queue)
AVERAGE(connect)
AVERAGE(answer)
AVERAGE(total)
TEXT(role)

static void put_since(const struct stats_row *r, struct buf *out)
{
	buf_printf(out, "%" PRId64, r->since_ms / 1000);
}

static void put_down(const struct stats_row *r, struct buf *out)
{
	buf_printf(out, "%" PRId64, r->down_ms / 1000);
}

/* In per cent, while it is less than all. */
static void put_throttle(const struct stats_row *r, struct buf *out)
{
	unsigned percent = member_throttle(r->member);

	if (percent < 100)
		buf_printf(out, "%u", percent);
}

/* HAProxy's number of the worker; here there is one. */
static void put_pid(const struct stats_row *r, struct buf *out)
{
	(void)r;
	buf_puts(out, "1");
}

/* Nothing where there is none. */
static void put_limit(const struct stats_row *r, struct buf *out)
{
	if (r->limit)
		buf_printf(out, "%zu", r->limit);
}

/* Nothing while it is not known. */
static void put_lag(const struct stats_row *r, struct buf *out)
{
	if (r->lag >= 0)
		buf_printf(out, "%" PRId64, r->lag);
}

static void put_check_status(const struct stats_row *r, struct buf *out)
{
	buf_puts(out, stats_check_status(r->member));
}

static void put_check_code(const struct stats_row *r, struct buf *out)
{
	if (r->member->last_status)
		buf_printf(out, "%u", r->member->last_status);
}

static void put_check_duration(const struct stats_row *r, struct buf *out)
{
	if (r->member->last_probe_ms)
		buf_printf(out, "%" PRId64, r->member->last_took_ms);
}

static void put_last_check(const struct stats_row *r, struct buf *out)
{
	text_csv(out, r->member->last_why);
}

static void put_requests(const struct stats_row *r, struct buf *out)
{
	buf_printf(out, "%" PRIu64, r->type == 0 ? r->meter->requests : r->total);
}

enum row_types {
	FRONTEND = 1,
	BACKEND = 2,
	MEMBER = 4,
	BOTH = FRONTEND | BACKEND,
	MEMBERS = BACKEND | MEMBER,
	ALL = 7,
};

const struct stats_column stats_columns[] = {
	{"pxname", put_pool, ALL},
	{"svname", put_name, ALL},
	{"qcur", put_queue, MEMBERS},
	{"qmax", put_queue_max, BACKEND},
	{"scur", put_current, ALL},
	{"smax", put_current_max, ALL},
	{"slim", put_limit, ALL},
	{"stot", put_total, ALL},
	{"bin", put_bytes_in, ALL},
	{"bout", put_bytes_out, ALL},
	{"dreq", put_refused, FRONTEND},
	{"dresp", NULL, 0},
	{"ereq", put_bad_requests, FRONTEND},
	{"econ", put_connect_errors, MEMBERS},
	{"eresp", put_errors, MEMBERS},
	{"wretr", put_retries, MEMBERS},
	{"wredis", put_redispatches, MEMBERS},
	{"status", put_status, ALL},
	{"weight", put_weight, MEMBERS},
	{"act", put_usable, MEMBERS},
	{"bck", NULL, 0},
	{"chkfail", put_failed_checks, MEMBER},
	{"chkdown", put_deaths, MEMBERS},
	{"lastchg", put_since, ALL},
	{"downtime", put_down, MEMBER},
	{"qlimit", NULL, 0},
	{"pid", put_pid, ALL},
	{"iid", put_iid, ALL},
	{"sid", put_id, MEMBER},
	{"throttle", put_throttle, MEMBER},
	{"lbtot", put_total, MEMBERS},
	{"tracked", NULL, 0},
	{"type", put_type, ALL},
	{"rate", put_rate, ALL},
	{"rate_lim", NULL, 0},
	{"rate_max", put_rate_max, ALL},
	{"check_status", put_check_status, MEMBER},
	{"check_code", put_check_code, MEMBER},
	{"check_duration", put_check_duration, MEMBER},
	{"hrsp_1xx", put_answers0, ALL},
	{"hrsp_2xx", put_answers1, ALL},
	{"hrsp_3xx", put_answers2, ALL},
	{"hrsp_4xx", put_answers3, ALL},
	{"hrsp_5xx", put_answers4, ALL},
	{"hrsp_other", put_answers5, ALL},
	{"hanafail", NULL, 0},
	{"req_rate", put_request_rate, FRONTEND},
	{"req_rate_max", put_request_rate_max, FRONTEND},
	{"req_tot", put_requests, BOTH},
	{"cli_abrt", put_client_aborts, ALL},
	{"srv_abrt", put_member_aborts, ALL},
	{"comp_in", NULL, 0},
	{"comp_out", NULL, 0},
	{"comp_byp", NULL, 0},
	{"comp_rsp", NULL, 0},
	{"lastsess", NULL, 0},
	{"last_chk", put_last_check, MEMBER},
	{"last_agt", NULL, 0},
	{"qtime", put_average_queue, MEMBERS},
	{"ctime", put_average_connect, MEMBERS},
	{"rtime", put_average_answer, MEMBERS},
	{"ttime", put_average_total, MEMBERS},
	{"role", put_role, MEMBER},
	{"lag", put_lag, MEMBER},
};
const size_t stats_ncolumns = ARRAY_SIZE(stats_columns);

static void put_rows(const struct stats_row *rows, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < stats_ncolumns; k++) {
			if (stats_columns[k].types >> rows[i].type & 1)
				stats_columns[k].put(&rows[i], out);
			buf_puts(out, ",");
		}
		buf_puts(out, "\n");
	}
}

void stats_csv(struct proxy *p, struct buf *out)
{
	struct stats_row rows[STATS_ROWS_MAX], bolt[STATS_ROWS_MAX];
	size_t n = stats_rows(p, rows);

	buf_puts(out, "# ");
	for (size_t k = 0; k < stats_ncolumns; k++)
		buf_printf(out, "%s,", stats_columns[k].name);
	buf_puts(out, "\n");
	put_rows(rows, n, out);
	n = stats_bolt_rows(p, rows, n, bolt);
	put_rows(bolt, n, out);
}

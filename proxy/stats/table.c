/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HAProxy's table for people, without scripts: it loads itself again. Down is red. */
#include <inttypes.h>
#include "members/member.h"
#include "stats/page.h"
#include "text.h"

static const char page_head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	"<meta name=\"color-scheme\" content=\"light dark\">"
	"<meta http-equiv=\"refresh\" content=\"2\"><link rel=\"stylesheet\" href=\"/page.css\">"
	"<title>Statistics &middot; bramble</title></head><body class=\"wide\"><header>"
	"<div class=\"brand\">bramble <small>statistics</small></div><nav aria-label=\"The same "
	"elsewhere\"><a href=\"/\">Dashboard</a><a href=\"/;csv\">CSV</a><a href=\"/json\">JSON</a>"
	"<a href=\"/metrics\">Metrics</a></nav></header><main>";

static void put_count(const struct stats_row *r, uint64_t value, struct buf *out)
{
	(void)r;
	buf_printf(out, "%" PRIu64, value);
}

/* As HAProxy has it for none. */
static void put_limit(const struct stats_row *r, uint64_t value, struct buf *out)
{
	if (value)
		put_count(r, value, out);
	else
		buf_puts(out, "-");
}

static void put_bytes(const struct stats_row *r, uint64_t value, struct buf *out)
{
	static const char *const units[] = {"", " kB", " MB", " GB", " TB", " PB"};
	double v = (double)value;
	size_t i = 0;

	(void)r;
	for (; v >= 9999.5 && i + 1 < ARRAY_SIZE(units); i++)
		v /= 1000;
	buf_printf(out, "%.0f%s", v, units[i]);
}

static void put_span(const struct stats_row *r, uint64_t value, struct buf *out)
{
	(void)r;
	stats_duration(out, (int64_t)value);
}

static void put_check(const struct stats_row *r, uint64_t value, struct buf *out)
{
	const struct member *m = r->member;

	buf_printf(out, "%s ", stats_check_status(m));
	text_html(out, m->last_why);
	buf_printf(out, " in %" PRIu64 " ms", value);
}

enum row_types { FRONTEND = 1, BACKEND = 2, MEMBER = 4, MEMBERS = 6, ALL = 7 };

#define FIELD(name)                                           \
	static uint64_t get_##name(const struct stats_row *r) \
	{                                                     \
		return (uint64_t)r->name;                     \
	}
#define AVERAGE(name)                                                 \
	static uint64_t get_average_##name(const struct stats_row *r) \
	{                                                             \
		return average_of(&r->meter->name);                   \
	}
FIELD(queue)
FIELD(queue_max)
FIELD(rate)
FIELD(rate_max)
FIELD(current)
FIELD(current_max)
FIELD(limit)
FIELD(total)
FIELD(bytes_in)
FIELD(bytes_out)
FIELD(refused)
FIELD(bad_requests)
FIELD(connect_errors)
FIELD(errors)
FIELD(retries)
FIELD(redispatches)
FIELD(weight)
FIELD(failed_checks)
FIELD(deaths)
FIELD(down_ms)
FIELD(since_ms)
AVERAGE(queue)
AVERAGE(connect)
AVERAGE(answer)
AVERAGE(total)

static uint64_t get_check(const struct stats_row *r)
{
	return r->member->last_took_ms > 0 ? (uint64_t)r->member->last_took_ms : 0;
}

/* HAProxy's groups and columns; a group spans the columns up to the next. */
static const struct {
	const char *group, *name;
	uint64_t (*get)(const struct stats_row *r);
	void (*put)(const struct stats_row *r, uint64_t value, struct buf *out);
	unsigned types;
} columns[] = {
	{"Queue", "Cur", get_queue, put_count, MEMBERS},
	{NULL, "Max", get_queue_max, put_count, BACKEND},
	{"Session rate", "Cur", get_rate, put_count, ALL},
	{NULL, "Max", get_rate_max, put_count, ALL},
	{"Sessions", "Cur", get_current, put_count, ALL},
	{NULL, "Max", get_current_max, put_count, ALL},
	{NULL, "Limit", get_limit, put_limit, ALL},
	{NULL, "Total", get_total, put_count, ALL},
	{"Bytes", "In", get_bytes_in, put_bytes, ALL},
	{NULL, "Out", get_bytes_out, put_bytes, ALL},
	{"Denied", "Req", get_refused, put_count, FRONTEND},
	{"Errors", "Req", get_bad_requests, put_count, FRONTEND},
	{NULL, "Conn", get_connect_errors, put_count, MEMBERS},
	{NULL, "Resp", get_errors, put_count, MEMBERS},
	{"Warnings", "Retr", get_retries, put_count, MEMBERS},
	{NULL, "Redis", get_redispatches, put_count, MEMBERS},
	{"Times (ms)", "Queue", get_average_queue, put_count, MEMBERS},
	{NULL, "Conn", get_average_connect, put_count, MEMBERS},
	{NULL, "Resp", get_average_answer, put_count, MEMBERS},
	{NULL, "Total", get_average_total, put_count, MEMBERS},
	{"Server", "Since", get_since_ms, put_span, ALL},
	{NULL, "LastChk", get_check, put_check, MEMBER},
	{NULL, "Wght", get_weight, put_count, MEMBERS},
	{NULL, "Chk", get_failed_checks, put_count, MEMBER},
	{NULL, "Dwn", get_deaths, put_count, MEMBERS},
	{NULL, "Dwntme", get_down_ms, put_span, MEMBER},
};

static void put_head(struct buf *out)
{
	buf_puts(out, "<div class=\"scroll\" tabindex=\"0\"><table class=\"stats\"><thead><tr>"
		      "<th scope=\"col\" rowspan=\"2\">Name<th rowspan=\"2\" scope=\"col\">Role"
		      "<th rowspan=\"2\" scope=\"col\">Status");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		size_t span = 1;
		if (!columns[i].group)
			continue;
		while (i + span < ARRAY_SIZE(columns) && !columns[i + span].group)
			span++;
		buf_printf(
			out, "<th scope=\"colgroup\" colspan=\"%zu\">%s", span, columns[i].group);
	}
	buf_puts(out, "</tr><tr>");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		buf_printf(out, "<th scope=\"col\">%s", columns[i].name);
	buf_puts(out, "</tr></thead><tbody>");
}

static void put_row(const struct stats_row *r, struct buf *out)
{
	bool is_bolt = r->iid >= 4;

	const char *class = r->member ? stats_card_class(r) : r->up ? "sum" : "down";

	buf_printf(out, "<tr class=\"r-%s\"><th scope=\"row\">", class);
	text_html(out, r->name);
	buf_puts(out, is_bolt ? " (Bolt)" : "");
	buf_puts(out, "<td class=\"t\">");
	text_html(out, r->role);
	buf_puts(out, "<td class=\"t\">");
	text_html(out, r->status);
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		buf_puts(out, "<td>");
		if (columns[i].types >> r->type & 1)
			columns[i].put(r, columns[i].get(r), out);
	}
	buf_puts(out, "</tr>");
}

void stats_table(struct proxy *p, struct buf *out)
{
	struct stats_row rows[STATS_ROWS_MAX], bolt[STATS_ROWS_MAX];
	struct stats_summary s;
	size_t n = stats_rows(p, rows);

	stats_summarize(p, rows, n, &s);
	buf_printf(out, "%s<section class=\"status %s\"><h1>", page_head, s.level);
	text_html(out, s.headline);
	buf_puts(out, "</h1><p>");
	text_html(out, s.detail);
	buf_puts(out, "</p></section>");
	put_head(out);
	for (size_t i = 0; i < n; i++)
		put_row(&rows[i], out);
	size_t nbolt = stats_bolt_rows(p, rows, n, bolt);
	for (size_t i = 0; i < nbolt; i++)
		put_row(&bolt[i], out);
	buf_puts(out, "</tbody></table></div></main></body></html>\n");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stats page for people: one self-contained page without scripts that refreshes itself. */
#include <inttypes.h>
#include "members/member.h"
#include "stats.h"
#include "text.h"

static const char page_head[] =
	"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	"<meta http-equiv=\"refresh\" content=\"2\"><title>bramble-proxy</title><style>"
	":root{color-scheme:light dark;--up:#c9f0cf;--down:#f7c4c4;--warn:#fbe8b3;--line:#8885}"
	"@media(prefers-color-scheme:dark){:root{--up:#1e4a28;--down:#5c2020;--warn:#544512}}"
	"body{font:15px/1.4 system-ui,sans-serif;margin:1rem;max-width:80rem}"
	"h1{font-size:1.3rem;margin:0}p{margin:.4rem 0}"
	".wide{overflow-x:auto}table{border-collapse:collapse;margin:1rem 0;width:100%}"
	"th,td{border:1px solid var(--line);padding:.25rem "
	".5rem;text-align:right;white-space:nowrap}"
	"th:first-child,td:first-child,.t{text-align:left}thead th{font-weight:600;font-size:.85em}"
	".up{background:var(--up)}.down{background:var(--down)}.warn{background:var(--warn)}"
	".master td:first-child{font-weight:700}"
	"</style></head><body>";

static const char table_head[] =
	"<div class=\"wide\"><table><thead><tr><th>name<th class=\"t\">role<th class=\"t\">status"
	"<th>in flight<th>max<th>limit<th>queue<th>total<th>bytes in<th>bytes out<th>errors"
	"<th>retries<th class=\"t\">last check<th>since</tr></thead><tbody>";

static void put_duration(struct buf *out, int64_t ms)
{
	int64_t s = ms / 1000;

	if (s >= 86400)
		buf_printf(out, "%" PRId64 "d %" PRId64 "h", s / 86400, s / 3600 % 24);
	else if (s >= 3600)
		buf_printf(out, "%" PRId64 "h %" PRId64 "m", s / 3600, s / 60 % 60);
	else if (s >= 60)
		buf_printf(out, "%" PRId64 "m %" PRId64 "s", s / 60, s % 60);
	else
		buf_printf(out, "%" PRId64 "s", s);
}

static void put_bytes(struct buf *out, uint64_t n)
{
	static const char *const units[] = {"", " kB", " MB", " GB", " TB", " PB"};
	double v = (double)n;
	size_t i = 0;

	for (; v >= 9999.5 && i + 1 < ARRAY_SIZE(units); i++)
		v /= 1000;
	buf_printf(out, "<td>%.0f%s", v, units[i]);
}

static void put_text(struct buf *out, const char *class, const char *text)
{
	buf_printf(out, "<td class=\"%s\">", class);
	text_html(out, text);
}

static const char *row_class(const struct stats_row *r)
{
	if (!r->member)
		return r->up ? "" : "down";
	return r->up ? "up" : r->member->role == NEO4J_DOWN ? "down" : "warn";
}

static void put_check(const struct stats_row *r, struct buf *out)
{
	buf_puts(out, "<td class=\"t\">");
	if (!r->member)
		return;
	text_html(out, r->member->last_why);
	buf_printf(out, " in %" PRId64 " ms", r->member->last_took_ms);
}

static void put_row(const struct stats_row *r, struct buf *out)
{
	bool master = r->role[0] == 'm';

	buf_printf(out, "<tr class=\"%s%s\">", row_class(r), master ? " master" : "");
	put_text(out, "", r->name);
	if (r->member) {
		buf_puts(out, " <small>");
		text_html(out, r->member->conf->http_text);
		buf_puts(out, "</small>");
	}
	put_text(out, "t", r->role);
	put_text(out, "t", r->status);
	buf_printf(out, "<td>%zu<td>%zu<td>%zu<td>", r->current, r->current_max, r->limit);
	if (r->type == 1)
		buf_printf(out, "%zu (max %zu)", r->queue, r->queue_max);
	buf_printf(out, "<td>%" PRIu64, r->total);
	put_bytes(out, r->bytes_in);
	put_bytes(out, r->bytes_out);
	buf_printf(out, "<td>%" PRIu64 "<td>%" PRIu64, r->errors + r->bad_requests, r->retries);
	put_check(r, out);
	buf_puts(out, "<td>");
	put_duration(out, r->since_ms);
	buf_puts(out, "</tr>");
}

static void put_summary(struct proxy *p, struct buf *out)
{
	struct member *master = members_master(p);

	buf_puts(out, "<h1>bramble-proxy</h1><p>");
	if (master) {
		buf_puts(out, "<span class=\"up\">master: <b>");
		text_html(out, master->conf->name);
		buf_puts(out, "</b></span>");
	} else {
		buf_puts(out, "<span class=\"down\">no writes: ");
		text_html(out, election_why_none(&p->election));
		buf_puts(out, "</span>");
	}
	buf_printf(out,
		"<p>writes held now: <b>%zu</b> of at most %u, held since start: %" PRIu64
		" &middot; refused: %" PRIu64 " &middot; changes of master: %" PRIu64 "<p>version ",
		master ? (size_t)0 : p->queue.writes.len, p->conf->hold_max, p->held_total,
		p->refused, p->master_changes);
	text_html(out, BRAMBLE_VERSION);
	buf_puts(out, " &middot; up for ");
	put_duration(out, boottime_ms() - p->started_ms);
}

void stats_html(struct proxy *p, struct buf *out)
{
	struct stats_row rows[STATS_ROWS_MAX];
	size_t n = stats_rows(p, rows);

	buf_puts(out, page_head);
	put_summary(p, out);
	buf_puts(out, table_head);
	for (size_t i = 0; i < n; i++)
		put_row(&rows[i], out);
	buf_puts(out, "</tbody></table></div><p><a href=\"/;csv\">csv</a> &middot; "
		      "<a href=\"/json\">json</a></body></html>\n");
}

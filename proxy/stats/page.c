/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>
#include "bolt/front.h"
#include "members/member.h"
#include "stats/page.h"
#include "text.h"

static const char page_head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
	"<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
	"<meta name=\"color-scheme\" content=\"light dark\">"
	"<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"
	"<link rel=\"stylesheet\" href=\"/page.css\"><script src=\"/page.js\" "
	"defer></script><title>";

static const char page_top[] =
	" &middot; bramble</title></head><body><a class=\"skip\" href=\"#main\">Skip to the "
	"cluster</a>"
	"<header><div class=\"brand\"><svg viewBox=\"0 0 24 24\" aria-hidden=\"true\">"
	"<g fill=\"#b5174a\"><circle cx=\"9\" cy=\"11\" r=\"3.4\"/><circle cx=\"15\" cy=\"11\" "
	"r=\"3.4\"/>"
	"<circle cx=\"7.2\" cy=\"15.4\" r=\"3.2\"/><circle cx=\"16.8\" cy=\"15.4\" r=\"3.2\"/>"
	"<circle cx=\"12\" cy=\"15\" r=\"3.6\"/><circle cx=\"12\" cy=\"20\" r=\"3\"/></g>"
	"<path fill=\"#3c8c4d\" d=\"M12 8C9 8 6 6 5 2c4 0 6 1 7 3 1-2 3-3 7-3-1 4-4 6-7 "
	"6z\"/></svg>"
	"bramble <small>proxy</small></div><nav aria-label=\"The same elsewhere\">"
	"<a href=\"/stats\">Table</a><a href=\"/;csv\">CSV</a><a href=\"/json\">JSON</a>"
	"<a href=\"/metrics\">Metrics</a></nav></header><main id=\"main\" tabindex=\"-1\">";

/* A Raspberry Pi, seen from above. */
static const char board[] =
	"<svg class=\"board\" viewBox=\"0 0 64 44\" aria-hidden=\"true\">"
	"<rect class=\"pcb\" width=\"60\" height=\"44\" rx=\"5\"/>"
	"<rect class=\"pin\" x=\"7\" y=\"3\" width=\"34\" height=\"5\" rx=\"1\"/>"
	"<rect class=\"part\" x=\"20\" y=\"16\" width=\"14\" height=\"14\" rx=\"1\"/>"
	"<rect class=\"metal\" x=\"48\" y=\"5\" width=\"16\" height=\"10\" rx=\"1\"/>"
	"<rect class=\"metal\" x=\"48\" y=\"18\" width=\"16\" height=\"10\" rx=\"1\"/>"
	"<rect class=\"metal\" x=\"46\" y=\"31\" width=\"18\" height=\"11\" rx=\"1\"/>"
	"<rect class=\"metal\" x=\"14\" y=\"37\" width=\"14\" height=\"7\" rx=\"1\"/>"
	"<circle class=\"led\" cx=\"5\" cy=\"38\" r=\"2\"/></svg>";

static void put_status(const struct stats_summary *s, struct buf *out)
{
	buf_printf(out,
		"<section id=\"status\" class=\"status %s\" aria-labelledby=\"headline\">"
		"<h1 id=\"headline\" data-t=\"headline\">",
		s->level);
	text_html(out, s->headline);
	buf_puts(out, "</h1><p data-t=\"detail\">");
	text_html(out, s->detail);
	buf_puts(out,
		"</p><p id=\"stale\" class=\"stale\" role=\"alert\" hidden>The proxy does not "
		"answer: what you see is old.</p></section>"
		"<div id=\"live\" class=\"quiet\" aria-live=\"polite\"></div>");
}

static void put_figure(
	struct buf *out, const char *name, const char *key, uint64_t value, const char *more)
{
	buf_printf(out, "<div><dt>%s</dt><dd><span data-t=\"%s\">%" PRIu64 "</span> %s</dd></div>",
		name, key, value, more);
}

static void put_figures(struct proxy *p, const struct stats_row *front, struct buf *out)
{
	char more[96];
	bool master = members_master(p) != NULL;

	buf_puts(out, "<dl class=\"figures\">");
	put_figure(out, "Requests", "rate", front->request_rate, "<small>per second</small>");
	put_figure(out, "Answer time", "ttime_ms", average_of(&p->meter.total),
		"<small>ms, mean</small>");
	snprintf(more, sizeof(more), "<small>of %u</small>", p->conf->hold_max);
	put_figure(out, "Writes held", "held_now", master ? 0 : p->queue.writes.len, more);
	snprintf(more, sizeof(more), "<small>of %u</small>", p->conf->maxconn);
	put_figure(out, "Clients", "clients", front->current, more);
	if (bolt_counters(p)) {
		size_t bound = 0, sessions = bolt_sessions(p, &bound, NULL);
		snprintf(more, sizeof(more),
			"<small>at work: <span data-t=\"bolt_in_flight\">%zu</span></small>",
			bound);
		put_figure(out, "Bolt sessions", "bolt_sessions", sessions, more);
	}
	put_figure(out, "New masters", "master_changes", p->master_changes,
		"<small>since start</small>");
	put_figure(out, "Refused", "refused", p->refused, "<small>since start</small>");
	buf_puts(out, "</dl>");
}

/* --- a member's card */

static void put_order(const struct proxy *p, const struct member *m, const char *what,
	const char *label, const char *when, struct buf *out)
{
	bool now = when && strcmp(when, member_admin_name(m->admin)) == 0;

	buf_printf(out,
		"<form method=\"post\" "
		"action=\"/admin?member=%s&amp;do=%s&amp;token=%s\"><button%s%s%s%s>"
		"%s<span class=\"quiet\"> %s</span></button></form>",
		m->conf->name, what, p->csrf_token, when ? " data-when=\"" : "", when ? when : "",
		when ? "\"" : "", now ? " disabled" : "", label, m->conf->name);
}

static void put_manage(const struct proxy *p, const struct member *m, struct buf *out)
{
	buf_printf(out,
		"<details class=\"manage\"><summary>Manage<span class=\"quiet\"> %s</span>"
		"</summary>",
		m->conf->name);
	put_order(p, m, "drain", "Drain", "drain", out);
	put_order(p, m, "maint", "Maintenance", "maint", out);
	put_order(p, m, "ready", "Ready", "ready", out);
	put_order(p, m, "less", "Weight &minus;1", NULL, out);
	put_order(p, m, "more", "Weight +1", NULL, out);
	buf_puts(out,
		"<p>Drain: nothing new, what runs ends. Maintenance: nothing at all, no checks."
		"</p></details>");
}

static void put_bolt_fact(const struct member *m, struct buf *out)
{
	size_t busy = 0;
	const struct bolt_member_counters *c = bolt_member_counters(m, &busy);

	if (!c || !m->conf->bolt.sin_port)
		return;
	buf_printf(out,
		"<dt>Bolt</dt><dd><span data-t=\"bolt_in_flight\">%zu</span> in flight, <span "
		"data-t=\"bolt_total\">%" PRIu64 "</span> in all</dd>",
		busy, bolt_member_total(c));
}

static void put_facts(const struct stats_row *r, struct buf *out)
{
	const struct member *m = r->member;
	char behind[STATS_BEHIND];

	buf_printf(out,
		"<svg class=\"bar\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" "
		"aria-hidden=\"true\">"
		"<rect width=\"%zu\" height=\"6\"/></svg><dl class=\"facts\"><dt>In flight</dt><dd>"
		"<span data-t=\"in_flight\">%zu</span> of <span data-t=\"maxconn\">%zu</span></dd>"
		"<dt>Requests</dt><dd><span data-t=\"rate\">%u</span>/s, <span "
		"data-t=\"total\">%" PRIu64 "</span> in all</dd><dt>Answers in</dt><dd><span "
		"data-t=\"rtime_ms\">%u</span> ms</dd>"
		"<dt>Errors</dt><dd data-t=\"errors\">%" PRIu64 "</dd>",
		r->limit ? 100 * r->current / r->limit : 0, r->current, r->limit, r->rate, r->total,
		average_of(&r->meter->answer), r->errors);
	put_bolt_fact(m, out);
	stats_behind(r, behind);
	buf_printf(out,
		"<dt>Behind the master</dt><dd data-t=\"behind\">%s</dd>"
		"<dt>Weight</dt><dd data-t=\"weight\">%u</dd><dt>Last check</dt><dd>",
		behind, r->weight);
	buf_puts(out, "<span data-t=\"last_check\">");
	text_html(out, m->last_why);
	buf_printf(out,
		"</span>, <span data-t=\"check_ms\">%" PRId64 "</span> ms</dd><dt>For</dt>"
		"<dd data-ago=\"since_ms\">",
		m->last_took_ms);
	stats_duration(out, r->since_ms);
	buf_puts(out, "</dd></dl>");
}

static void put_member(const struct proxy *p, const struct stats_row *r, struct buf *out)
{
	const struct member *m = r->member;

	buf_printf(out,
		"<li class=\"member %s\" data-member=\"%s\"><article class=\"card\">"
		"<div class=\"top\">%s<div><h3>%s</h3><p class=\"address\">",
		stats_card_class(r), m->conf->name, board, m->conf->name);
	text_html(out, m->conf->http_text);
	buf_printf(out, "</p></div><span class=\"badge\" data-t=\"word\">%s</span></div>",
		stats_card_word(r));
	put_facts(r, out);
	put_manage(p, m, out);
	buf_puts(out, "</article></li>");
}

static void put_cluster(struct proxy *p, const struct stats_row *rows, size_t n, struct buf *out)
{
	buf_puts(out,
		"<section id=\"members\" aria-labelledby=\"h-cluster\"><h2 id=\"h-cluster\">Cluster"
		"</h2><div class=\"cluster\"><div class=\"hub\">Proxy <span>");
	text_html(out, p->conf->http_listen);
	buf_puts(out, "</span></div><div class=\"stem\"></div><ul class=\"members\">");
	for (size_t i = 0; i < n; i++) {
		if (rows[i].member)
			put_member(p, &rows[i], out);
	}
	buf_puts(out, "</ul></div></section>");
}

/* --- the curves */

typedef double value_fn(const struct history_point *s);

static double per_s(uint32_t n)
{
	return n * 1000.0 / HISTORY_STEP_MS;
}
static double requests_of(const struct history_point *s)
{
	return per_s(s->requests);
}
static double failed_of(const struct history_point *s)
{
	return per_s(s->failed);
}
static double held_of(const struct history_point *s)
{
	return s->held;
}
static double p99_of(const struct history_point *s)
{
	return s->p99_ms;
}
static double p50_of(const struct history_point *s)
{
	return s->p50_ms;
}

struct curve {
	const char *class, *key_class, *name;
	value_fn *value;
};

struct plot {
	const char *id, *title, *unit;
	double least; /* of the upper end of its scale */
	struct curve curves[2];
};

static const struct plot plots[] = {
	{"requests", "Requests", "per second", 1,
		{{"main", "k-main", "all", requests_of}, {"failed", "k-bad", "failed", failed_of}}},
	{"latency", "Answer time", "ms", 10,
		{{"main", "k-main", "99 %", p99_of}, {"median", "k-soft", "median", p50_of}}},
	{"holding", "Writes held", "at once", 5, {{"main", "k-held", "most", held_of}}},
};

static size_t steps_of(const struct history *h)
{
	return h->nsteps < HISTORY_STEPS ? (size_t)h->nsteps : HISTORY_STEPS;
}

/* 1, 2 or 5 times a power of ten. */
static double rounded(double most)
{
	static const double k[] = {1, 2, 5};

	for (double step = 1;; step *= 10) {
		for (size_t i = 0; i < ARRAY_SIZE(k); i++) {
			if (k[i] * step >= most)
				return k[i] * step;
		}
	}
}

static double scale_of(const struct plot *plot, const struct history *h)
{
	double most = plot->least;

	for (size_t c = 0; c < ARRAY_SIZE(plot->curves) && plot->curves[c].value; c++) {
		for (size_t i = 0; i < steps_of(h); i++) {
			double v = plot->curves[c].value(history_step(h, i));
			most = v > most ? v : most;
		}
	}
	return rounded(most);
}

/* The time a curve spans grows with what there is: ten minutes, half an hour, an hour. */
static size_t span_of(const struct history *h)
{
	static const size_t spans[] = {60, 180};

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		if (steps_of(h) <= spans[i])
			return spans[i];
	}
	return HISTORY_STEPS;
}

/* Where the i-th step from the latest is, of 360. */
static double at(const struct history *h, size_t i)
{
	return 360.0 - (double)i * 360 / (double)span_of(h);
}

/* 360 wide, 100 high, the latest at the right; page.js draws the same. */
static void put_line(const struct history *h, value_fn *value, double most, struct buf *out)
{
	size_t n = steps_of(h);

	for (size_t i = n; i-- > 0;)
		buf_printf(out, "%s%.1f %.1f", i == n - 1 ? "M" : "L", at(h, i),
			100 - 100 * value(history_step(h, i)) / most);
}

static void put_curves(const struct plot *plot, const struct history *h, struct buf *out)
{
	double most = scale_of(plot, h);
	size_t n = steps_of(h);

	buf_printf(out,
		"<div class=\"plot\"><span class=\"most\">%.0f %s</span><svg viewBox=\"0 0 360 "
		"100\" "
		"preserveAspectRatio=\"none\" aria-hidden=\"true\">"
		"<path class=\"grid\" d=\"M0 0H360M0 50H360M0 100H360\"/><path class=\"fill\" d=\"",
		most, plot->unit);
	put_line(h, plot->curves[0].value, most, out);
	if (n)
		buf_printf(out, "V100H%.1fZ", at(h, n - 1));
	buf_puts(out, "\"/>");
	for (size_t c = 0; c < ARRAY_SIZE(plot->curves) && plot->curves[c].value; c++) {
		buf_printf(out, "<path class=\"%s\" d=\"", plot->curves[c].class);
		put_line(h, plot->curves[c].value, most, out);
		buf_puts(out, "\"/>");
	}
	buf_printf(out,
		"</svg></div><div class=\"axis\" aria-hidden=\"true\"><span class=\"oldest\">%zu "
		"min "
		"ago</span><span class=\"half\">%zu min</span><span>now</span></div>",
		span_of(h) / 6, span_of(h) / 12);
}

#define BIN_STEPS 30 /* five minutes */

/* What the curve shows for those who do not see it: the most in each five minutes. */
static void put_bins(const struct plot *plot, const struct history *h, struct buf *out)
{
	buf_puts(out,
		"<details><summary>As a table</summary><div class=\"scroll\" tabindex=\"0\"><table>"
		"<thead><tr><th scope=\"col\">minutes ago");
	for (size_t c = 0; c < ARRAY_SIZE(plot->curves) && plot->curves[c].value; c++)
		buf_printf(out, "<th scope=\"col\">%s, most", plot->curves[c].name);
	buf_puts(out, "</tr></thead><tbody>");
	for (size_t from = 0; from < steps_of(h); from += BIN_STEPS) {
		buf_printf(
			out, "<tr><th scope=\"row\">%zu to %zu", from / 6, (from + BIN_STEPS) / 6);
		for (size_t c = 0; c < ARRAY_SIZE(plot->curves) && plot->curves[c].value; c++) {
			double most = 0;
			for (size_t i = from; i < from + BIN_STEPS && i < steps_of(h); i++) {
				double v = plot->curves[c].value(history_step(h, i));
				most = v > most ? v : most;
			}
			buf_printf(out, "<td>%.4g", most);
		}
		buf_puts(out, "</tr>");
	}
	buf_puts(out, "</tbody></table></div></details>");
}

static void put_plots(const struct history *h, struct buf *out)
{
	buf_puts(out, "<section aria-labelledby=\"h-hour\"><h2 id=\"h-hour\">The last hour</h2>"
		      "<div class=\"curves\">");
	for (size_t i = 0; i < ARRAY_SIZE(plots); i++) {
		buf_printf(
			out, "<figure id=\"%s\"><figcaption>%s<span>", plots[i].id, plots[i].title);
		for (size_t c = 0; c < ARRAY_SIZE(plots[i].curves) && plots[i].curves[c].value; c++)
			buf_printf(out, "%s<span class=\"key %s\">%s</span>", c ? " &ensp;" : "",
				plots[i].curves[c].key_class, plots[i].curves[c].name);
		buf_puts(out, "</span></figcaption>");
		put_curves(&plots[i], h, out);
		put_bins(&plots[i], h, out);
		buf_puts(out, "</figure>");
	}
	buf_puts(out, "</div></section>");
}

static void put_events(const struct history *h, struct buf *out)
{
	int64_t now_ms = boottime_ms();
	const struct event *ev;
	size_t i = 0;

	buf_puts(out,
		"<section aria-labelledby=\"h-events\"><h2 id=\"h-events\">Events</h2>"
		"<ol id=\"events\" class=\"events\" tabindex=\"0\" aria-labelledby=\"h-events\">");
	for (; (ev = history_find_event(h, i, now_ms)); i++) {
		buf_puts(out, "<li><time>");
		stats_duration(out, now_ms - ev->at_ms);
		buf_puts(out, " ago</time><span>");
		text_html(out, ev->text);
		buf_puts(out, "</span></li>");
	}
	buf_puts(out, i ? "</ol></section>"
			: "<li>Nothing happened in the last hour.</li></ol></section>");
}

void stats_page(struct proxy *p, struct buf *out)
{
	struct stats_row rows[STATS_ROWS_MAX];
	struct stats_summary s;
	size_t n = stats_rows(p, rows);

	stats_summarize(p, rows, n, &s);
	buf_puts(out, page_head);
	text_html(out, s.headline);
	buf_puts(out, page_top);
	put_status(&s, out);
	put_figures(p, &rows[0], out);
	put_cluster(p, rows, n, out);
	put_plots(&p->history, out);
	put_events(&p->history, out);
	buf_puts(out, "</main><footer><span>bramble-proxy ");
	text_html(out, BRAMBLE_VERSION);
	buf_puts(out, ", up for <span data-ago=\"uptime_ms\">");
	stats_duration(out, boottime_ms() - p->started_ms);
	buf_puts(out,
		"</span></span><button id=\"pause\" type=\"button\" aria-pressed=\"false\" hidden>"
		"Pause updates</button></footer></body></html>\n");
}

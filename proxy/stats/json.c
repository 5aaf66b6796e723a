/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything the pages show, for programs and for the dashboard's script. */
#include <inttypes.h>
#include "bolt/front.h"
#include "log/access_log.h"
#include "members/member.h"
#include "stats/page.h"
#include "stats/stats.h"
#include "text.h"

static void put_text(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "\"%s\":", key);
	text_json(out, value);
	buf_puts(out, ",");
}

static const char *boolean(bool b)
{
	return b ? "true" : "false";
}

static void put_averages(const struct meter *m, struct buf *out)
{
	buf_printf(out, "\"qtime_ms\":%u,\"ctime_ms\":%u,\"rtime_ms\":%u,\"ttime_ms\":%u,",
		average_of(&m->queue), average_of(&m->connect), average_of(&m->answer),
		average_of(&m->total));
}

static void put_counts(const struct stats_row *r, struct buf *out)
{
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
		{"in_flight", r->current},
		{"in_flight_max", r->current_max},
		{"maxconn", r->limit},
		{"idle", r->idle},
		{"total", r->total},
		{"rate", r->rate},
		{"bytes_in", r->bytes_in},
		{"bytes_out", r->bytes_out},
		{"errors", r->errors},
		{"retries", r->retries},
		{"failed_checks", r->failed_checks},
		{"deaths", r->deaths},
		{"weight", r->weight},
		{"throttle", member_throttle(r->member)},
	};

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		buf_printf(out, "\"%s\":%" PRIu64 ",", counts[i].name, counts[i].value);
}

/* How far its store is, and what of it is Bolt's. */
static void put_store(const struct stats_row *r, struct buf *out)
{
	char behind[STATS_BEHIND];
	size_t busy = 0;
	const struct bolt_member_counters *bolt = bolt_member_counters(r->member, &busy);

	stats_behind(r, behind);
	put_text(out, "behind", behind);
	if (r->lag >= 0)
		buf_printf(out, "\"lag\":%" PRId64 ",", r->lag);
	else
		buf_puts(out, "\"lag\":null,");
	buf_printf(out, "\"bolt_in_flight\":%zu,\"bolt_total\":%" PRIu64 ",", busy,
		bolt ? bolt_member_total(bolt) : 0);
}

static void put_bolt(const struct proxy *p, struct buf *out)
{
	const struct bolt_counters *c = bolt_counters(p);
	size_t bound = 0, waiting = 0, sessions = bolt_sessions(p, &bound, &waiting);

	buf_printf(out,
		"\"bolt_sessions\":%zu,\"bolt_in_flight\":%zu,\"bolt_waiting\":%zu,"
		"\"bolt_total\":%" PRIu64 ",",
		sessions, bound, waiting, c ? bolt_total(c) : 0);
}

static void put_member(const struct stats_row *r, struct buf *out)
{
	const struct member *m = r->member;

	buf_puts(out, "{");
	put_store(r, out);
	put_text(out, "name", r->name);
	put_text(out, "address", m->conf->http_text);
	put_text(out, "role", neo4j_role_name(m->role));
	put_text(out, "shown_role", r->role);
	put_text(out, "status", r->status);
	put_text(out, "class", stats_card_class(r));
	put_text(out, "word", stats_card_word(r));
	put_text(out, "admin", member_admin_name(m->admin));
	put_text(out, "last_check", m->last_why);
	put_text(out, "check_status", stats_check_status(m));
	put_counts(r, out);
	put_averages(r->meter, out);
	buf_printf(out,
		"\"id\":%u,\"up\":%s,\"check_ms\":%" PRId64 ",\"since_ms\":%" PRId64
		",\"down_ms\":%" PRId64 "}",
		m->conf->id, boolean(r->up), m->last_took_ms, r->since_ms, r->down_ms);
}

static void put_proxy(struct proxy *p, const struct stats_row *r, struct buf *out)
{
	struct member *master = members_master(p);
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
		{"clients", r->current},
		{"clients_max", r->current_max},
		{"maxconn", r->limit},
		{"connections", r->total},
		{"requests", p->total},
		{"rate", r->request_rate},
		{"rate_max", r->request_rate_max},
		{"waiting_writes", p->queue.writes.len},
		{"waiting_reads", p->queue.reads.len + p->queue.marked.len},
		{"held_now", master ? 0 : p->queue.writes.len},
		{"held_total", p->held_total},
		{"hold_max", p->conf->hold_max},
		{"bytes_in", r->bytes_in},
		{"bytes_out", r->bytes_out},
		{"bad_requests", r->bad_requests},
		{"refused", r->refused},
		{"unknown", p->unknown},
		{"master_changes", p->master_changes},
		{"log_lines_left_out", access_log_left_out(p->access_log)},
	};

	put_text(out, "version", BRAMBLE_VERSION);
	buf_puts(out, "\"master\":");
	if (master)
		text_json(out, master->conf->name);
	else
		buf_puts(out, "null");
	buf_puts(out, ",");
	put_text(out, "why", master ? "" : members_why_no_master(p));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		buf_printf(out, "\"%s\":%" PRIu64 ",", counts[i].name, counts[i].value);
	put_averages(&p->meter, out);
	put_bolt(p, out);
	buf_printf(out, "\"uptime_ms\":%" PRId64 ",", r->since_ms);
}

/* The oldest first. */
static void put_series(
	const struct history *h, const char *name, size_t offset, const char *end, struct buf *out)
{
	size_t n = h->nsteps < HISTORY_STEPS ? (size_t)h->nsteps : HISTORY_STEPS;

	buf_printf(out, "\"%s\":[", name);
	for (size_t i = n; i-- > 0;) {
		const char *step = (const char *)history_step(h, i);
		buf_printf(out, "%" PRIu32 "%s", *(const uint32_t *)(const void *)(step + offset),
			i ? "," : "");
	}
	buf_printf(out, "]%s", end);
}

static void put_history(const struct history *h, struct buf *out)
{
	buf_printf(out, "\"history\":{\"step_ms\":%d,", HISTORY_STEP_MS);
	put_series(h, "requests", offsetof(struct history_point, requests), ",", out);
	put_series(h, "failed", offsetof(struct history_point, failed), ",", out);
	put_series(h, "held", offsetof(struct history_point, held), ",", out);
	put_series(h, "p50_ms", offsetof(struct history_point, p50_ms), ",", out);
	put_series(h, "p99_ms", offsetof(struct history_point, p99_ms), "},", out);
}

/* The latest first. */
static void put_events(const struct history *h, struct buf *out)
{
	int64_t now_ms = boottime_ms();
	const struct event *ev;

	buf_puts(out, "\"events\":[");
	for (size_t i = 0; (ev = history_find_event(h, i, now_ms)); i++) {
		buf_printf(out, "%s{\"ago_ms\":%" PRId64 ",\"text\":", i ? "," : "",
			now_ms - ev->at_ms);
		text_json(out, ev->text);
		buf_puts(out, "}");
	}
	buf_puts(out, "]}\n");
}

void stats_json(struct proxy *p, struct buf *out)
{
	struct stats_row rows[STATS_ROWS_MAX];
	struct stats_summary s;
	size_t n = stats_rows(p, rows);
	const char *between = "";

	buf_puts(out, "{");
	stats_summarize(p, rows, n, &s);
	put_text(out, "headline", s.headline);
	put_text(out, "detail", s.detail);
	put_text(out, "level", s.level);
	put_proxy(p, &rows[0], out);
	buf_puts(out, "\"members\":[");
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].member)
			continue;
		buf_puts(out, between);
		put_member(&rows[i], out);
		between = ",";
	}
	buf_puts(out, "],");
	put_history(&p->history, out);
	put_events(&p->history, out);
}

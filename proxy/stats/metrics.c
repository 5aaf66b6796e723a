/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /metrics in Prometheus' text format 0.0.4, named by its rules: base units (seconds, bytes),
 * _total for what only grows, one name for one thing.
 */
#include <inttypes.h>
#include "bolt/front.h"
#include "log/access_log.h"
#include "members/member.h"
#include "stats/stats.h"

struct scrape {
	struct proxy *proxy;
	const struct stats_row *rows;
	size_t nrows;
	const char *name;
	struct buf *out;
};

struct metric {
	const char *name, *type, *help;
	void (*samples)(const struct scrape *s);
};

static void put(const struct scrape *s, uint64_t value)
{
	buf_printf(s->out, "%s %" PRIu64 "\n", s->name, value);
}

/* Names of members are host names: nothing in them has to be escaped. */
static void put_member(const struct scrape *s, const struct stats_row *r, uint64_t value)
{
	buf_printf(s->out, "%s{member=\"%s\"} %" PRIu64 "\n", s->name, r->name, value);
}

#define PROXY(which, value)                       \
	static void which(const struct scrape *s) \
	{                                         \
		struct proxy *p = s->proxy;       \
		put(s, (uint64_t)(value));        \
	}
#define MEMBER(which, value)                                         \
	static void which(const struct scrape *s)                    \
	{                                                            \
		for (size_t i = 0; i < s->nrows; i++) {              \
			const struct stats_row *r = &s->rows[i];     \
			if (r->member)                               \
				put_member(s, r, (uint64_t)(value)); \
		}                                                    \
	}

PROXY(clients, p->clients.len)
PROXY(clients_limit, p->conf->maxconn)
PROXY(connections, p->connections)
PROXY(requests, p->total)
PROXY(refused, p->refused)
PROXY(bad_requests, p->bad_requests)
PROXY(held, p->held_total)
PROXY(unknown, p->unknown)
PROXY(master_changes, p->master_changes)
PROXY(received, p->bytes_in)
PROXY(sent, p->bytes_out)
PROXY(left_out, access_log_left_out(p->access_log))
PROXY(client_aborts, p->meter.client_aborts)
PROXY(writable, members_master(p) != NULL)
MEMBER(member_up, r->up)
MEMBER(member_master, members_master(s->proxy) == r->member)
MEMBER(member_in_flight, r->current)
MEMBER(member_limit, r->limit)
MEMBER(member_idle, r->idle)
MEMBER(member_weight, r->weight)
MEMBER(member_requests, r->total)
MEMBER(member_errors, r->errors)
MEMBER(member_connect_errors, r->connect_errors)
MEMBER(member_retries, r->retries)
MEMBER(member_received, r->bytes_out)
MEMBER(member_sent, r->bytes_in)
MEMBER(member_failed_checks, r->failed_checks)
MEMBER(member_deaths, r->deaths)

static void info(const struct scrape *s)
{
	buf_printf(s->out, "%s{version=\"%s\"} 1\n", s->name, BRAMBLE_VERSION);
}

static void uptime(const struct scrape *s)
{
	buf_printf(s->out, "%s %.3f\n", s->name,
		(double)(boottime_ms() - s->proxy->started_ms) / 1000);
}

static void tls_end(const struct scrape *s)
{
	int64_t at = bolt_tls_ends(s->proxy);

	if (at)
		put(s, (uint64_t)at);
}

/* One value of each member that is known; nothing of the others. */
static void member_lag(const struct scrape *s)
{
	for (size_t i = 0; i < s->nrows; i++) {
		if (s->rows[i].member && s->rows[i].lag >= 0)
			put_member(s, &s->rows[i], (uint64_t)s->rows[i].lag);
	}
}

/* What Bolt counts, where it is served. */
#define BOLT(which, value)                                               \
	static void bolt_##which(const struct scrape *s)                 \
	{                                                                \
		const struct bolt_counters *c = bolt_counters(s->proxy); \
		size_t bound = 0, waits = 0;                             \
		size_t open = bolt_sessions(s->proxy, &bound, &waits);   \
		(void)open;                                              \
		if (c)                                                   \
			put(s, (uint64_t)(value));                       \
	}
#define BOLT_MEMBER(which, value)                                              \
	static void bolt_member_##which(const struct scrape *s)                \
	{                                                                      \
		for (size_t i = 0; i < s->nrows; i++) {                        \
			const struct member *m = s->rows[i].member;            \
			size_t busy = 0;                                       \
			const struct bolt_member_counters *c =                 \
				m ? bolt_member_counters(m, &busy) : NULL;     \
			if (c && m->conf->bolt.sin_port)                       \
				put_member(s, &s->rows[i], (uint64_t)(value)); \
		}                                                              \
	}
BOLT(sessions_now, open)
BOLT(connections, c->sessions)
BOLT(waiting, waits)
BOLT(held, c->held)
BOLT(failed_over, c->failed_over)
BOLT(unknown, c->unknown)
BOLT(refused_logins, c->refused_logins)
BOLT(bad_messages, c->bad_messages)
BOLT(routing_calls, c->routing_calls)
BOLT(received, c->bytes_in)
BOLT(sent, c->bytes_out)
BOLT_MEMBER(in_flight, busy - c->tunnels)
BOLT_MEMBER(transactions, c->transactions)
BOLT_MEMBER(connections, c->links)
BOLT_MEMBER(errors, c->errors)
BOLT_MEMBER(sessions_now, c->tunnels)
BOLT_MEMBER(sessions, c->tunnels_total)
BOLT_MEMBER(received, c->bytes_out)
BOLT_MEMBER(sent, c->bytes_in)

static void bolt_transactions(const struct scrape *s)
{
	const struct bolt_counters *c = bolt_counters(s->proxy);

	if (c)
		buf_printf(s->out,
			"%s{mode=\"read\"} %" PRIu64 "\n%s{mode=\"write\"} %" PRIu64 "\n", s->name,
			c->reads, s->name, c->writes);
}

static void waiting(const struct scrape *s)
{
	const struct queue *q = &s->proxy->queue;

	buf_printf(s->out, "%s{kind=\"write\"} %zu\n%s{kind=\"read\"} %zu\n", s->name,
		q->writes.len, s->name, q->reads.len + q->marked.len);
}

static void answers(const struct scrape *s)
{
	static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx", "other"};

	for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
		buf_printf(s->out, "%s{class=\"%s\"} %" PRIu64 "\n", s->name, classes[i],
			s->proxy->meter.answers[i]);
}

static void put_durations(const struct scrape *s, const struct durations *d)
{
	uint64_t below = 0;

	for (size_t i = 0; i < DURATIONS; i++) {
		below += d->n[i];
		if (i < DURATIONS - 1)
			buf_printf(s->out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", s->name,
				duration_bounds[i] / 1000.0, below);
		else
			buf_printf(s->out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", s->name, below);
	}
	buf_printf(s->out, "%s_sum %.3f\n%s_count %" PRIu64 "\n", s->name, (double)d->sum_ms / 1000,
		s->name, below);
}

static void durations(const struct scrape *s)
{
	put_durations(s, &s->proxy->meter.durations);
}

/* The meter is of one or the other. */
static void put_bolt_durations(const struct scrape *s, bool by_port)
{
	if (bolt_counters(s->proxy) && s->proxy->conf->bolt_by_port == by_port)
		put_durations(s, &bolt_meter(s->proxy)->durations);
}

static void bolt_durations(const struct scrape *s)
{
	put_bolt_durations(s, false);
}

static void bolt_session_durations(const struct scrape *s)
{
	put_bolt_durations(s, true);
}

static void member_down(const struct scrape *s)
{
	for (size_t i = 0; i < s->nrows; i++) {
		if (s->rows[i].member)
			buf_printf(s->out, "%s{member=\"%s\"} %.3f\n", s->name, s->rows[i].name,
				(double)s->rows[i].down_ms / 1000);
	}
}

static void member_check(const struct scrape *s)
{
	for (size_t i = 0; i < s->nrows; i++) {
		if (s->rows[i].member)
			buf_printf(s->out, "%s{member=\"%s\"} %.3f\n", s->name, s->rows[i].name,
				(double)s->rows[i].member->last_took_ms / 1000);
	}
}

#define N "bramble_proxy_"

static const struct metric metrics[] = {
	{N "info", "gauge", "The program.", info},
	{N "uptime_seconds", "gauge", "Since the proxy started.", uptime},
	{N "writable", "gauge", "Is there a master that takes writes?", writable},
	{N "master_changes_total", "counter", "Masters adopted.", master_changes},
	{N "clients", "gauge", "Client connections.", clients},
	{N "clients_limit", "gauge", "The most there may be.", clients_limit},
	{N "connections_total", "counter", "Client connections accepted.", connections},
	{N "requests_total", "counter", "Requests read.", requests},
	{N "responses_total", "counter", "Answers, by class of status.", answers},
	{N "request_duration_seconds", "histogram",
		"From a request's first byte to its answer's last, of those members answered.",
		durations},
	{N "requests_refused_total", "counter", "Requests no member could take in time.", refused},
	{N "requests_malformed_total", "counter", "Requests that break the rules.", bad_requests},
	{N "requests_held_total", "counter", "Requests that waited for a member to exist.", held},
	{N "requests_unknown_total", "counter",
		"Requests a member may have carried out, answered with X-Bramble-Outcome.",
		unknown},
	{N "requests_aborted_total", "counter", "Requests whose client left.", client_aborts},
	{N "requests_waiting", "gauge", "Requests that wait for a member now.", waiting},
	{N "received_bytes_total", "counter", "Bytes from clients.", received},
	{N "sent_bytes_total", "counter", "Bytes to clients.", sent},
	{N "access_log_lines_dropped_total", "counter", "Lines left out of the access log.",
		left_out},
	{N "tls_certificate_expiry_timestamp_seconds", "gauge",
		"When the certificate ends; nothing without TLS.", tls_end},
	{N "member_up", "gauge", "May the member get requests?", member_up},
	{N "member_is_master", "gauge", "Do writes go to it?", member_master},
	{N "member_requests_in_flight", "gauge", "Requests it is at.", member_in_flight},
	{N "member_requests_limit", "gauge", "The most it may be at.", member_limit},
	{N "member_idle_connections", "gauge", "Connections kept for it.", member_idle},
	{N "member_weight", "gauge", "Its share of the reads.", member_weight},
	{N "member_requests_total", "counter", "Requests sent to it.", member_requests},
	{N "member_errors_total", "counter", "Requests it failed.", member_errors},
	{N "member_connect_errors_total", "counter", "Connections it did not take.",
		member_connect_errors},
	{N "member_retries_total", "counter", "Requests that waited again for its failing.",
		member_retries},
	{N "member_received_bytes_total", "counter", "Bytes from it.", member_received},
	{N "member_sent_bytes_total", "counter", "Bytes to it.", member_sent},
	{N "member_failed_checks_total", "counter", "Checks without an answer.",
		member_failed_checks},
	{N "member_check_duration_seconds", "gauge", "How long its last check took.", member_check},
	{N "member_deaths_total", "counter", "Times it went down.", member_deaths},
	{N "member_down_seconds_total", "counter", "How long it was down.", member_down},
	{N "member_lag_transactions", "gauge", "How many it is behind the master.", member_lag},
	{N "bolt_sessions", "gauge", "Connections of drivers.", bolt_sessions_now},
	{N "bolt_connections_total", "counter", "Connections of drivers taken.", bolt_connections},
	{N "bolt_transactions_total", "counter", "Transactions given to a member.",
		bolt_transactions},
	{N "bolt_transaction_duration_seconds", "histogram",
		"From the message that began one to its last answer, of those members took.",
		bolt_durations},
	{N "bolt_session_duration_seconds", "histogram",
		"How long connections lasted that were a member's as a whole.",
		bolt_session_durations},
	{N "bolt_transactions_waiting", "gauge",
		"Transactions, logins and connections as a whole that wait for a member.",
		bolt_waiting},
	{N "bolt_transactions_held_total", "counter", "Those that had to wait.", bolt_held},
	{N "bolt_transactions_failed_over_total", "counter",
		"Those whose member went away: a driver may try again.", bolt_failed_over},
	{N "bolt_transactions_unknown_total", "counter",
		"Those whose member went away in a commit.", bolt_unknown},
	{N "bolt_logins_refused_total", "counter", "Logins that a member refused.",
		bolt_refused_logins},
	{N "bolt_messages_malformed_total", "counter", "Messages that break the rules.",
		bolt_bad_messages},
	{N "bolt_routing_calls_total", "counter", "Routing tables given.", bolt_routing_calls},
	{N "bolt_received_bytes_total", "counter", "Bytes from drivers.", bolt_received},
	{N "bolt_sent_bytes_total", "counter", "Bytes to drivers.", bolt_sent},
	{N "member_bolt_transactions_in_flight", "gauge", "Transactions it is at.",
		bolt_member_in_flight},
	{N "member_bolt_transactions_total", "counter", "Transactions it was given.",
		bolt_member_transactions},
	{N "member_bolt_connections_total", "counter", "Connections to it that it took.",
		bolt_member_connections},
	{N "member_bolt_errors_total", "counter", "Connections to it that failed.",
		bolt_member_errors},
	{N "member_bolt_sessions", "gauge", "Connections of drivers that are its as a whole.",
		bolt_member_sessions_now},
	{N "member_bolt_sessions_total", "counter", "Those there were.", bolt_member_sessions},
	{N "member_bolt_received_bytes_total", "counter", "Bytes from it on those.",
		bolt_member_received},
	{N "member_bolt_sent_bytes_total", "counter", "Bytes to it on those.", bolt_member_sent},
};

void stats_metrics(struct proxy *p, struct buf *out)
{
	struct stats_row rows[STATS_ROWS_MAX];
	struct scrape s = {.proxy = p, .rows = rows, .nrows = stats_rows(p, rows), .out = out};

	for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
		s.name = metrics[i].name;
		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", s.name, metrics[i].help, s.name,
			metrics[i].type);
		metrics[i].samples(&s);
	}
}

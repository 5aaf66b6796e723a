/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include "members/member.h"
#include "members/tx_watch.h"
#include "stats/stats.h"

static const char *status_of(const struct member *m)
{
	if (m->role == NEO4J_DOWN)
		return m->last_probe_ms ? "DOWN" : "no check";
	if (m->fails)
		return "silent";
	return member_usable(m) ? "UP" : "NOLB";
}

const char *stats_check_status(const struct member *m)
{
	if (!m->last_probe_ms)
		return "INI";
	if (m->last_status)
		return m->role == NEO4J_MASTER || m->role == NEO4J_SLAVE ? "L7OK" : "L7STS";
	if (m->last_error == ECONNREFUSED || m->last_error == EHOSTUNREACH ||
		m->last_error == ENETUNREACH)
		return "L4CON";
	return strcmp(m->last_why, "timeout") == 0 ? "L7TOUT" : "L7RSP";
}

static void take_meter(struct stats_row *r, const struct meter *m, int64_t now_ms)
{
	r->meter = m;
	r->request_rate = rate_per_s(&m->rate, now_ms);
	r->request_rate_max = m->rate.max;
	memcpy(r->answers, m->answers, sizeof(r->answers));
	r->client_aborts = m->client_aborts;
	r->member_aborts = m->member_aborts;
	r->connect_errors = m->connect_errors;
	r->redispatches = m->redispatches;
}

static struct stats_row frontend_row(const struct proxy *p)
{
	int64_t now_ms = boottime_ms();
	struct stats_row r = {
		.pool = "http",
		.name = "FRONTEND",
		.type = 0,
		.iid = 2,
		.role = "",
		.status = p->draining ? "STOP" : "OPEN",
		.up = !p->draining,
		.current = p->clients.len,
		.current_max = p->clients_max,
		.limit = p->conf->maxconn,
		.total = p->connections,
		.bytes_in = p->bytes_in,
		.bytes_out = p->bytes_out,
		.refused = p->refused,
		.bad_requests = p->bad_requests,
		.rate = rate_per_s(&p->connection_rate, now_ms),
		.rate_max = p->connection_rate.max,
		.since_ms = now_ms - p->started_ms,
	};

	take_meter(&r, &p->meter, now_ms);
	return r;
}

static struct stats_row member_row(const struct member *m)
{
	bool master = election_master(&m->proxy->election) == m->index;
	int64_t now_ms = boottime_ms();
	struct stats_row r = {
		.pool = "neo4j",
		.name = m->conf->name,
		.type = 2,
		.iid = 3,
		.lag = tx_watch_lag(m),
		.id = m->conf->id,
		.member = m,
		.role = master                    ? "master"
			: m->role == NEO4J_MASTER ? "claims master"
						  : neo4j_role_name(m->role),
		.status = status_of(m),
		.up = member_usable(m),
		.usable = member_usable(m),
		.weight = m->weight,
		.queue = m->pinned.len,
		.current = m->busy.len,
		.current_max = m->busy_max,
		.limit = m->proxy->conf->member_maxconn,
		.idle = m->idle.len,
		.total = m->total,
		.bytes_in = m->bytes_in,
		.bytes_out = m->bytes_out,
		.errors = m->errors,
		.retries = m->retries,
		.failed_checks = m->failed_probes,
		.deaths = m->deaths,
		.since_ms = now_ms - m->role_since_ms,
		.down_ms = m->down_ms + (m->down_since_ms ? now_ms - m->down_since_ms : 0),
	};

	take_meter(&r, &m->meter, now_ms);
	r.rate = r.request_rate;
	r.rate_max = r.request_rate_max;
	return r;
}

static void add_member(struct stats_row *sum, const struct stats_row *r)
{
	sum->up |= r->up;
	sum->usable += r->usable;
	sum->weight += r->up ? r->weight : 0;
	sum->queue += r->queue;
	sum->current += r->current;
	sum->limit += r->limit;
	sum->idle += r->idle;
	sum->total += r->total;
	sum->bytes_in += r->bytes_in;
	sum->bytes_out += r->bytes_out;
	sum->errors += r->errors;
	sum->retries += r->retries;
	sum->deaths += r->deaths;
	sum->connect_errors += r->connect_errors;
	sum->redispatches += r->redispatches;
	sum->client_aborts += r->client_aborts;
	sum->member_aborts += r->member_aborts;
	sum->rate += r->rate;
	for (size_t i = 0; i < ARRAY_SIZE(sum->answers); i++)
		sum->answers[i] += r->answers[i];
}

static struct stats_row backend_row(const struct proxy *p)
{
	int64_t since = p->no_master_since_ms ? p->no_master_since_ms : p->started_ms;

	return (struct stats_row){
		.pool = "neo4j",
		.name = "BACKEND",
		.type = 1,
		.iid = 3,
		.role = "",
		.meter = &p->meter,
		.queue = queue_len(&p->queue),
		.queue_max = p->queue.len_max,
		.rate_max = p->meter.rate.max,
		.request_rate_max = p->meter.rate.max,
		.refused = p->refused,
		.since_ms = boottime_ms() - since,
	};
}

size_t stats_rows(struct proxy *p, struct stats_row rows[static STATS_ROWS_MAX])
{
	struct stats_row sum = backend_row(p);
	size_t n = 0;

	rows[n++] = frontend_row(p);
	for (struct member *m = NULL; (m = members_next(p, m));) {
		rows[n] = member_row(m);
		add_member(&sum, &rows[n++]);
	}
	sum.status = sum.up ? "UP" : "DOWN";
	sum.request_rate = sum.rate;
	rows[n++] = sum;
	return n;
}

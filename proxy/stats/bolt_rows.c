/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The Bolt front as HAProxy would show it: another proxy, of transactions instead of requests, or,
 * where a connection as a whole goes to a member, of connections: then it is HAProxy's mode tcp.
 */
#include "bolt/front.h"
#include "members/member.h"
#include "stats/stats.h"

static void take_meter(struct stats_row *r, const struct meter *m, int64_t now_ms)
{
	r->meter = m;
	r->rate = r->request_rate = rate_per_s(&m->rate, now_ms);
	r->rate_max = r->request_rate_max = m->rate.max;
	r->client_aborts = m->client_aborts;
	r->member_aborts = m->member_aborts;
}

static struct stats_row frontend_row(const struct proxy *p, const struct bolt_counters *c)
{
	struct stats_row r = {
		.pool = "bolt",
		.name = "FRONTEND",
		.type = 0,
		.iid = 4,
		.role = "",
		.status = p->draining ? "STOP" : "OPEN",
		.up = !p->draining,
		.current = bolt_sessions(p, NULL, NULL),
		.current_max = c->sessions_max,
		.limit = p->conf->maxconn,
		.total = c->sessions,
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.refused = c->refused_logins,
		.bad_requests = c->bad_messages,
		.since_ms = boottime_ms() - p->started_ms,
	};

	take_meter(&r, bolt_meter(p), boottime_ms());
	return r;
}

static struct stats_row member_row(const struct stats_row *http)
{
	const struct member *m = http->member;
	size_t busy = 0;
	const struct bolt_member_counters *c = bolt_member_counters(m, &busy);
	struct stats_row r = *http; /* its state is the same */

	r.pool = "neo4j-bolt";
	r.iid = 5;
	r.queue = r.idle = 0;
	r.current = busy;
	r.current_max = c->busy_max + c->tunnels_max; /* one of them is none */
	r.limit = m->proxy->conf->bolt_by_port ? 0 : m->proxy->conf->bolt_maxconn;
	r.total = bolt_member_total(c);
	r.errors = c->errors;
	r.bytes_in = c->bytes_in;
	r.bytes_out = c->bytes_out;
	r.retries = r.redispatches = r.connect_errors = 0;
	take_meter(&r, bolt_member_meter(m), boottime_ms());
	return r;
}

static struct stats_row backend_row(const struct proxy *p, const struct bolt_counters *c)
{
	struct stats_row r = {
		.pool = "neo4j-bolt",
		.name = "BACKEND",
		.type = 1,
		.iid = 5,
		.role = "",
		.total = bolt_total(c),
		.since_ms = boottime_ms() - p->started_ms,
	};

	take_meter(&r, bolt_meter(p), boottime_ms());
	(void)bolt_sessions(p, &r.current, &r.queue);
	return r;
}

size_t stats_bolt_rows(const struct proxy *p, const struct stats_row *http, size_t nhttp,
	struct stats_row rows[static STATS_ROWS_MAX])
{
	const struct bolt_counters *c = bolt_counters(p);
	size_t n = 0;

	if (!c)
		return 0;
	struct stats_row sum = backend_row(p, c);
	rows[n++] = frontend_row(p, c);
	for (size_t i = 0; i < nhttp; i++) {
		if (!http[i].member || !http[i].member->conf->bolt.sin_port)
			continue;
		rows[n] = member_row(&http[i]);
		sum.up |= rows[n].up;
		sum.usable += rows[n].usable;
		sum.weight += rows[n].up ? rows[n].weight : 0;
		sum.limit += rows[n].limit;
		sum.bytes_in += rows[n].bytes_in;
		sum.bytes_out += rows[n].bytes_out;
		sum.errors += rows[n++].errors;
	}
	sum.status = sum.up ? "UP" : "DOWN";
	rows[n++] = sum;
	return n;
}

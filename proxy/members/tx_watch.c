/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "members/member.h"
#include "members/tx_watch.h"
#include "neo4j_bean.h"

#define EVERY_MS 1000
#define REFUSED_MS 30000 /* until one that says no is asked again */
#define STALE_MS 10000   /* what was heard so long ago tells nothing of now */
#define TIMEOUT_MS 3000
#define BODY_MAX (64u << 10)

static bool is_master(const struct member *m)
{
	return election_master(&m->proxy->election) == m->index;
}

void tx_watch_heard(struct member *m, int64_t as_of_ms, uint64_t tx)
{
	reach_note(&m->reach, as_of_ms, tx);
	if (is_master(m))
		reach_note(&m->proxy->reach, as_of_ms, tx);
	if (m->proxy->queue.marked.len)
		proxy_kick(m->proxy);
}

static void schedule(struct member *m, int64_t in_ms)
{
	(void)loop_timer_set(m->proxy->loop, &m->bean_timer, in_ms);
}

static void done(void *arg, const struct http_result *r)
{
	struct member *m = arg;

	if (r->status == 200) {
		struct neo4j_bean bean = neo4j_bean_parse(r->body);
		if (bean.last_tx != TX_UNKNOWN)
			tx_watch_heard(m, boottime_ms() - r->took_ms, bean.last_tx);
	}
	schedule(m, r->status == 200 || !r->status ? EVERY_MS : REFUSED_MS);
}

static void due(struct loop_timer *t)
{
	struct member *m = container_of(t, struct member, bean_timer);
	bool tells =
		m->dialect == DIALECT_HA && (m->role == NEO4J_MASTER || m->role == NEO4J_SLAVE);

	if (!tells || !m->bean)
		return;
	_cleanup_free_ char *fields =
		xasprintf("Accept: application/json\r\n%s", m->proxy->check_fields);
	http_client_send(m->bean, "GET", NEO4J_HA_BEAN, fields, "", TIMEOUT_MS, done, m);
}

void tx_watch_start(struct member *m)
{
	loop_timer_init(&m->bean_timer, due);
	if (!m->conf->agent.sin_port)
		m->bean = http_client_new(m->proxy->loop, &m->conf->http, BODY_MAX);
}

void tx_watch_stop(struct member *m)
{
	loop_timer_del(&m->bean_timer);
	http_client_free(m->bean);
	m->bean = NULL;
	m->reach = (struct reach){0};
}

void tx_watch_role(struct member *m)
{
	if (m->role != NEO4J_MASTER && m->role != NEO4J_SLAVE)
		m->reach = (struct reach){0}; /* it may come back with another store */
	if (m->bean && !http_client_busy(m->bean))
		(void)loop_timer_set(m->proxy->loop, &m->bean_timer, 0);
}

void tx_watch_master(struct proxy *p)
{
	p->reach = (struct reach){0};
}

bool tx_watch_has(const struct member *m, int64_t since_ms)
{
	uint64_t needed, had;

	if (is_master(m))
		return true;
	return reach_needed(&m->proxy->reach, since_ms, &needed) &&
	       reach_had(&m->reach, boottime_ms() - REACH_SETTLED_MS, &had) && had >= needed;
}

static bool is_stale(const struct proxy *p, const struct reach *r)
{
	int64_t ms = STALE_MS + 2 * p->conf->check_interval_ms; /* agents are asked as often */

	return boottime_ms() - r->slot[r->newest].as_of_ms > ms;
}

int64_t tx_watch_lag(const struct member *m)
{
	uint64_t master, own;

	if (is_stale(m->proxy, &m->reach) || is_stale(m->proxy, &m->proxy->reach))
		return -1;
	if (!reach_latest(&m->proxy->reach, &master) || !reach_latest(&m->reach, &own))
		return -1;
	return master > own ? (int64_t)(master - own) : 0;
}

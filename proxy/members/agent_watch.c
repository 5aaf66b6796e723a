/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log.h"
#include "members/agent_watch.h"
#include "members/member.h"
#include "members/membership.h"
#include "members/tx_watch.h"
#include "stats/account.h"

#define BODY_MAX (64u << 10)
#define TIMEOUT_MS 1000
#define FAST_MS 50

static void set_fit(struct member *m, bool fit, const char *why)
{
	if (m->fit == fit)
		return;
	m->fit = fit;
	if (fit && m->role != NEO4J_MASTER)
		member_look(m); /* the agent knew it first */
	if (m->role == NEO4J_MASTER)
		account_event(m->proxy, LOG_LEVEL_INFO, "%s: its agent says %s%s%s", m->conf->name,
			fit ? "it may be written to" : "it may not be written to", *why ? ": " : "",
			why);
	member_claim(m);
}

/* Writes wait for this agent's word: for seconds after an election, for days with a full card. */
static bool is_awaited(const struct member *m)
{
	int64_t none_ms = m->proxy->no_master_since_ms,
		since_ms = m->role_since_ms > none_ms ? m->role_since_ms : none_ms;

	return m->role == NEO4J_MASTER && !m->fit && boottime_ms() - since_ms < FAST_FOR_MS;
}

static void schedule(struct member *m)
{
	int64_t ms = m->proxy->conf->check_interval_ms;

	(void)loop_timer_set(
		m->proxy->loop, &m->agent_timer, is_awaited(m) && ms > FAST_MS ? FAST_MS : ms);
}

bool agent_watch_heard(const struct member *m)
{
	return m->agent_heard_ms && boottime_ms() - m->agent_heard_ms <= AGENT_GRACE_MS;
}

/*
 * One that is somebody else than proxy.conf says, or not where it is reached, as behind a
 * translation of addresses, tells ids and addresses that are of no use here.
 */
static const struct roster *roster_of(const struct member *m, const struct agent_word *w)
{
	bool itself = w->id == m->conf->id && w->address.s_addr == m->conf->agent.sin_addr.s_addr;

	return itself ? &w->roster : NULL;
}

/* It asked its Neo4j that long before it answered us, and answered after we had asked. */
static void take_tx(struct member *m, const struct http_result *r, const struct agent_word *w)
{
	int64_t sent_ms = boottime_ms() - r->took_ms;

	if (w->last_tx != TX_UNKNOWN && w->tx_age_ms >= 0 && w->tx_age_ms < sent_ms)
		tx_watch_heard(m, sent_ms - w->tx_age_ms, w->last_tx);
}

static void done(void *arg, const struct http_result *r)
{
	struct member *m = arg;
	struct agent_word w;

	m->agent_asked = true;
	if (r->status == 200 && agent_word_parse(r->body, &w) == 0) {
		m->agent_heard_ms = boottime_ms();
		membership_heard(m, roster_of(m, &w));
		take_tx(m, r, &w);
		set_fit(m, w.writable, w.why);
	} else if (!agent_watch_heard(m)) {
		set_fit(m, false, r->status ? "it says nothing of writes" : r->why);
	}
	if (!http_client_busy(m->agent))
		schedule(m);
}

void agent_watch_now(struct member *m)
{
	if (!m->agent || http_client_busy(m->agent))
		return;
	loop_timer_del(&m->agent_timer);
	http_client_send(m->agent, "GET", "/cluster", "", "", TIMEOUT_MS, done, m);
}

static void due(struct loop_timer *t)
{
	agent_watch_now(container_of(t, struct member, agent_timer));
}

int agent_watch_start(struct member *m, struct err *e)
{
	loop_timer_init(&m->agent_timer, due);
	m->fit = m->conf->agent.sin_port == 0;
	if (m->fit)
		return 0;
	m->agent = http_client_new(m->proxy->loop, &m->conf->agent, BODY_MAX);
	if (!m->agent)
		return err_set(e, "member %s: out of memory", m->conf->name);
	agent_watch_now(m);
	return 0;
}

void agent_watch_stop(struct member *m)
{
	loop_timer_del(&m->agent_timer);
	http_client_free(m->agent);
	m->agent = NULL;
	free(steal(&m->roster));
}

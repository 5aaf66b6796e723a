/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include "agent_watch.h"
#include "bolt/front.h"
#include "http/exchange.h"
#include "log.h"
#include "member.h"
#include "membership.h"
#include "tx_watch.h"
#include "http/pool.h"

#define PROBE_BODY_MAX 4096

static void probe_now(struct member *m);

struct member *members_next(const struct proxy *p, const struct member *m)
{
	for (size_t i = m ? (size_t)m->index + 1 : 0; i < p->nmembers; i++) {
		if (p->members[i].state == MEMBER_IN || p->members[i].state == MEMBER_LEAVING)
			return &p->members[i];
	}
	return NULL;
}

size_t members_count(const struct proxy *p)
{
	size_t n = 0;

	for (struct member *m = NULL; (m = members_next(p, m));)
		n++;
	return n;
}

bool members_heard(const struct proxy *p)
{
	for (struct member *m = NULL; (m = members_next(p, m));) {
		bool known = m->role != NEO4J_DOWN || m->down_since_ms || m->admin == MEMBER_MAINT;
		if (!known || (m->agent && !m->agent_asked))
			return false;
	}
	return true;
}

bool member_usable(const struct member *m)
{
	return m->state == MEMBER_IN && m->admin == MEMBER_READY && member_reachable(m);
}

bool member_reachable(const struct member *m)
{
	return m->admin != MEMBER_MAINT && m->fails == 0 &&
	       (m->role == NEO4J_MASTER || m->role == NEO4J_SLAVE);
}

static bool has_connection(const struct member *m)
{
	return m->idle.len || m->proxy->connect_timer.heap_index < 0;
}

bool member_has_room(const struct member *m)
{
	return m->busy.len < m->proxy->conf->member_maxconn && has_connection(m);
}

unsigned member_throttle(const struct member *m)
{
	int64_t ms = m->proxy->conf->slowstart_ms;
	int64_t gone_ms = m->slow_since_ms ? boottime_ms() - m->slow_since_ms : ms;

	if (gone_ms >= ms)
		return 100;
	return gone_ms * 100 < ms ? 1 : (unsigned)(gone_ms * 100 / ms);
}

unsigned member_pull(const struct member *m)
{
	return m->weight * member_throttle(m);
}

bool member_has_read_room(const struct member *m)
{
	size_t room = (size_t)m->proxy->conf->member_maxconn * member_throttle(m) / 100;

	return m->busy.len < (room ? room : 1) && has_connection(m);
}

/* One that is leaving takes writes until there is another master. */
struct member *members_master(struct proxy *p)
{
	int i = election_master(&p->election);
	struct member *m = i >= 0 ? &p->members[i] : NULL;

	return m && m->admin == MEMBER_READY && member_reachable(m) ? m : NULL;
}

struct member *member_by_id(struct proxy *p, unsigned id)
{
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (m->conf->id == id)
			return m;
	}
	return NULL;
}

const char *members_why_no_master(const struct proxy *p)
{
	int i = election_master(&p->election);

	return i >= 0 && p->members[i].admin == MEMBER_DRAIN ? "the master is being drained"
							     : election_why_none(&p->election);
}

struct member *members_find(struct proxy *p, const char *name)
{
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (strcmp(m->conf->name, name) == 0)
			return m;
	}
	return NULL;
}

/* The chosen one gets the writes; whatever others may still write is cut in the same step. */
static void adopt(struct proxy *p, int master)
{
	account_event(p, LOG_LEVEL_INFO, "%s: is the master, writes go there",
		p->members[master].conf->name);
	p->master_changes++;
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (m->index == master)
			continue;
		exchange_cut_all(m, true, "another member became master");
		bolt_cut(m, true, "another member became master");
	}
	p->last_master = master;
	tx_watch_master(p);
	membership_look(p);
}

static bool in_doubt(const struct member *m)
{
	bool owes = m->probe && http_client_busy(m->probe);

	return m->fails || (owes && boottime_ms() - m->asked_ms >= CHALLENGE_MS);
}

static void perform(struct proxy *p, struct election_actions a)
{
	int64_t ms =
		a.probe >= 0 && in_doubt(&p->members[a.probe]) ? CHALLENGE_DOUBT_MS : CHALLENGE_MS;

	if (a.probe >= 0)
		probe_now(&p->members[a.probe]);
	if (a.arm_timer)
		(void)loop_timer_set(p->loop, &p->challenge_timer, ms);
	if (a.adopt >= 0)
		adopt(p, a.adopt);
	if (election_master(&p->election) >= 0) {
		p->no_master_since_ms = 0;
	} else if (!p->no_master_since_ms) {
		account_event(
			p, LOG_LEVEL_WARN, "writes wait: %s", election_why_none(&p->election));
		p->no_master_since_ms = boottime_ms();
	}
	proxy_kick(p);
}

static void challenge_expired(struct loop_timer *t)
{
	struct proxy *p = container_of(t, struct proxy, challenge_timer);

	perform(p, election_timeout(&p->election));
}

/* How long it was down in all: HAProxy's downtime. */
static void note_downtime(struct member *m, enum neo4j_role role)
{
	if (role == NEO4J_DOWN) {
		m->down_since_ms = boottime_ms();
	} else if (m->down_since_ms) {
		m->down_ms += boottime_ms() - m->down_since_ms;
		m->down_since_ms = 0;
	}
}

void member_claim(struct member *m)
{
	enum neo4j_role role = m->role == NEO4J_MASTER && !m->fit ? NEO4J_SLAVE : m->role;

	perform(m->proxy, election_heard(&m->proxy->election, m->index, role));
}

/* Its caches are empty, and so is what its JVM knows: what it takes at first it answers late. */
static void begin_slowly(struct member *m)
{
	if (!m->cold || (m->role != NEO4J_MASTER && m->role != NEO4J_SLAVE))
		return;
	m->cold = false;
	m->slow_since_ms = boottime_ms();
}

static void set_role(struct member *m, enum neo4j_role role)
{
	if (role != m->role) {
		account_event(m->proxy, LOG_LEVEL_INFO, "%s: %s, was %s (%s)", m->conf->name,
			neo4j_role_name(role), neo4j_role_name(m->role), m->last_why);
		note_downtime(m, role);
		m->role = role;
		m->role_since_ms = boottime_ms();
		begin_slowly(m);
		agent_watch_now(m);
		tx_watch_role(m);
	}
	member_claim(m);
}

static void died(struct member *m)
{
	bool news = m->role != NEO4J_DOWN;

	if (!m->down_since_ms) /* one that never was up, too */
		m->down_since_ms = boottime_ms();
	m->deaths += news;
	set_role(m, NEO4J_DOWN);
	if (news) {
		m->cold = true;
		m->dialect = m->proxy->conf->dialect; /* it may come back as another version */
		exchange_cut_all(m, false, "the member died");
		bolt_cut(m, false, "the member died");
		pool_close_idle(m, INT64_MAX);
	}
	exchange_lose_pinned(m);
	membership_look(m->proxy);
}

static bool master_in_doubt(const struct proxy *p)
{
	int i = election_master(&p->election);

	return i >= 0 && in_doubt(&p->members[i]);
}

static bool probe_fast(const struct member *m)
{
	const struct proxy *p = m->proxy;
	bool waiting = p->no_master_since_ms && boottime_ms() - p->no_master_since_ms < FAST_FOR_MS;

	return waiting || master_in_doubt(p) || (m->fails && m->role != NEO4J_DOWN);
}

static void schedule_probe(struct member *m)
{
	int64_t ms = m->proxy->conf->check_interval_ms;

	if (probe_fast(m) && ms > FAST_PROBE_MS)
		ms = FAST_PROBE_MS;
	/* Some jitter, so that proxies do not all ask at once. */
	ms += (int64_t)randombytes_uniform((uint32_t)(ms / 5 + 1)) - ms / 10;
	(void)loop_timer_set(m->proxy->loop, &m->probe_timer, ms);
}

/* What would be asked at leisure is asked soon, when the master is in doubt. */
static void hurry(struct proxy *p)
{
	int64_t soon_ms = boottime_ms() + FAST_PROBE_MS;

	if (!master_in_doubt(p))
		return;
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (m->probe_timer.heap_index >= 0 && m->probe_timer.at_ms > soon_ms)
			schedule_probe(m);
	}
}

static void doubt_begins(struct loop_timer *t)
{
	hurry(container_of(t, struct proxy, doubt_timer));
}

/* The next question comes at once when GET / told the version, else in its turn. */
static void understand(struct member *m, const struct http_result *r)
{
	struct proxy *p = m->proxy;
	enum dialect asked = m->dialect;

	/* Who did not say what it is, is not taken for a single one by what it says later. */
	m->refused = dialect_is_refused(r->status) || (m->refused && asked != DIALECT_ASK);
	bool alone = members_count(p) == 1 && !m->refused;
	struct dialect_heard h = dialect_hear(asked, p->conf->dialect, alone, r->status, r->body);
	m->dialect = h.next;
	if (h.next == asked && h.role != NEO4J_UNKNOWN)
		p->dialect = asked;
	if (asked == DIALECT_ASK && h.next != asked)
		probe_now(m);
	else
		set_role(m, h.role);
}

/* How many bytes of it, at most `most`. */
static int first_line(struct slice text, int most)
{
	int n = 0;

	while (n < most && (size_t)n < text.n && (unsigned char)text.p[n] >= ' ')
		n++;
	return n;
}

static void probe_failed(struct member *m, const struct http_result *r)
{
	snprintf(m->last_why, sizeof(m->last_why), "%s", r->why);
	m->failed_probes++;
	if (net_own_fault(r->error))
		return;
	m->fails++;
	if (m->fails >= FAILS_UNTIL_DEAD || r->error == ECONNREFUSED)
		died(m);
	hurry(m->proxy);
}

static void probe_done(void *arg, const struct http_result *r)
{
	struct member *m = arg;

	m->last_status = r->status;
	m->last_error = r->error;
	m->last_took_ms = r->took_ms;
	m->last_probe_ms = boottime_ms();
	if (r->status) {
		snprintf(m->last_why, sizeof(m->last_why), "%u %.*s", r->status,
			first_line(r->body, 32), r->body.p);
		m->fails = 0;
		understand(m, r);
	} else {
		probe_failed(m, r);
	}
	pool_close_idle(m, boottime_ms() - POOL_IDLE_MS);
	if (member_throttle(m) == 100)
		m->slow_since_ms = 0;
	if (!http_client_busy(m->probe))
		schedule_probe(m);
}

static void probe_now(struct member *m)
{
	bool counts = m->state == MEMBER_IN || m->state == MEMBER_LEAVING;

	if (m->admin == MEMBER_MAINT || !m->probe || !counts)
		return;
	loop_timer_del(&m->probe_timer);
	m->asked_ms = boottime_ms();
	if (m->index == election_master(&m->proxy->election))
		(void)loop_timer_set(m->proxy->loop, &m->proxy->doubt_timer, CHALLENGE_MS);
	http_client_send(m->probe, "GET", dialect_target(m->dialect), m->proxy->check_fields, "",
		PROBE_TIMEOUT_MS, probe_done, m);
}

static void probe_due(struct loop_timer *t)
{
	probe_now(container_of(t, struct member, probe_timer));
}

/* A port that takes probes only would have each answer lead to the next suspicion. */
void member_suspect(struct member *m)
{
	int64_t now_ms = boottime_ms(), again_ms = m->suspected_ms + FAST_PROBE_MS;

	if (m->fails)
		return;
	m->fails = 1;
	if (!m->probe)
		return;
	m->suspected_ms = now_ms;
	http_client_renew(m->probe);
	if (now_ms >= again_ms)
		probe_now(m);
	else
		(void)loop_timer_at(m->proxy->loop, &m->probe_timer, again_ms);
}

void member_connect_failed(struct member *m, int error)
{
	struct proxy *p = m->proxy;

	if (error != m->connect_error)
		log_warn("%s: cannot connect: %s", m->conf->name, strerror(error));
	m->connect_error = error;
	if (!net_own_fault(error))
		member_suspect(m);
	else if (p->connect_timer.heap_index < 0)
		(void)loop_timer_set(p->loop, &p->connect_timer, CONNECT_AGAIN_MS);
}

void member_connected(struct member *m)
{
	if (m->connect_error)
		log_info("%s: takes connections again", m->conf->name);
	m->connect_error = 0;
}

static void connect_again(struct loop_timer *t)
{
	proxy_kick(container_of(t, struct proxy, connect_timer));
}

static const char *const admin_names[] = {
	[MEMBER_READY] = "ready", [MEMBER_DRAIN] = "drain", [MEMBER_MAINT] = "maint"};

const char *member_admin_name(enum member_admin admin)
{
	return admin_names[admin];
}

int member_admin_parse(const char *name, enum member_admin *admin)
{
	for (size_t i = 0; i < ARRAY_SIZE(admin_names); i++) {
		if (strcmp(name, admin_names[i]) == 0) {
			*admin = (enum member_admin)i;
			return 0;
		}
	}
	return -1;
}

void member_end(struct member *m, const char *why)
{
	loop_timer_del(&m->probe_timer);
	http_client_cancel(m->probe);
	snprintf(m->last_why, sizeof(m->last_why), "%s", why);
	set_role(m, NEO4J_DOWN);
	exchange_cut_all(m, false, why);
	exchange_lose_pinned(m);
	bolt_cut(m, false, why);
	pool_close_idle(m, INT64_MAX);
}

void member_set_admin(struct member *m, enum member_admin admin, const char *by)
{
	enum member_admin before = m->admin;

	if (admin == before)
		return;
	m->admin = admin;
	account_event(m->proxy, LOG_LEVEL_INFO, "%s: %s, was %s, by %s", m->conf->name,
		member_admin_name(admin), member_admin_name(before), by);
	if (admin == MEMBER_MAINT)
		member_end(m, "the member is in maintenance");
	else if (before == MEMBER_MAINT)
		probe_now(m);
	if (admin != MEMBER_READY)
		pool_close_idle(m, INT64_MAX);
	proxy_kick(m->proxy);
}

void member_set_weight(struct member *m, unsigned weight, const char *by)
{
	if (weight == m->weight)
		return;
	account_event(m->proxy, LOG_LEVEL_INFO, "%s: weight %u, was %u, by %s", m->conf->name,
		weight, m->weight, by);
	m->weight = weight;
	proxy_kick(m->proxy);
}

void member_look(struct member *m)
{
	if (!http_client_busy(m->probe))
		probe_now(m);
}

static const struct member_conf nobody = {.name = "-", .http_text = ""};

static void make_slot(struct proxy *p, size_t i)
{
	struct member *m = &p->members[i];

	*m = (struct member){.proxy = p, .conf = &nobody, .index = (int)i};
	loop_timer_init(&m->probe_timer, probe_due);
	loop_timer_init(&m->bean_timer, NULL);
}

int member_start(struct member *m, const struct member_conf *conf, struct err *e)
{
	struct proxy *p = m->proxy;

	m->conf = conf;
	m->weight = conf->weight;
	m->role_since_ms = boottime_ms();
	m->dialect = p->conf->dialect;
	m->probe = http_client_new(p->loop, &conf->http, PROBE_BODY_MAX);
	if (!m->probe)
		return err_set(e, "member %s: out of memory", conf->name);
	tx_watch_start(m);
	if (agent_watch_start(m, e) < 0)
		return -1;
	probe_now(m);
	return 0;
}

void member_move(struct member *m, const struct member_conf *conf)
{
	unsigned weight = m->weight; /* it may have been ordered */
	struct err e = {0};

	loop_timer_del(&m->probe_timer);
	http_client_free(steal(&m->probe)); /* what is cut below asks for a probe */
	agent_watch_stop(m);
	tx_watch_stop(m);
	pool_close_idle(m, INT64_MAX);
	/* A link may live for ever and be idle in between: of one to nowhere nobody would hear. */
	bolt_cut(m, false, "the member moved to another address");
	member_conf_free(m->conf);
	m->moves++;
	if (member_start(m, conf, &e) < 0)
		log_error("%s", e.msg);
	m->weight = weight;
}

void member_clear(struct member *m)
{
	struct proxy *p = m->proxy;
	size_t i = (size_t)m->index;

	loop_timer_del(&m->probe_timer);
	http_client_free(steal(&m->probe)); /* what is cut below asks for a probe */
	agent_watch_stop(m);
	tx_watch_stop(m);
	pool_close_idle(m, INT64_MAX);
	bolt_forget(m);
	member_conf_free(m->conf);
	if (p->last_master == m->index)
		p->last_master = -1;
	make_slot(p, i);
}

int members_start(struct proxy *p, struct err *e)
{
	p->members = xcalloc(MEMBERS_MAX, sizeof(*p->members));
	for (size_t i = 0; i < MEMBERS_MAX; i++)
		make_slot(p, i);
	p->check_fields = proxy_conf_check_fields(p->conf, e);
	if (!p->check_fields)
		return err_prefix(e, "checks");
	p->dialect = p->conf->dialect;
	p->no_master_since_ms = boottime_ms();
	p->last_master = -1;
	randombytes_buf(&p->bookmark_id, sizeof(p->bookmark_id));
	election_init(&p->election);
	loop_timer_init(&p->challenge_timer, challenge_expired);
	loop_timer_init(&p->connect_timer, connect_again);
	loop_timer_init(&p->doubt_timer, doubt_begins);
	return membership_start(p, e);
}

void members_stop(struct proxy *p)
{
	loop_timer_del(&p->challenge_timer);
	loop_timer_del(&p->connect_timer);
	loop_timer_del(&p->doubt_timer);
	if (p->members)
		membership_stop(p);
	free(p->check_fields);
	free(p->orders);
	free(p->members);
	p->members = NULL;
	p->nmembers = 0;
}

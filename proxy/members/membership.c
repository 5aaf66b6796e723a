/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include "descriptors.h"
#include "handover/handover.h"
#include "log.h"
#include "members/agent_watch.h"
#include "members/member.h"
#include "members/membership.h"
#include "stats/account.h"

#define TURN_MS 1000

static void enter(struct member *m, enum member_state state)
{
	m->state = state;
	m->state_since_ms = boottime_ms();
}

static bool older_than(const struct member *m, int64_t ms)
{
	return boottime_ms() - m->state_since_ms >= ms;
}

static struct member *free_slot(struct proxy *p)
{
	for (size_t i = 0; i < MEMBERS_MAX; i++) {
		if (p->members[i].state == MEMBER_FREE)
			return &p->members[i];
	}
	return NULL;
}

static int join(struct proxy *p, const struct member_conf *conf, struct err *e)
{
	struct member *m = free_slot(p);

	if (!m)
		return err_set(
			e, "member %s: %d are the most there can be", conf->name, MEMBERS_MAX);
	if (p->nmembers <= (size_t)m->index)
		p->nmembers = (size_t)m->index + 1;
	enter(m, MEMBER_IN);
	return member_start(m, member_conf_copy(conf), e);
}

/* --- what the agents decide */

static void count_votes(const struct proxy *p, struct roster_votes *v)
{
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (m->state == MEMBER_IN && m->agent)
			v->says[v->n++] = agent_watch_heard(m) ? m->roster : NULL;
	}
}

/* A member as the agents would tell of it. */
static struct roster_row row_of(const struct member *m)
{
	struct roster_row row = {.id = m->conf->id, .address = m->conf->http.sin_addr};

	snprintf(row.name, sizeof(row.name), "%s", m->conf->name);
	return row;
}

static bool is_it(const struct member *m, const struct roster_row *row)
{
	struct roster_row own = row_of(m);

	return roster_means(&own, row);
}

/* Whoever has that id, gone or not, or that name now. */
static struct member *holder(const struct proxy *p, const struct roster_row *row)
{
	for (size_t i = 0; i < p->nmembers; i++) {
		struct member *m = &p->members[i];
		bool named = m->state != MEMBER_RESTING && strcmp(m->conf->name, row->name) == 0;
		if (m->state != MEMBER_FREE && (m->conf->id == row->id || named))
			return m;
	}
	return NULL;
}

/* Any member whose agent tells of that one: it has the cluster's ports. */
static const struct member *teller_of(const struct proxy *p, const struct roster_row *row)
{
	for (struct member *m = NULL; (m = members_next(p, m));) {
		if (m->roster && roster_find(m->roster, row->id))
			return m;
	}
	return NULL;
}

static void put_address(struct sockaddr_in *to, struct in_addr a)
{
	to->sin_addr = a;
}

/* Like another one, at its own address. http_text is for text, which must outlive the result. */
static struct member_conf conf_like(const struct member_conf *like, const struct roster_row *row,
	char text[static NET_ADDRESS_MAX + 8])
{
	struct member_conf c = *like;
	char a[INET_ADDRSTRLEN] = "";

	c.id = row->id;
	c.name = row->name;
	put_address(&c.http, row->address);
	put_address(&c.bolt, row->address);
	put_address(&c.agent, row->address);
	(void)inet_ntop(AF_INET, &row->address, a, sizeof(a));
	snprintf(text, NET_ADDRESS_MAX + 8, "%s:%u", a, (unsigned)ntohs(c.http.sin_port));
	c.http_text = text;
	return c;
}

static void forget(struct member *m)
{
	member_clear(m);
	enter(m, MEMBER_FREE);
}

static void come(struct proxy *p, const struct roster_row *row)
{
	const struct member *like = teller_of(p, row);
	char text[NET_ADDRESS_MAX + 8];
	struct err e = {0};

	if (!like)
		return;
	struct member_conf conf = conf_like(like->conf, row, text);
	conf.weight = 1;
	if (join(p, &conf, &e) < 0) {
		log_error("%s", e.msg);
		return;
	}
	holder(p, row)->cold = true;
	descriptors_raise(p->conf, members_count(p));
	account_event(p, LOG_LEVEL_INFO, "%s: is a member now, at %s", row->name, text);
	handover_take_orders(p);
}

static void stay(struct member *m, const struct roster_row *row)
{
	char text[NET_ADDRESS_MAX + 8];

	if (m->state == MEMBER_LEAVING) {
		enter(m, MEMBER_IN);
		account_event(m->proxy, LOG_LEVEL_INFO, "%s: stays a member", m->conf->name);
	}
	if (!row->address.s_addr || row->address.s_addr == m->conf->http.sin_addr.s_addr ||
		!m->conf->agent.sin_port)
		return;
	struct member_conf conf = conf_like(m->conf, row, text);
	account_event(m->proxy, LOG_LEVEL_INFO, "%s: moved from %s to %s", m->conf->name,
		m->conf->http_text, text);
	member_move(m, member_conf_copy(&conf));
}

/* False when it has to wait. */
static bool admit(struct proxy *p, const struct roster_row *row)
{
	struct member *m = holder(p, row);

	if (m && is_it(m, row) && m->state != MEMBER_RESTING) {
		stay(m, row);
		return true;
	}
	if (!row->address.s_addr)
		return true;
	if (m && !is_it(m, row))
		return false; /* another one's transactions may still be named by that id */
	if (m)
		forget(m); /* the same again: its id was kept for it */
	come(p, row);
	return true;
}

static void leave(struct member *m)
{
	enter(m, MEMBER_LEAVING);
	account_event(m->proxy, LOG_LEVEL_INFO, "%s: is no member any more, what it has begun ends",
		m->conf->name);
	proxy_kick(m->proxy);
}

/* False when a member has to wait for another one's id. */
static bool follow_agents(struct proxy *p)
{
	struct roster_votes v = {0};
	struct roster decided;
	bool all = true;

	count_votes(p, &v);
	roster_decide(&v, &decided);
	for (struct member *m = NULL; (m = members_next(p, m));) {
		struct roster_row own = row_of(m);
		if (m->state == MEMBER_IN && m->agent && roster_denies(&v, &own))
			leave(m);
	}
	/* Last: what a member that moves said is gone. */
	for (size_t i = 0; i < decided.n; i++)
		all &= admit(p, &decided.rows[i]);
	return all;
}

/* --- the end of one that left */

static bool done_leaving(const struct member *m)
{
	if (m->role == NEO4J_DOWN)
		return true;
	return older_than(m, LEAVING_MS) && election_master(&m->proxy->election) != m->index;
}

/* A request that came to it may still tell its name when it ends. */
static bool is_named(const struct member *m)
{
	for (struct list_node *n = m->proxy->clients.first; n; n = n->next) {
		if (container_of(n, struct client, node)->account.member == m)
			return true;
	}
	return false;
}

/* False once there is nothing left to wait for. */
static bool see_off(struct member *m)
{
	if (m->state == MEMBER_LEAVING && done_leaving(m)) {
		enter(m, MEMBER_RESTING); /* first: what is cut looks after its member */
		member_end(m, "it is no member any more");
		agent_watch_stop(m);
	}
	if (m->state == MEMBER_RESTING && older_than(m, ID_RESTS_MS) && !is_named(m))
		forget(m);
	return m->state == MEMBER_LEAVING || m->state == MEMBER_RESTING;
}

static void turn(struct loop_timer *t)
{
	struct proxy *p = container_of(t, struct proxy, membership_timer);
	bool again = p->conf->follow_agents && !follow_agents(p);

	for (size_t i = 0; i < p->nmembers; i++)
		again |= see_off(&p->members[i]);
	if (again)
		(void)loop_timer_set(p->loop, t, TURN_MS);
}

void membership_look(struct proxy *p)
{
	(void)loop_timer_set(p->loop, &p->membership_timer, 0);
}

void membership_heard(struct member *m, const struct roster *r)
{
	bool usable = r && r->n;

	if (usable && m->roster && roster_same(r, m->roster))
		return;
	if (!usable && !m->roster)
		return;
	free(steal(&m->roster));
	if (usable)
		m->roster = malloc(sizeof(*r));
	if (m->roster)
		*m->roster = *r;
	membership_look(m->proxy);
}

int membership_start(struct proxy *p, struct err *e)
{
	loop_timer_init(&p->membership_timer, turn);
	for (size_t i = 0; i < p->conf->nmembers; i++) {
		if (join(p, &p->conf->members[i], e) < 0)
			return -1;
	}
	return 0;
}

void membership_stop(struct proxy *p)
{
	loop_timer_del(&p->membership_timer);
	for (size_t i = 0; i < p->nmembers; i++) {
		struct member *m = &p->members[i];
		if (m->state != MEMBER_FREE)
			member_clear(m);
	}
}

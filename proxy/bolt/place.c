/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include "link.h"
#include "members/member.h"
#include "place.h"
#include "principal.h"
#include "session.h"
#include "tally.h"

static bool takes_bolt(const struct bolt_member *m)
{
	return m->member->conf->bolt.sin_port && m->shunned_until_ms <= boottime_ms();
}

static bool fit(const struct bolt_member *m)
{
	return member_usable(m->member) && takes_bolt(m);
}

static bool has_room(const struct bolt_member *m)
{
	return m->busy.len < m->member->proxy->conf->bolt_maxconn;
}

static struct bolt_member *master(struct front *f)
{
	struct member *m = members_master(f->proxy);

	return m && takes_bolt(&f->members[m->index]) ? &f->members[m->index] : NULL;
}

/*
 * It is very likely there after a while, and a member makes its transaction wait for it. An early
 * version has no bookmarks without BEGIN: then it must be known (`sure`).
 */
static bool has_mark(const struct front *f, const struct bolt_member *m, uint64_t mark, bool sure)
{
	return m->last_tx >= mark ||
	       ((!sure || !m->early) && marks_settled(&f->marks, mark, boottime_ms()));
}

static bool less_loaded(const struct bolt_member *a, const struct bolt_member *b)
{
	return (a->busy.len + a->counters.tunnels) * member_pull(b->member) <
	       (b->busy.len + b->counters.tunnels) * member_pull(a->member);
}

/* Starts behind the last one chosen, so that equals take turns. */
static struct bolt_member *reader(struct front *f, uint64_t mark, bool sure)
{
	struct bolt_member *best = NULL;

	for (size_t i = 0; i < f->proxy->nmembers; i++) {
		struct bolt_member *m = &f->members[(f->next_read + i) % f->proxy->nmembers];
		if (!m->member->weight || !fit(m) || !has_room(m) || !has_mark(f, m, mark, sure))
			continue;
		if (!best || less_loaded(m, best))
			best = m;
		if (f->proxy->conf->balance == BALANCE_ROUNDROBIN)
			break;
	}
	return best;
}

static struct bolt_member *next_reader(struct front *f, uint64_t mark, bool sure)
{
	struct bolt_member *m = reader(f, mark, sure);

	if (m)
		f->next_read = (size_t)(m - f->members) + 1;
	return m;
}

static struct bolt_member *choose(struct front *f, const struct session *s)
{
	bool login = s->state == SESSION_AUTH;
	struct bolt_member *m = NULL;

	if (login || s->demand.read)
		m = next_reader(f, login ? 0 : s->demand.mark, !s->explicit_tx);
	if (!m && !login)
		m = master(f);
	return m && has_room(m) ? m : NULL;
}

struct bolt_member *place_tunnel(struct front *f, bool read)
{
	struct bolt_member *m = read ? next_reader(f, 0, false) : NULL;

	return m ? m : master(f);
}

/* Is there, apart from its room, a member this could go to? */
static bool possible(struct front *f, const struct session *s)
{
	if (s->state == SESSION_WAITING && !s->demand.read)
		return master(f) != NULL;
	for (size_t i = 0; i < f->proxy->nmembers; i++) {
		if (fit(&f->members[i]))
			return true;
	}
	return false;
}

static void carry(struct session *s, struct link *l)
{
	struct bolt_counters *c = &s->front->counters;

	(*(s->demand.read ? &c->reads : &c->writes))++;
	tally_begin(s, l->member);
	link_bind(l, s);
	session_bound(s);
}

/* True when it waits no more on the list: it is bound, or a link is being opened for it. */
static bool place(struct session *s)
{
	struct bolt_member *m = choose(s->front, s);

	if (!m)
		return false;
	struct link *l = s->state == SESSION_WAITING ? principal_idle_link(s->principal, m) : NULL;
	if (l) {
		carry(s, l);
		return true;
	}
	if (!link_open(m, s)) {
		member_connect_failed(m->member, errno);
		return false;
	}
	list_remove(&s->waiting);
	return true;
}

void place_wait(struct session *s, enum session_state state)
{
	struct front *f = s->front;
	const struct proxy_conf *conf = f->proxy->conf;

	s->deadline_ms = boottime_ms() + conf->hold_ms;
	if (state == SESSION_WAITING) {
		s->begun = true;
		tally_ask(s);
	}
	session_enter(s, state);
	if (place(s))
		return;
	f->counters.held++;
	if (!possible(f, s) && f->waiting.len >= conf->hold_max)
		s->deadline_ms = 0;
	list_append(&f->waiting, &s->waiting);
	session_enter(s, state);
}

void place_now(struct session *s)
{
	if (!place(s))
		list_append(&s->front->waiting, &s->waiting);
}

void place_again(struct session *s)
{
	list_append(&s->front->waiting, &s->waiting);
	front_kick(s->front);
}

void place_all(struct front *f)
{
	struct list_node *n = f->waiting.first;

	/* What place() does to one session leaves the others on the list. */
	for (size_t left = f->waiting.len; n && left; left--) {
		struct session *s = container_of(n, struct session, waiting);
		n = n->next;
		(void)place(s);
	}
}

void place_note_bookmark(struct bolt_member *m, uint64_t tx)
{
	if (tx > m->last_tx)
		m->last_tx = tx;
	marks_note(&m->front->marks, tx, boottime_ms());
}

void place_own_address(int fd, char address[static ROUTING_ADDRESS_MAX])
{
	struct sockaddr_storage own = {0};
	socklen_t len = sizeof(own);
	char text[NET_ADDRESS_MAX];

	(void)getsockname(fd, (struct sockaddr *)&own, &len);
	net_address(&own, text);
	snprintf(address, ROUTING_ADDRESS_MAX, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text,
		net_port(fd));
}

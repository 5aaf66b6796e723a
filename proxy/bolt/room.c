/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "room.h"
#include "session.h"
#include "tunnel.h"

/* The one found so far. */
struct search {
	struct room room;
	struct debtor first;
};

static bool comes_first(const struct search *s, const struct debtor *d)
{
	return (!s->room.session && !s->room.tunnel) || yield_before(d, &s->first);
}

/* Its deadline tells since when. */
static void consider_session(struct search *search, struct session *s)
{
	const struct debtor d = {
		*yield_crowd(s->front->crowds, &s->address), s->timer.at_ms - LOGIN_MS};

	if ((s->state == SESSION_SNIFF || s->state == SESSION_CONNECTED) &&
		comes_first(search, &d) && !yield_unread(s->source.fd))
		*search = (struct search){{.session = s}, d};
}

static void consider_tunnel(struct search *search, struct tunnel *t)
{
	const struct debtor d = {*yield_crowd(t->front->crowds, &t->address), t->tally.answered_ms};

	if (tunnel_owes_login(t) && comes_first(search, &d) && !yield_unread(t->client.fd))
		*search = (struct search){{.tunnel = t}, d};
}

bool room_found(struct front *f, struct room *r)
{
	struct search search = {0};

	*r = (struct room){0};
	if (front_clients(f) < f->proxy->conf->maxconn)
		return true;
	for (struct list_node *n = f->sessions.first; n; n = n->next)
		consider_session(&search, container_of(n, struct session, node));
	for (struct list_node *n = f->tunnels.first; n; n = n->next)
		consider_tunnel(&search, container_of(n, struct tunnel, node));
	*r = search.room;
	return (r->session || r->tunnel) &&
	       search.first.since_ms + HEAD_YIELDS_MS <= loop_now_ms(f->proxy->loop);
}

void room_take(const struct room *r)
{
	if (r->session)
		session_close(r->session);
	if (r->tunnel)
		tunnel_refuse(r->tunnel);
}

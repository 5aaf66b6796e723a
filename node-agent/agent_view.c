/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent_private.h"
#include "tcp.h"

struct api_node agent_view_self(const struct agent *a)
{
	return (struct api_node){
		.present = true,
		.state = a->now.state,
		.role = a->neo4j.role,
		.writable = voter_writable(&a->voter, &a->verdict, a->neo4j.role),
		.last_tx = voter_tells(&a->voter, a->neo4j.last_tx),
		.tx_age_ms = a->voter.by_log ? 0 : boottime_ms() - a->neo4j.tx_asked_ms,
		.generation = a->id.generation,
		.uptime_s = (uint32_t)((boottime_ms() - a->started_ms) / 1000),
		.why = a->now.why,
	};
}

void agent_serving_why(const struct agent *a, char why[WHY_SIZE])
{
	restart_why(&a->restart, why);
	if (!why[0])
		why_copy(why, verbs_closed(&a->verbs));
	if (!why[0])
		why_copy(why, neo4j_watch_why(&a->neo4j));
	if (!why[0])
		why_copy(why, a->firewall.why);
}

static struct api_node view_peer(const struct peer *p)
{
	bool never = p->heard_ms < 0;
	int64_t ago = never ? -1 : boottime_ms() - p->heard_ms;

	if (!peer_present(p))
		return (struct api_node){.state = NODE_DOWN,
			.heard_ms = ago,
			.last_tx = TX_UNKNOWN,
			.why = never        ? "not heard since boot"
			       : p->gone[0] ? p->gone
					    : "no longer heard"};
	return (struct api_node){
		.present = true,
		.heard_ms = ago,
		.state = p->last.state,
		.role = p->last.role,
		.writable = voter_leads(&p->last),
		.last_tx = p->last.last_tx,
		.generation = p->last.generation,
		.uptime_s = p->last.uptime_s,
		.why = p->last.why,
	};
}

void agent_answer(void *arg, const struct http_head *h, struct http_answer *answer)
{
	static struct api_view v; /* too large for the stack; one request at a time */
	struct agent *a = arg;

	neo4j_watch_now(&a->neo4j); /* who asks is told the news next time */
	v.id = &a->id;
	v.root = a->root;
	v.refused = a->refused;
	v.card = identity_self(&a->id)->roles & ROLE_VOTER ? &a->card : NULL;
	v.peers = &a->peers;
	v.epoch = a->voter.quorum.d.manifest.epoch;
	v.run = a->voter.quorum.d.manifest.run;
	v.lease = a->voter.quorum.lease || !a->voter.enabled;
	v.control = control_counts(a->verbs.control);
	v.vip_at = vip_keeper_at(&a->vip);
	for (size_t i = 0; i < a->id.nmembers; i++) {
		const struct peer *p = peers_find(&a->peers, &a->id.members[i]);
		v.nodes[i] = p ? view_peer(p) : agent_view_self(a);
		v.nodes[i].member = &a->id.members[i];
		v.nodes[i].address = places_of(&a->places, v.nodes[i].member);
		v.nodes[i].copy = peers_copy(&a->peers, p);
	}
	api_answer(&v, h, answer);
}

struct voter_look agent_view_quorum(const struct agent *a, const struct formation_input *in)
{
	struct voter_look look = {
		.held = a->held[0] != '\0',
		.fit = formation_fit(&a->formation, in),
		.whole = a->marker.state == MARKER_SERVED || a->marker.state == MARKER_RESTORE,
		.next = a->marker.state == MARKER_RESTORE,
		.unasked = !a->service.answered,
		.process = agent_has_neo4j(a),
		.role = a->neo4j.role,
		.master = a->neo4j.master,
		.last_tx = a->neo4j.last_tx,
		.told = a->neo4j.last_tx != TX_UNKNOWN &&
			boottime_ms() - a->neo4j.tx_asked_ms < TX_FRESH_MS,
		.refused = a->neo4j.refused,
		.copies = a->copy.copies,
		.parts = tasks_parts(&a->tasks),
		.shut = a->firewall.shut,
		/* The table may be large, and only one that begins alone asks. */
		.ha_server = a->verdict.shut && tcp_listens(NEO4J_HA_SERVER_PORT),
	};

	/* It has no store, and tells nothing: it has joined when it stays up. */
	if (in->arbiter) {
		look.whole = true;
		look.last_tx = 0;
		look.role = a->formation.served ? NEO4J_SLAVE : NEO4J_UNKNOWN;
	}
	return look;
}

size_t agent_view_peers(const struct agent *a, struct formation_peer *to)
{
	size_t n = 0;

	for (size_t i = 0; i < a->peers.n; i++) {
		const struct peer *p = &a->peers.peer[i];
		if (!(p->member->roles & ROLE_VOTER))
			continue;
		to[n++] = (struct formation_peer){
			.name = p->member->name,
			.present = peer_present(p),
			.heard = p->heard_ms >= 0,
			.other_secret = peer_recently(p->forged_ms),
			.unproven = peer_recently(p->unproven_ms),
			.same_members = memcmp(p->last.digest, a->id.digest, DIGEST_SIZE) == 0,
			.sees_all = peer_sees_all(&a->peers, p),
			.state = p->last.state,
			.role = p->last.role,
		};
	}
	return n;
}

size_t agent_view_silence(const struct agent *a, struct silence_peer *to)
{
	size_t n = 0;

	for (size_t i = 0; i < a->peers.n; i++) {
		const struct peer *p = &a->peers.peer[i];
		if (!(p->member->roles & ROLE_DATA) || !voter_belongs(&a->voter, p->member))
			continue;
		to[n++] = (struct silence_peer){
			.member = p->member,
			/* An agent that begins has heard nobody yet. */
			.heard_ms = p->heard_ms < 0 ? a->started_ms : p->heard_ms,
			.slave = p->last.state == NODE_SERVING && p->last.role == NEO4J_SLAVE,
		};
	}
	return n;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_AGENT_PRIVATE_H
#define BRAMBLE_AGENT_PRIVATE_H

#include "api.h"
#include "apply/apply.h"
#include "banner.h"
#include "clock/timekeeper.h"
#include "control/verbs.h"
#include "firewall.h"
#include "fitness.h"
#include "formation.h"
#include "health/write_probe.h"
#include "marker.h"
#include "moved.h"
#include "neo4j_watch.h"
#include "peers.h"
#include "pin.h"
#include "places.h"
#include "process.h"
#include "restart.h"
#include "service.h"
#include "silence.h"
#include "stale.h"
#include "task/tasks.h"
#include "users/users.h"
#include "vip/keeper.h"
#include "voter.h"
#include "wedge.h"

/*
 * The daemon's data. agent.c opens it and has its events; agent_step.c looks, decides and acts;
 * agent_view.c shows it.
 */
struct agent {
	struct identity id;
	const char *root;
	char *store;  /* /srv/bramble, where p3 is mounted */
	char *run;    /* /run/bramble */
	char *helper; /* its socket */
	struct loop *loop;
	struct http_server *http;
	struct peers peers;
	struct places places;
	struct pin pin;
	struct service service;
	struct firewall firewall;
	struct neo4j_watch neo4j;
	struct write_probe writes;
	struct marker marker;
	struct timekeeper time;
	struct restart restart;
	struct wedge wedge;
	struct moved moved;
	struct copy_watch copy;
	struct stale stale;
	bool p3; /* there, and this node's, when it was last looked at */
	struct card card;
	struct banner banner;
	struct vip_keeper vip;
	struct voter voter;
	struct verdict verdict;
	struct formation formation;
	struct verbs verbs; /* what a person tells it */
	struct tasks tasks;
	struct users users;
	struct apply apply;
	struct decision now;
	char held[WHY_SIZE];   /* why p3 is out of bounds; "" when it is not */
	char awaits[WHY_SIZE]; /* why Neo4j must not have the store until it is upgraded; or "" */
	char met[NEO4J_SIZE];  /* the version of the others' Neo4j, as one last told that had joined
				*/
	bool odd;              /* awaits is for that: this card's Neo4j cannot join theirs */
	char refused[BOOT_WORD_SIZE]; /* what of bramble.txt was not taken over; "" */
	bool mute;                    /* what this node should say could not be written down */
	int64_t started_ms, marker_ms, told_ms;
	pid_t syncing; /* the child that syncs a store from which Neo4j serves; 0: none */
	struct loop_timer tick, news, watchdog;
};

/* An arbiter's Neo4j writes to p3, too, if only its log. */
bool agent_runs_neo4j(const struct agent *a);
bool agent_is_arbiter(const struct agent *a);
/* May a process of it exist, or be about to? */
bool agent_has_neo4j(const struct agent *a);

/* What takes the card or /proc: the marker, whether Neo4j gets anywhere, whether it is stale. */
void agent_look(struct agent *a);
/* One round: what is known is put before the deciders, and what they say is done. */
void agent_step(struct agent *a);
/* Tells the peers how it stands. */
void agent_tell(struct agent *a);
/* A child has ended: was it the one that syncs a store? */
void agent_reap_sync(struct agent *a);

/* This node, as it tells the others and whoever asks. */
struct api_node agent_view_self(const struct agent *a);
/* This node, for its quorum. */
struct voter_look agent_view_quorum(const struct agent *a, const struct formation_input *in);
/* The others with a vote, for formation.c; how many: at most as many as there are members. */
size_t agent_view_peers(const struct agent *a, struct formation_peer *to);
/* The other data nodes that belong to it, for silence.c; how many: at most as many as members. */
size_t agent_view_silence(const struct agent *a, struct silence_peer *to);
/* What a person should know of it while it serves; "": nothing. */
void agent_serving_why(const struct agent *a, char why[WHY_SIZE]);

/* The API's http_server callback: what this agent knows, to whoever asks (api.h). */
void agent_answer(void *agent, const struct http_head *h, struct http_answer *answer);

#endif

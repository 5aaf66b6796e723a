/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_AGENT_H
#define BRAMBLE_AGENT_H

#include "err.h"

/*
 * The daemon: puts the stations together. Twice a second it looks at p3 (marker), at the peers
 * (peers), at systemd's unit (service) and at Neo4j's own word (neo4j_watch), lets the step
 * function decide (formation), starts Neo4j if it says so, and tells the result to the peers, to
 * systemd and to whoever asks (api).
 */
#define SERVICE_MANAGER "/usr/bin/systemctl"
#define NFT "/usr/sbin/nft"

struct agent_options {
	const char *root;              /* prefix of /etc/bramble and /srv/bramble; "" on a card */
	const char *http, *peer;       /* "ADDR:PORT" or "*:PORT" to listen on */
	const char *service_manager;   /* the helper's; SERVICE_MANAGER */
	const char *nft;               /* the helper's; NFT */
	const char *from, *generation; /* of agent_pull: "ADDR:PORT", a number */
	const char *vip_interface;     /* the helper's; "": the one that is in its network */
};

/* Runs until SIGTERM or SIGINT; Neo4j keeps running. */
MUST_CHECK int agent_run(const struct agent_options *o, struct err *e);

/* Reads all the configuration there is and says what is wrong with it. */
MUST_CHECK int agent_check(const struct agent_options *o, struct err *e);

/* Does to the store what the marker orders: before Neo4j starts, in neo4j.service, as its user. */
MUST_CHECK int agent_prepare(const struct agent_options *o, struct err *e);

/* The store was upgraded to this card's Neo4j, and says so: in bramble-upgrade.service, as root. */
MUST_CHECK int agent_upgraded(const struct agent_options *o, struct err *e);

/* Unpacks a store that is to be restored: bramble-unpack.service, as Neo4j's user. */
MUST_CHECK int agent_unpack(const struct agent_options *o, struct err *e);

/*
 * Gives Neo4j the initial hosts of the run it is started for: before it starts, in neo4j.service,
 * as root.
 */
MUST_CHECK int agent_hosts(const struct agent_options *o, struct err *e);

/* Gives the proxy on this node the members' present addresses, and restarts it if they changed. */
MUST_CHECK int agent_proxy(const struct agent_options *o, struct err *e);

/* Tells the system what bramble.txt on p1 says: before the network is up, as root. */
MUST_CHECK int agent_settings(const struct agent_options *o, struct err *e);

/* Puts the line of the host name taken over at boot back into an /etc/hosts made anew, as root. */
MUST_CHECK int agent_settings_hosts(const struct agent_options *o, struct err *e);

/* Takes a generation from the member at o->from (apply/pull.c): run by the daemon. */
MUST_CHECK int agent_pull(const struct agent_options *o, struct err *e);

/* Grows p3 if it is this node's: the unit bramble-grow. */
MUST_CHECK int agent_grow(const struct agent_options *o, struct err *e);

#endif

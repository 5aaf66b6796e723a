/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PEERS_H
#define BRAMBLE_PEERS_H

#include "hello.h"
#include "loop.h"

/*
 * The other members as their hellos show them. A peer is present while the last hello that counts
 * (hello_check) is younger than PRESENT_MS on CLOCK_BOOTTIME. Everything else that arrives is
 * dropped and counted, and changes nothing here.
 */
#define HELLO_INTERVAL_MS 500
#define PRESENT_MS 3000

struct peer {
	const struct member *member;
	struct hello_link link;
	struct hello last;              /* that counted; all zero before the first */
	int64_t heard_ms;               /* when it counted; -1: never */
	int64_t unproven_ms, forged_ms; /* last hello not proven; last one not opening; -1: never */
	bool was_present;               /* as last logged */
};

struct peer_counts {
	uint64_t alien, forged, malformed, stranger, unproven, stale, good;
};

struct peers {
	const struct identity *id;
	struct hello_key key;
	uint8_t boot[BOOT_SIZE];
	uint64_t seq;
	struct loop_source socket;
	in_port_t port; /* network order; the same at every member */
	struct peer_counts counts, logged;
	int64_t logged_ms;
	size_t n;
	struct peer peer[MEMBERS_MAX - 1];
};

/*
 * Opens the UDP socket on listen ("A.B.C.D:PORT") and starts to receive. The key is copied.
 * id and the loop must outlive p.
 */
MUST_CHECK int peers_open(struct peers *p, struct loop *l, const struct identity *id,
	const struct hello_key *key, const char *listen, struct err *e);
void peers_close(struct peers *p);

/* One round: tells every peer `self`, whose sender, run, numbers and sees are filled in here. */
void peers_tell(struct peers *p, struct hello *self);

/* Logs who came and went, and what was dropped (once a minute). Call it every round. */
void peers_log(struct peers *p);

bool peer_present(const struct peer *p);
/* Did that time stamp of a peer (-1: never) pass less than PRESENT_MS ago? */
bool peer_recently(int64_t at_ms);

/* The peer that is this member; NULL for this node itself. */
const struct peer *peers_find(const struct peers *p, const struct member *m);
/* Does it see all data nodes? */
bool peer_sees_all(const struct peers *p, const struct peer *peer);

#endif

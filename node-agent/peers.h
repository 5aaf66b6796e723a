/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PEERS_H
#define BRAMBLE_PEERS_H

#include "discover/whereabouts.h"
#include "hello.h"
#include "loop.h"

/*
 * The other members as their hellos show them. A peer is present while the last hello that counts
 * (hello_check) is younger than PRESENT_MS on CLOCK_BOOTTIME. Everything else that arrives is
 * dropped and counted, and changes nothing here.
 *
 * A peer may be anywhere (whereabouts.h): any address can be tried with peers_try, and whoever
 * answers with a hello that counts is found. Two nodes of one name are told apart by their boards:
 * the one that is present keeps its place, the other is refused (pin.h).
 */
#define HELLO_INTERVAL_MS 500
#define PRESENT_MS 3000
#define TRIES_PER_ROUND 128 /* whoever forges proposals must not make a flood of us */

/* Another Pi of that name; waits: to be answered in the next round. */
struct twin {
	bool waits;
	bool refused;
	int64_t refused_ms; /* when it last was; -1: never */
	uint8_t boot[BOOT_SIZE];
	uint64_t seq;
	struct in_addr address;
};

struct peer {
	const struct member *member;
	struct hello_link link;
	struct hello last;              /* that counted; all zero before the first */
	int64_t heard_ms;               /* when it counted; -1: never */
	int64_t unproven_ms, forged_ms; /* last hello not proven; last one not opening; -1: never */
	int64_t refused_ms;             /* when it said that another Pi is this node; -1: never */
	int64_t echo_ms;                /* when the hello came that is echoed to it */
	struct clock_sample clock;      /* by the last hello that counted */
	bool was_present;               /* as last logged */
	struct whereabouts at;
	struct twin twin;
	char gone[WHY_SIZE]; /* of one no longer heard: why, as far as it said */
};

struct peer_counts {
	uint64_t alien, forged, malformed, stranger, twins, unproven, stale, good;
	uint64_t sent;
};

/* Whoever decides by what peers say (member.h). */
struct peers_listener {
	/* A genuine hello of a member came, and will be answered; it may not be proven yet. */
	void (*seen)(void *arg, const struct member *from);
	/*
	 * It counts, and proves the sender to have been there when the hello it answers was sent:
	 * proven_ms. value as in hello_open.
	 */
	void (*heard)(void *arg, const struct member *from, const struct hello *h,
		const struct manifest *value, int64_t proven_ms);
	/*
	 * A member came, or sees others than before: it waits for this node's next word, which need
	 * not wait for its turn.
	 */
	void (*news)(void *arg);
	/* What to tell it: fills the word; returns the manifest that goes with it, or NULL. */
	const struct manifest *(*word)(void *arg, const struct member *to, struct word *w);
	void *arg;
};

/* Sealed with the first, opened with any. */
#define HELLO_KEYS_MAX 2 /* while the secret is being changed */
struct hello_keys {
	size_t n;
	struct hello_key key[HELLO_KEYS_MAX];
};

struct peers {
	const struct identity *id;
	struct peers_listener listener;
	struct hello_keys keys;
	uint8_t boot[BOOT_SIZE];
	uint8_t serial[SERIAL_SIZE]; /* of this board; 0: not known */
	bool asks;                   /* HELLO_ASKS: set it before peers_tell */
	int64_t heard_ms;            /* when anybody last answered this node; -1: never */
	int64_t refused_ms;          /* when somebody refused this node; -1: never */
	struct twin twin;            /* of this node itself */
	struct hello told;           /* the last round's, for peers_try; sender "": none yet */
	unsigned tries;
	uint64_t seq;
	int64_t sent_ms[HELLO_WINDOW + 1]; /* of the latest rounds, by seq */
	struct loop_source socket;
	in_port_t port; /* network order; the same at every member */
	struct peer_counts counts, logged;
	int64_t logged_ms;
	size_t n;
	struct peer peer[MEMBERS_MAX - 1];
};

/*
 * Opens the UDP socket on listen ("A.B.C.D:PORT") and starts to receive. The keys are copied.
 * id and the loop must outlive p.
 */
MUST_CHECK int peers_open(struct peers *p, struct loop *l, const struct identity *id,
	const struct hello_keys *keys, const struct peers_listener *listener, const char *listen,
	struct err *e);
/* From now on these count, in place of those. */
void peers_set_keys(struct peers *p, const struct hello_keys *keys);
void peers_close(struct peers *p);

/* One round: tells every peer `self`, whose sender, run, numbers, sees and word are filled in here.
 */
void peers_tell(struct peers *p, struct hello *self);

/* Says hello to whoever is at that address, at once. */
void peers_try(struct peers *p, struct in_addr address);

/* Is a member not present? */
bool peers_missing(const struct peers *p);

/* Logs who came and went, and what was dropped (once a minute). Call it every round. */
void peers_log(struct peers *p);

bool peer_present(const struct peer *p);
/* Did that time stamp of a peer (-1: never) pass less than PRESENT_MS ago? */
bool peer_recently(int64_t at_ms);

/*
 * Where that peer's Neo4j is: by its own word, else where it is talked to. 0: not known. For
 * anything else whoever has counted is asked where it is talked to.
 */
struct in_addr peer_place(const struct peer *p);

/* The peer that is this member; NULL for this node itself. */
const struct peer *peers_find(const struct peers *p, const struct member *m);
/* Where a copy of the peer's card is that is refused, or of this node's (NULL); 0: nowhere. */
struct in_addr peers_copy(const struct peers *p, const struct peer *peer);
/* Does it see all data nodes? */
bool peer_sees_all(const struct peers *p, const struct peer *peer);

#endif

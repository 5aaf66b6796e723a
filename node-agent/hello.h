/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_HELLO_H
#define BRAMBLE_HELLO_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "clock/clock.h"
#include "identity.h"
#include "neo4j.h"
#include "neo4j_bean.h"
#include "node_state.h"
#include "quorum/wire.h"
#include "task/task.h"
#include "turn.h"

/*
 * What each node tells each other one twice a second, in one UDP datagram:
 *
 *	0	"BRMB", version, type, 2 zero bytes	the clear head, authenticated too
 *	8	24 random bytes				nonce of the seal
 *	32	the body, sealed			XChaCha20-Poly1305 (libsodium, IETF)
 *	...	16 bytes				its tag
 *
 * The body is HELLO_BODY bytes, and then a manifest where the word (quorum.h) comes with one.
 *
 * The key is BLAKE2b of a label and the cluster's id, keyed with the cluster's secret: only
 * members can make a hello or read one. Numbers are little-endian, places fixed; a datagram of
 * another version or a wrong size is not ours. No timestamp makes a hello good or bad: a Pi wakes
 *up with any clock. Freshness comes from the echo instead (hello_check).
 *
 * Everything here is pure but for the seal's random nonce.
 */
#define BOOT_SIZE 16 /* a random number per start of an agent */
#define SEES_SIZE 16 /* a bit per server id, 1..127 */
#define HELLO_HEAD 32
#define SERIAL_SIZE 8 /* of a digest of the board's serial (pin.h) */
#define HELLO_USERS 8
#define HELLO_BODY (334 + NEO4J_SIZE - 1 + WORD_WIRE)
#define HELLO_TAG 16
#define HELLO_BODY_MAX (HELLO_BODY + MANIFEST_WIRE_MAX)
#define HELLO_WIRE_MIN (HELLO_HEAD + HELLO_BODY + HELLO_TAG)
#define HELLO_WIRE_MAX (HELLO_HEAD + HELLO_BODY_MAX + HELLO_TAG)

/*
 * The sender's clock. With how long it held the hello it echoes, as NTP does it, the receiver
 * knows the other clock to half of what remains of the round trip: a few ms on a LAN.
 */
struct hello_clock {
	int64_t wall_ms; /* when this hello was made; Unix time, 0 to HELLO_WALL_MAX */
	uint32_t held_ms;
	enum clock_trust trust;
};
#define HELLO_WALL_MAX INT64_C(253402300799999) /* the end of 9999 */

enum hello_flag {
	/*
	 * The sender is not sure to be who it says (pin.h): it does not count, and asks whether
	 * another Pi of that name is alive.
	 */
	HELLO_ASKS = 1 << 0,
	HELLO_REFUSES = 1 << 1, /* in answer to that, or to a second one of that name: it is */
	HELLO_STANDS = 1 << 2,  /* for the floating address (vip/vip.h) */
	HELLO_HOLDS = 1 << 3,   /* it has it */
	HELLO_FLAGS = HELLO_ASKS | HELLO_REFUSES | HELLO_STANDS | HELLO_HOLDS,
};

struct hello {
	char sender[NAME_SIZE];
	uint8_t boot[BOOT_SIZE];      /* the sender's */
	uint8_t echo_boot[BOOT_SIZE]; /* the receiver's, as last heard by the sender; 0: never */
	uint64_t seq;                 /* grows with each round of hellos */
	uint64_t echo_seq;            /* the receiver's, as last heard */
	uint64_t generation;
	uint8_t digest[DIGEST_SIZE]; /* of the sender's list of data nodes (identity.h) */
	uint8_t sees[SEES_SIZE];     /* the data nodes present to it, itself included */
	uint64_t last_tx;            /* Neo4j's last committed transaction, or TX_UNKNOWN */
	uint32_t uptime_s;           /* of the agent */
	enum node_state state;
	enum neo4j_role role;
	char why[WHY_SIZE];
	struct hello_clock clock;
	struct turn_word turn;
	struct task_word task;
	uint8_t serial[SERIAL_SIZE]; /* of the sender's board; 0: it tells none */
	uint8_t flags;
	uint8_t users[HELLO_USERS]; /* digest of Neo4j's users (users/users.h); 0: none */
	char neo4j[NEO4J_SIZE]; /* the version of its Neo4j; "" on a node that is only a proxy */
	/*
	 * Where its Neo4j is, or will be: the one address it listens at for the others' (hosts.h).
	 * A hello of a machine on two networks may come from another one. 0: not known yet.
	 */
	struct in_addr place;
	struct word word;
};

struct hello_key {
	uint8_t bytes[32];
};

enum hello_verdict {
	HELLO_OK,
	HELLO_ALIEN,     /* not a hello of this version */
	HELLO_FORGED,    /* does not open: another secret or cluster, or damage */
	HELLO_MALFORMED, /* opens, but holds what no agent says */
};

#define SECRET_SIZE 32

void hello_key_derive(struct hello_key *k, const uint8_t secret[SECRET_SIZE],
	const uint8_t cluster_id[CLUSTER_ID_SIZE]);
/*
 * value goes with h->word, as its part says; where it says WORD_ALONE value is not looked at, and
 * set to zero. Returns the datagram's size.
 */
size_t hello_seal(const struct hello_key *k, const struct hello *h, const struct manifest *value,
	uint8_t wire[HELLO_WIRE_MAX]);
enum hello_verdict hello_open(const struct hello_key *k, const uint8_t *p, size_t n,
	struct hello *h, struct manifest *value);

/* The body alone; hello_decode returns -1 for what hello_encode never makes. */
size_t hello_encode(
	const struct hello *h, const struct manifest *value, uint8_t body[HELLO_BODY_MAX]);
MUST_CHECK int hello_decode(const uint8_t *body, size_t n, struct hello *h, struct manifest *value);

/*
 * What ties a peer's hellos to this run of its agent and of ours. A hello counts only if it
 * echoes our own boot number, and one of our last HELLO_WINDOW rounds: it was made moments ago,
 * in answer to us. Replays and hellos held back on the way do not count.
 */
#define HELLO_WINDOW 6 /* rounds */

struct hello_link {
	uint8_t boot[BOOT_SIZE];    /* the peer's run; echoed to it. 0: never heard */
	uint8_t retired[BOOT_SIZE]; /* the run before, never to come back */
	uint64_t seq;               /* last one heard of this run ... */
	bool counted;               /* ... and whether it counted: one that did not may have been
				       another member's, whose address this node has now */
	bool proven;                /* a hello of this run has counted */
};

enum hello_fate {
	HELLO_COUNTS,
	HELLO_UNPROVEN, /* echoes no late round of this run: the peer has yet to hear us */
	HELLO_STALE,    /* its seq was heard already, or it was held back: a replay */
};

/* my_boot and my_seq: this agent's run and its latest round. present: does the peer count now? */
enum hello_fate hello_check(struct hello_link *l, const struct hello *h,
	const uint8_t my_boot[BOOT_SIZE], uint64_t my_seq, bool present);

/*
 * The other's clock (clock.h), by a hello that counts: it came at now_ms and answers one that was
 * sent at proven_ms.
 */
struct clock_sample hello_clock(const struct hello *h, int64_t proven_ms, int64_t now_ms);

/* sees[] as a set of server ids. */
void sees_add(uint8_t sees[SEES_SIZE], unsigned id);
bool sees_has_all(const uint8_t sees[SEES_SIZE], const uint8_t want[SEES_SIZE]);
/* Copies a reason: cut to fit, anything but printable ASCII becomes '?'. */
void why_copy(char to[WHY_SIZE], const char *text);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_BOLT_BOLT_H
#define PROXY_BOLT_BOLT_H

#include "asked.h"
#include "chunk.h"
#include "front.h"
#include "handshake.h"
#include "inbox.h"
#include "marks.h"
#include "message.h"
#include "proxy.h"
#include "routing.h"
#include "stream.h"
#include "yield.h"

/*
 * The Bolt front's data. Bytes pass these stations:
 *
 *	client -> session -> (handshake, chunk, message) -> link -> member
 *	member -> link -> (chunk, message) -> session -> client
 *
 * A session is a client's connection. It is bound to a link, a connection to a member, only for
 * the length of one transaction; between transactions links wait with their principal, the name
 * and password they were opened with. Messages are relayed as they came, byte for byte.
 *
 * The states of a session:
 *
 *	state      what happens                              leaves on
 *	SNIFF      the first bytes tell what is spoken       20 bytes: CONNECTED
 *	CONNECTED  HELLO is expected                         HELLO: AUTH or READY
 *	AUTH       a member looks at the HELLO               its answer: READY or CLOSING
 *	READY      no transaction                            RUN, BEGIN: WAITING; routing call:
 *LOCAL WAITING    for a member, or for a link to it; the    a link: BOUND; hold_ms, RESET: FAILED,
 *	           message that began it is still in `in`    READY
 *	BOUND      a transaction; messages and answers flow  last answer: READY, FAILED
 *	LOCAL      our own answer waits to be pulled         PULL, DISCARD, RESET: READY
 *	FAILED     everything is IGNORED                     RESET: READY
 *	CLOSING    what is in `out` still goes to it         GONE
 *	GONE       closed; freed by the next sweep
 *
 * A FAILED session holds no link: after the last answer the link is reset by the proxy itself, so
 * the client's own RESET is answered at once.
 *
 * Versions 1 and 2 ("early", as the Neo4j Browser of 3.5 speaks them) are spoken to members as they
 * are to the client. Nothing in them says that a transaction only reads, so all go to the master. A
 * failure leaves such a session BOUND: the member itself knows what ACK_FAILURE leaves of a
 * transaction. Its links are reset before anyone else gets them, whatever was made of its texts.
 *
 * A member that speaks nothing later (Neo4j 3.0 to 3.4) is spoken to in its version below a session
 * of version 3: its link converts (upconvert.h), and is reset before anyone else gets it, too.
 *
 * As in proxy.h, nothing is freed in the middle of an event.
 */
enum session_state {
	SESSION_SNIFF,
	SESSION_CONNECTED,
	SESSION_AUTH,
	SESSION_READY,
	SESSION_WAITING,
	SESSION_BOUND,
	SESSION_LOCAL,
	SESSION_FAILED,
	SESSION_CLOSING,
	SESSION_GONE,
};

#define LOGIN_MS 10000          /* from the first byte to HELLO's answer, without holding */
#define HELLO_MAX 8192          /* bytes of a HELLO */
#define LOOKAHEAD_MAX 65536     /* of a RUN, to find its mode: a longer one goes to the master */
#define MESSAGE_MAX (32u << 20) /* of any message */
#define CONVERTED_MAX (MESSAGE_MAX + (1u << 20)) /* with chunks' lengths: of one to convert */
#define SUMMARY_MAX 8192                         /* of a SUCCESS or FAILURE that is looked into */
#define CLOSING_MS 5000    /* so long who is to be closed may take what is left for it */
#define TRUST_MS 10000     /* so long a member's word on a password is taken for new sessions */
#define LINK_IDLE_MS 60000 /* a link that nobody used for so long is closed */
#define SHUN_MS 500        /* a member that refused a connection gets none so long */

/* A session's requests that were sent and not answered yet are kept by their tags. */
#define ASKED_IGNORED 0 /* no tag: we answer IGNORED when its turn comes */

/* What became of the message whose first bytes are at the front of `in`. */
enum fate {
	FATE_OPEN,    /* not decided yet */
	FATE_FORWARD, /* its bytes go to the link */
	FATE_DROP,    /* its bytes are thrown away */
};

/* Of the transaction that waits or runs; of a connection as a whole the last two, too. */
struct tally {
	int64_t asked_ms, began_ms, connected_ms, answered_ms; /* 0: not yet */
	struct bolt_member *member;
};

struct session {
	struct loop_source source; /* first: the loop hands it back */
	struct loop_timer timer;
	struct front *front;
	struct list_node node;    /* on front->sessions or ->gone */
	struct list_node waiting; /* on front->waiting */
	enum session_state state;
	struct bolt_version version;
	uint64_t number;

	struct inbox in;
	struct stream out;
	size_t held; /* of the budget: while no member takes it */
	enum fate fate;

	struct principal *principal;
	struct link *link;
	struct bolt_demand demand; /* of the transaction; its slices are not kept */
	struct asked asked;
	bool begun;       /* a transaction, the one or another */
	bool explicit_tx; /* begun by BEGIN */
	bool recovering;  /* ACK_FAILURE or RESET is on its way */
	bool ending;      /* its last request is on its way */
	bool committing;  /* COMMIT, or what commits by itself, is on its way */
	bool wrote;       /* a member said so: Neo4j 3.5 does not look at the access mode */
	bool failed;      /* a FAILURE was relayed, RESET not answered yet */
	bool lost;        /* the member went away while nothing was asked */
	int64_t deadline_ms;
	struct tally tally;
	char *routing_address;         /* in LOCAL */
	struct in6_addr address;       /* the client's own */
	bool read_port;                /* it came to bolt { read_listen } */
	bool only_bolt;                /* it came in a WebSocket: nothing else is spoken in it */
	char *own_address;             /* of a bridged one: where the client came; else NULL */
	struct sockaddr_storage *from; /* of a bridged one: the client's own; else NULL */
};

enum link_state {
	LINK_CONNECTING,
	LINK_HANDSHAKE,
	LINK_HELLO,
	LINK_IDLE,      /* on its principal's list */
	LINK_BOUND,     /* carries session's transaction */
	LINK_RESETTING, /* after a FAILURE, until RESET is answered */
	LINK_GONE,
};

struct link {
	struct loop_source source; /* first */
	struct loop_timer timer;
	struct front *front;
	struct bolt_member *member;
	struct principal *principal;
	struct session *session; /* that waits for it or is bound to it */
	struct list_node node;   /* on principal->idle, member->busy or front->gone_links */
	enum link_state state;
	struct stream in, out;
	size_t seen;          /* bytes of `in` that chunks has walked over */
	size_t whole;         /* of those, up to the end of the last answer */
	struct chunks chunks; /* of the answer that is arriving */
	bool split;           /* its first bytes went to the client already */
	struct buf summary;   /* its data, unless it is a RECORD */
	struct upconvert *up; /* NULL unless only the member speaks an early version */
	int64_t idle_since_ms;
};

/* Whoever has this name and password, in one version of Bolt. Lives while a session or a link
 * refers to it. */
struct principal {
	struct list_node node; /* on front->principals */
	struct bolt_version version;
	uint8_t key[32]; /* a keyed hash of what HELLO says of who it is */
	uint8_t *hello;  /* the whole message, in locked memory */
	size_t hello_n;
	char *server;        /* "Neo4j/3.5.0", as a member said */
	int64_t verified_ms; /* when a member last agreed; 0: never */
	size_t sessions, links;
	struct list idle; /* links, the longest idle first */
};

struct bolt_member {
	struct front *front;
	struct member *member;
	struct list busy;         /* links that are not idle */
	uint64_t last_tx;         /* the highest it is known to have */
	bool early;               /* the last link to it speaks version 1 or 2 */
	int64_t shunned_until_ms; /* after it refused a link */
	struct bolt_member_counters counters;
	struct meter meter; /* of transactions */
};

struct front {
	struct proxy *proxy;
	struct door {
		struct loop_source source; /* first; fd -1: none */
		struct front *front;
		bool read;
	} doors[2]; /* bolt { listen, read_listen } */
	struct loop_timer sweep, housekeeping;
	bool leaving; /* who has no transaction, and does not wait for one, is closed */
	struct list sessions, gone, gone_links, bridges, gone_bridges, tunnels, gone_tunnels;
	struct list waiting; /* sessions in AUTH or WAITING without a link, in order of arrival */
	struct list principals;
	unsigned crowds[YIELD_CROWDS]; /* of sessions and tunnels together */
	uint8_t hash_key[32];
	struct tls *tls; /* NULL: none */
	struct marks marks;
	struct bolt_member *members; /* a slot for each of proxy->members */
	size_t next_read;
	uint64_t next_number;
	struct bolt_counters counters;
	struct meter meter;
};

/* All that a client's connection has become. */
static inline size_t front_clients(const struct front *f)
{
	return f->sessions.len + f->tunnels.len;
}
/* May what became of its transaction matter? */
static inline bool session_writes(const struct session *s)
{
	return !s->demand.read || s->wrote;
}
/* Has the sweep run as soon as the loop comes round: free what is gone, find members. */
void front_kick(struct front *f);
/* A client left: there is room for another one. */
void front_left(struct front *f);
/*
 * It is not Bolt that this one speaks, of which nothing was read: TLS is taken off first, anything
 * else is for HTTP to understand. The session is closed.
 */
void front_give_away(struct session *s);
/* Is it? */
bool front_speaks_bolt(const struct session *s);

#endif

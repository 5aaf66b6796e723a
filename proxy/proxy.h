/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include <sys/socket.h>
#include "members/dialect.h"
#include "members/election.h"
#include "members/reach.h"
#include "members/roster.h"
#include "http_client.h"
#include "http_server.h"
#include "budget.h"
#include "list.h"
#include "loop.h"
#include "proxy_conf.h"
#include "http/pace.h"
#include "http/queue.h"
#include "http/relay.h"
#include "http/bookmark.h"
#include "http/tx_body.h"
#include "stats/account.h"
#include "stats/history.h"
#include "stats/meter.h"
#include "yield.h"

/*
 * The proxy's data. One loop, no threads.
 *
 * A client is a connection from outside. It carries one exchange after the other: a request, the
 * member it goes to, the answer. An upstream is a connection to a member: on the member's `busy`
 * list while it carries an exchange, on its `idle` list while it waits for the next. A member's
 * busy list never gets longer than members.maxconn.
 *
 * The states of a client:
 *
 *	state       what happens                     events asked for      deadline
 *	IDLE        no byte of the next request yet  IN                    client_ms
 *	HEAD        a request's head arrives         IN                    HEAD_MS in all
 *	WAITING     on a line of the queue; its body (only hang-up)        hold_ms in all
 *	            stays in the socket
 *	CONNECTING  to the member                    (only hang-up)        connect_ms
 *	RUNNING     both bodies flow                 as there is room      client_ms or server_ms
 *	                                                                   without progress
 *	FLUSHING    the rest of the answer goes out  OUT                   client_ms
 *	                                                                   without progress
 *	LINGERING   our direction is shut, the rest  IN                    LINGER_MS
 *	            of a refused body is dropped
 *	GONE        closed; freed by the next sweep  -                     -
 *
 *	from        on                                         to
 *	IDLE        first byte                                 HEAD
 *	HEAD        head complete and routable                 WAITING
 *	HEAD        malformed, or nobody may wait any more     FLUSHING
 *	WAITING     its turn, new connection                   CONNECTING
 *	WAITING     its turn, kept connection                  RUNNING
 *	WAITING     hold_ms over                               FLUSHING (503)
 *	CONNECTING  connected                                  RUNNING
 *	CONNECTING  failed                                     WAITING, at its old place
 *	RUNNING     member broke, nothing sent or safe         WAITING, at its old place
 *	RUNNING     member broke or was fenced otherwise       FLUSHING (502), GONE in mid-answer
 *	RUNNING     answer complete                            FLUSHING
 *	FLUSHING    all out                                    IDLE or HEAD; LINGERING to close
 *	any         client left, or its deadline               GONE
 *
 * Who may free: nothing is freed in the middle of an event. client_close() takes a client out of
 * everything and marks it GONE; the sweep frees it when the loop comes round. Likewise a slot that
 * became free is given away by the sweep (proxy_kick), never from within.
 */
enum client_state {
	CLIENT_IDLE,
	CLIENT_HEAD,
	CLIENT_WAITING,
	CLIENT_CONNECTING,
	CLIENT_RUNNING,
	CLIENT_FLUSHING,
	CLIENT_LINGERING,
	CLIENT_GONE,
};

#define HEAD_MS 10000
#define HEAD_YIELDS_MS 1000 /* then it makes way for a newcomer at limits.maxconn */
#define LINGER_MS 1000
#define DRAIN_MS 5000
#define ATTEMPTS_MAX 3

/* What an exchange about an open transaction needs besides. */
struct exchange_tx {
	enum tx_api api;
	struct tx_body body; /* of the answer */
	char origin[];       /* that the client asked: "http://HOST:PORT" */
};

struct exchange {
	bool write; /* only the master may take it */
	bool safe;  /* nobody asks what became of it (RFC 9110 9.2.1) */
	bool again; /* may be sent again after a member has had it: it does nothing, or undoes */
	bool is_head;
	struct member *pinned; /* who has its transaction; nobody else may take it */
	struct bookmark bookmark;
	struct exchange_tx *tx; /* NULL unless about an open transaction */
	unsigned attempts;      /* times that any of it was sent */
	uint64_t sent;          /* bytes of it a member may have read, in all attempts */
	int64_t deadline_ms;    /* of all waiting together; 0 before the first */
	struct waiter waiter;
	struct upstream *upstream;
	struct buf head; /* the request's head as members get it */
	struct relay request, response;
	struct pace pace; /* of the client, who sends the body and takes the answer */
	struct buf to_member, from_member;
	size_t pass;          /* most of the answer that passes at once; 0: not told yet */
	bool answered;        /* the member sent a byte */
	bool relayed;         /* the final answer's head is in the client's `out` */
	bool passed_on;       /* some of it has left, there is no way back */
	bool send_broken;     /* it takes no more of the request, but may have answered */
	bool member_closed;   /* no more bytes will come from it */
	bool member_may_keep; /* it offered to keep the connection */
};

struct client {
	struct loop_source source; /* first: the loop hands it back */
	struct loop_timer timer;
	struct proxy *proxy;
	struct list_node node; /* on proxy->clients or proxy->gone */
	enum client_state state;
	struct in6_addr address;    /* its own; an IPv4 one as it is within IPv6 */
	char from[NET_ADDRESS_MAX]; /* the same for people */
	struct buf in, out;
	size_t held;           /* of the budget */
	uint64_t given, taken; /* bytes that its socket had from us, and what of them it took */
	uint64_t taken_before; /* when its deadline was set */
	unsigned minor;        /* HTTP/1.minor of the request */
	bool tls;              /* it came by TLS, which was taken off */
	bool keep_alive;       /* as the request asked */
	bool close;            /* after the answer in `out` */
	struct exchange x;
	struct account account;
};

struct upstream {
	struct loop_source source; /* first */
	struct member *member;
	struct client *client; /* NULL while idle */
	struct list_node node; /* on member->idle or member->busy */
	bool connected;
	unsigned moves; /* the member's when this was made */
	int64_t idle_since_ms;
};

/*
 * A member keeps its slot, whose number is its place in the election and in Bolt's array, and its
 * server id as long as anything may speak of it:
 *
 *	state    what happens                                       leaves on
 *	FREE     nobody                                             a member joins: IN
 *	IN       it is asked for its role and gets requests         it is told of no more: LEAVING
 *	LEAVING  nothing new but what belongs to what it has begun  told of again: IN; dead, or
 *	         (open transactions, writes while it is the         LEAVING_MS over and not the
 *	         master): as if drained                             master any more: RESTING
 *	RESTING  nothing at all; nobody else gets its id, which     ID_RESTS_MS over and no request
 *	         outside ids of its transactions still name         left that came to it: FREE
 */
enum member_state { MEMBER_FREE, MEMBER_IN, MEMBER_LEAVING, MEMBER_RESTING };

/* What people want of a member, whatever it can do. */
enum member_admin {
	MEMBER_READY,
	MEMBER_DRAIN, /* nothing new; what is under way ends, its open transactions too */
	MEMBER_MAINT, /* nothing at all, and no checks */
};

struct member {
	struct proxy *proxy;
	enum member_state state;
	int64_t state_since_ms;
	const struct member_conf *conf; /* its own copy; nobody's in a FREE slot */
	int index;
	unsigned moves; /* to another address: connections of before are not kept */
	enum member_admin admin;
	unsigned weight;       /* its share of the reads now */
	bool cold;             /* it was down, or is new: once it serves it begins slowly */
	int64_t slow_since_ms; /* 0: at full speed */
	struct list busy, idle;
	struct list pinned; /* those who wait for this member only */

	struct http_client *probe;
	struct loop_timer probe_timer;
	enum dialect dialect;      /* that it is asked in */
	bool refused;              /* since GET / it did not say something for want of a password */
	struct http_client *agent; /* NULL: none is configured */
	struct loop_timer agent_timer;
	int64_t agent_heard_ms;
	bool agent_asked;      /* it has answered once, or not */
	struct roster *roster; /* the members its agent tells of; NULL: of none */
	bool fit;              /* its agent lets it take writes; without one always */
	enum neo4j_role role;  /* as last heard; DOWN once it counts as dead */
	unsigned fails;        /* probes without an answer since the last answer */
	unsigned last_status;  /* of the last probe: 0 no answer */
	char last_why[64];
	int64_t last_took_ms, last_probe_ms, role_since_ms;
	int64_t asked_ms; /* the last probe was sent */

	struct http_client *bean; /* NULL: its agent tells how far its store is */
	struct loop_timer bean_timer;
	struct reach reach;

	int last_error;                 /* of the last probe without an answer */
	int connect_error;              /* of the last new connection; 0: it was made */
	int64_t suspected_ms;           /* when it was last */
	int64_t down_since_ms, down_ms; /* since: 0 while it is not down */
	struct meter meter;
	uint64_t total, bytes_in, bytes_out, errors, failed_probes, deaths, retries;
	size_t busy_max;
};

struct proxy {
	struct loop *loop;
	const struct proxy_conf *conf;
	struct loop_source listener;
	struct loop_timer accept_timer; /* nobody can be accepted before */
	struct list clients, gone;
	unsigned crowds[YIELD_CROWDS]; /* of the clients */
	struct budget budget;
	struct queue queue;
	struct election election;
	struct loop_timer challenge_timer;
	struct loop_timer doubt_timer;   /* from when the master was asked */
	struct loop_timer connect_timer; /* until it fires, no new connections to members */
	int64_t no_master_since_ms;      /* 0 while there is one */
	int last_master;                 /* the one adopted last, -1: none yet */
	struct reach reach;              /* of the master's store */
	uint32_t bookmark_id;            /* what this process's tokens begin with */
	struct member *members;          /* MEMBERS_MAX slots */
	size_t nmembers;                 /* of them, those that were ever used: they come first */
	struct loop_timer membership_timer;
	enum dialect dialect; /* of the member that told its role last */
	size_t next_read;     /* where roundrobin goes on */
	unsigned turns;       /* that the member at next_read has had */
	struct loop_timer sweep;
	bool dispatching, draining;
	bool hearing; /* of the members, before it takes over from another process */
	int64_t started_ms;
	struct front *bolt; /* NULL: Bolt is not served */
	struct http_server *stats;
	struct handover *handover;
	struct ctl *ctl;     /* NULL: none */
	char csrf_token[33]; /* of the forms on the stats page: a secret */
	char *stats_password;
	char *orders;       /* of the process before, about members that have not come yet */
	char *check_fields; /* what each check says besides its target: a secret */

	uint64_t total, bytes_in, bytes_out, bad_requests, refused, held_total, master_changes;
	uint64_t unknown; /* answers that said so of a request's outcome */
	size_t clients_max;
	uint64_t connections;
	struct rate connection_rate;
	struct meter meter;
	struct history history;
	struct loop_timer history_timer;
	struct access_log *access_log; /* NULL: none */

	char scratch[RELAY_PASS_MAX + 1]; /* what was just read; nobody keeps anything there */
};

/* Has the sweep run as soon as the loop comes round: free what is gone, give free slots away. */
void proxy_kick(struct proxy *p);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_CLIENT_H
#define PROXY_CLIENT_H

#include "proxy.h"

/*
 * The side towards the clients: accept, read heads, write answers. At limits.maxconn connections
 * the longest idle one gives way to a newcomer; when none is idle, one that has owed a whole head
 * for HEAD_YIELDS_MS: of the address that has the most connections the oldest, so that no address
 * keeps the others out by saying nothing. When there is none newcomers wait in the backlog. Whose
 * the newcomer is does not matter: only who was accepted has an address, and cannot be put back.
 */
MUST_CHECK int clients_start(struct proxy *p, struct err *e);
/*
 * A connection that was accepted elsewhere and turned out to speak HTTP, within TLS or not. from:
 * where the client is, NULL where fd itself tells.
 */
void client_adopt(struct proxy *p, int fd, const struct sockaddr_storage *from, bool tls);
/* From now on; clients_start only listens. */
void clients_accept(struct proxy *p);
/* Closes the listener; who is there stays. */
void clients_stop_accepting(struct proxy *p);
/* Answers those that still wait, at the end. */
void clients_give_up(struct proxy *p);
/* No newcomers; idle ones are closed, the others after their answer. */
void clients_drain(struct proxy *p);
void clients_stop(struct proxy *p);
/* Frees those that are gone. */
void clients_sweep(struct proxy *p);

/* Into a state with its events and its deadline. */
void client_enter(struct client *c, enum client_state state);
/* Goes on as far as possible without waiting. Only from the top of an event handler. */
void client_run(struct client *c);
/* Out of everything, at once; freed by the next sweep. */
void client_close(struct client *c);

/*
 * The proxy's own answer: JSON with an `errors` list as Neo4j has it, so that clients that only
 * look there notice. fields is "" or complete lines. Enters FLUSHING; nothing is written yet.
 */
void client_answer(struct client *c, unsigned status, const char *code, const char *fields,
	const char *fmt, ...) PRINTF(5, 6);
/* To an OPTIONS that is the proxy's own to answer; otherwise likewise. */
void client_answer_options(struct client *c);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_QUEUE_H
#define PROXY_QUEUE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include "list.h"

/*
 * Requests that wait for a member, in lines: one for those only the master may take, one for those
 * any member may take, one for those that want to read what they wrote, and one per member for
 * those only it may take (its open transactions).
 * Within a line and between lines it is the turn of the lowest round, then of the first come. A
 * newcomer's round is the one being served, or one more than that of its own client's last in the
 * line: clients (addresses) take turns, and one that sends a thousand requests delays another one's
 * first by one at most.
 */
struct waiter {
	struct list_node node;
	struct in6_addr from;
	uint64_t round, ticket;
};

struct queue {
	struct list writes, reads, marked;
	uint64_t round;       /* being served */
	uint64_t next_ticket; /* grows with each arrival */
	size_t len_max;       /* the longest all these were together */
};

/* Puts w (with .from set) at its place in the line. */
void queue_push(struct queue *q, struct list *line, struct waiter *w);
/* Puts a waiter back that had its turn in vain: at its old place. */
void queue_return(struct list *line, struct waiter *w);
/* Takes w out if it is in. */
void queue_remove(struct waiter *w);
/* How many wait in the lines that are not one member's. */
size_t queue_len(const struct queue *q);
/* Behind w in its line, or NULL. */
struct waiter *queue_next(const struct waiter *w);
/* The next of the line, NULL when it is empty; the last one is who has asked for most. */
struct waiter *queue_first(const struct list *line);
struct waiter *queue_last(const struct list *line);
/* Is it a's turn before b's? */
bool queue_before(const struct waiter *a, const struct waiter *b);
/* Takes w out, because its turn has come. */
void queue_serve(struct queue *q, struct waiter *w);
/* Those still in have to wait: counts them for len_max. */
void queue_note_length(struct queue *q);

#endif

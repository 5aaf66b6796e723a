/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_QUEUE_H
#define PROXY_QUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include "list.h"

/*
 * Requests that wait for a member: one line for those only the master may take, one for those any
 * member may take. First come, first served within a line, and between the lines too when a member
 * could take either: neither kind starves the other.
 */
struct waiter {
	struct list_node node;
	uint64_t ticket;
};

struct queue {
	struct list writes, reads;
	uint64_t next_ticket; /* grows with each arrival */
	size_t len_max;       /* the longest both lines were together */
};

/* Puts w at the end of its line. */
void queue_push(struct queue *q, struct waiter *w, bool write);
/* Puts a waiter back that had its turn in vain: it keeps its place by its ticket. */
void queue_return(struct queue *q, struct waiter *w, bool write);
/* Takes w out if it is in. */
void queue_remove(struct waiter *w);
/* Takes out the one whose turn it is among those that can be placed; NULL when there is none. */
struct waiter *queue_take(struct queue *q, bool write_possible, bool read_possible);
/* Those still in have to wait: counts them for len_max. */
void queue_note_length(struct queue *q);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "queue.h"

static struct waiter *waiter_of(struct list_node *n)
{
	return n ? container_of(n, struct waiter, node) : NULL;
}

struct waiter *queue_first(const struct list *line)
{
	return waiter_of(line->first);
}

struct waiter *queue_last(const struct list *line)
{
	return waiter_of(line->last);
}

struct waiter *queue_next(const struct waiter *w)
{
	return waiter_of(w->node.next);
}

size_t queue_len(const struct queue *q)
{
	return q->writes.len + q->reads.len + q->marked.len;
}

void queue_note_length(struct queue *q)
{
	size_t len = queue_len(q);

	if (len > q->len_max)
		q->len_max = len;
}

bool queue_before(const struct waiter *a, const struct waiter *b)
{
	return a->round != b->round ? a->round < b->round : a->ticket < b->ticket;
}

static bool same_client(const struct waiter *a, const struct waiter *b)
{
	return memcmp(&a->from, &b->from, sizeof(a->from)) == 0;
}

/* Lines are sorted, so the first of its own found from behind is its client's last. */
static uint64_t next_round(const struct queue *q, const struct list *line, const struct waiter *w)
{
	for (struct list_node *n = line->last; n; n = n->prev) {
		const struct waiter *other = waiter_of(n);
		if (same_client(other, w))
			return other->round + 1;
	}
	return q->round;
}

void queue_push(struct queue *q, struct list *line, struct waiter *w)
{
	w->ticket = q->next_ticket++;
	w->round = next_round(q, line, w);
	queue_return(line, w);
}

void queue_return(struct list *line, struct waiter *w)
{
	struct list_node *behind = line->last;

	while (behind && queue_before(w, waiter_of(behind)))
		behind = behind->prev;
	list_insert(line, &w->node, behind);
}

void queue_remove(struct waiter *w)
{
	list_remove(&w->node);
}

void queue_serve(struct queue *q, struct waiter *w)
{
	if (w->round > q->round)
		q->round = w->round;
	list_remove(&w->node);
}

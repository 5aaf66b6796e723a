/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "queue.h"

static struct waiter *first_of(const struct list *l)
{
	return l->first ? container_of(l->first, struct waiter, node) : NULL;
}

void queue_note_length(struct queue *q)
{
	size_t len = q->writes.len + q->reads.len;

	if (len > q->len_max)
		q->len_max = len;
}

void queue_push(struct queue *q, struct waiter *w, bool write)
{
	w->ticket = q->next_ticket++;
	list_append(write ? &q->writes : &q->reads, &w->node);
}

/* Those behind it in the line are moved to the end in their order: rare, and lines are short. */
void queue_return(struct queue *q, struct waiter *w, bool write)
{
	struct list *l = write ? &q->writes : &q->reads;
	size_t n = l->len;

	bool placed = false;
	for (; n; n--) {
		struct waiter *first = first_of(l);
		if (!placed && first->ticket > w->ticket) {
			list_append(l, &w->node);
			placed = true;
		}
		list_append(l, &first->node);
	}
	if (!placed)
		list_append(l, &w->node);
}

void queue_remove(struct waiter *w)
{
	list_remove(&w->node);
}

struct waiter *queue_take(struct queue *q, bool write_possible, bool read_possible)
{
	struct waiter *w = write_possible ? first_of(&q->writes) : NULL;
	struct waiter *r = read_possible ? first_of(&q->reads) : NULL;

	if (!w || (r && r->ticket < w->ticket))
		w = r;
	if (w)
		list_remove(&w->node);
	return w;
}

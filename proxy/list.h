/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_LIST_H
#define PROXY_LIST_H

#include <stddef.h>

/*
 * Intrusive doubly linked lists that know their length: what state an object is in shows in the
 * list it is on, and counters are list lengths. A zeroed list is empty, a zeroed node is on none.
 */
struct list_node {
	struct list_node *prev, *next;
	struct list *list; /* NULL while on none */
};

struct list {
	struct list_node *first, *last;
	size_t len;
};

#define container_of(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

static inline void list_remove(struct list_node *n)
{
	struct list *l = n->list;

	if (!l)
		return;
	*(n->prev ? &n->prev->next : &l->first) = n->next;
	*(n->next ? &n->next->prev : &l->last) = n->prev;
	l->len--;
	*n = (struct list_node){0};
}

/* Puts n behind `after`, which is on l, or first when that is NULL; it leaves the list it was on.
 */
static inline void list_insert(struct list *l, struct list_node *n, struct list_node *after)
{
	list_remove(n);
	n->list = l;
	n->prev = after;
	n->next = after ? after->next : l->first;
	*(n->next ? &n->next->prev : &l->last) = n;
	*(after ? &after->next : &l->first) = n;
	l->len++;
}

/* Appends n; it leaves the list it was on. */
static inline void list_append(struct list *l, struct list_node *n)
{
	list_remove(n);
	list_insert(l, n, l->last);
}

#endif

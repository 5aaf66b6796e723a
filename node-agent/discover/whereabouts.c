/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "whereabouts.h"

void whereabouts_begin(struct whereabouts *w, struct in_addr configured)
{
	*w = (struct whereabouts){.configured = configured, .address = configured};
}

void whereabouts_heard(struct whereabouts *w, struct in_addr from, bool present)
{
	if (from.s_addr == w->configured.s_addr || !w->configured.s_addr || !present)
		w->address = from;
	memset(w->maybe, 0, sizeof(w->maybe));
}

void whereabouts_maybe(struct whereabouts *w, struct in_addr from)
{
	struct in_addr next = from;

	for (size_t i = 0; i < WHEREABOUTS_MAYBE; i++) {
		struct in_addr before = w->maybe[i];
		w->maybe[i] = next;
		if (before.s_addr == from.s_addr)
			return;
		next = before;
	}
}

static size_t add(struct in_addr to[], size_t n, struct in_addr a)
{
	for (size_t i = 0; i < n; i++) {
		if (to[i].s_addr == a.s_addr)
			return n;
	}
	if (a.s_addr)
		to[n++] = a;
	return n;
}

size_t whereabouts_targets(
	const struct whereabouts *w, bool present, struct in_addr to[WHEREABOUTS_MAX])
{
	size_t n = add(to, 0, w->address);

	if (present)
		return n;
	n = add(to, n, w->configured);
	for (size_t i = 0; i < WHEREABOUTS_MAYBE; i++)
		n = add(to, n, w->maybe[i]);
	return n;
}

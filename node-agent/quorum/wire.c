/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "wire.h"

struct wire wire_from(const uint8_t *p, size_t size)
{
	union {
		const uint8_t *in;
		uint8_t *p;
	} u = {.in = p};

	return (struct wire){.p = u.p, .size = size, .reading = true};
}

/* The next n bytes, or NULL: there is no room for them, or none was left before. */
static uint8_t *take(struct wire *w, size_t n)
{
	if (w->bad || w->size - w->at < n) {
		w->bad = true;
		return NULL;
	}
	w->at += n;
	return w->p + w->at - n;
}

static uint64_t number(struct wire *w, uint64_t v, size_t bytes)
{
	uint8_t *p = take(w, bytes);
	uint64_t read = 0;

	for (size_t i = 0; p && i < bytes; i++) {
		if (w->reading)
			read |= (uint64_t)p[i] << (8 * i);
		else
			p[i] = (uint8_t)(v >> (8 * i));
	}
	return w->reading ? read : v;
}

static void u64(struct wire *w, uint64_t *v)
{
	*v = number(w, *v, 8);
}

/* A byte from least to most. */
static unsigned within(struct wire *w, unsigned v, unsigned least, unsigned most)
{
	v = (unsigned)number(w, v, 1);
	if (v < least || v > most)
		w->bad = true;
	return w->bad ? least : v;
}

static void flag(struct wire *w, bool *v)
{
	*v = within(w, *v, 0, 1);
}

/* Has its Neo4j formed (1), does it copy a store (2), does a majority follow it (4), is its
 * port shut (8)? */
static void stage(struct wire *w, struct word *x)
{
	unsigned v = (unsigned)x->formed | (unsigned)x->copies << 1 | (unsigned)x->leads << 2 |
		     (unsigned)x->shut << 3;

	v = within(w, v, 0, 15);
	x->formed = v & 1;
	x->copies = v & 2;
	x->leads = v & 4;
	x->shut = v & 8;
}

static void mastership(struct wire *w, struct mastership *m)
{
	u64(w, &m->term);
	u64(w, &m->run);
	m->id = within(w, m->id, 0, MANIFEST_MAX);
}

void wire_word(struct wire *w, struct word *x)
{
	u64(w, &x->incarnation);
	u64(w, &x->epoch);
	u64(w, &x->run);
	u64(w, &x->expected);
	u64(w, &x->promised);
	u64(w, &x->accepted);
	u64(w, &x->ballot);
	x->phase = (enum decree_phase)within(w, x->phase, DECREE_IDLE, DECREE_ACCEPT);
	x->part = (enum word_part)within(w, x->part, WORD_ALONE, WORD_PROPOSED);
	mastership(w, &x->granted);
	mastership(w, &x->basis);
	mastership(w, &x->followed);
	mastership(w, &x->touched);
	mastership(w, &x->claim);
	u64(w, &x->neo4j_run);
	u64(w, &x->last_tx);
	x->role = (enum neo4j_role)within(w, x->role, NEO4J_DOWN, NEO4J_MASTER);
	x->master = within(w, x->master, 0, MANIFEST_MAX);
	stage(w, x);
	flag(w, &x->whole);
	flag(w, &x->fit);
	flag(w, &x->lease);
	flag(w, &x->bound);
	u64(w, &x->stored);
	u64(w, &x->failed);
	u64(w, &x->runs);
	u64(w, &x->goal);
}

/* A name as on the card: letters, digits and hyphens. */
static void name(struct wire *w, char to[MANIFEST_NAME])
{
	static const char label[] =
		"abcdefghijklmnopqrstuvwxyz0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	unsigned n = within(w, (unsigned)strnlen(to, MANIFEST_NAME - 1), 1, MANIFEST_NAME - 1);
	uint8_t *p = take(w, n);

	if (!p)
		return;
	if (!w->reading) {
		memcpy(p, to, n);
		return;
	}
	memcpy(to, p, n);
	to[n] = '\0';
	if (strspn(to, label) != n)
		w->bad = true;
}

static void address(struct wire *w, struct in_addr *a)
{
	uint8_t *p = take(w, sizeof(*a));

	if (p && w->reading)
		memcpy(a, p, sizeof(*a));
	else if (p)
		memcpy(p, a, sizeof(*a));
}

static void member(struct wire *w, struct manifest_member *m, unsigned least_id)
{
	m->id = (uint8_t)within(w, m->id, least_id, MANIFEST_MAX);
	m->role = (uint8_t)within(w, m->role, MANIFEST_DATA, MANIFEST_ARBITER);
	flag(w, &m->readmitted);
	flag(w, &m->newcomer);
	address(w, &m->address);
	u64(w, &m->incarnation);
	name(w, m->name);
}

static bool hosts_are_members(const struct manifest *m)
{
	struct idset left = m->hosts;

	for (unsigned i = 0; i < m->n; i++)
		idset_remove(&left, m->member[i].id);
	return idset_count(&left) == 0;
}

void wire_manifest(struct wire *w, struct manifest *m)
{
	unsigned id = 0;

	if (w->reading)
		*m = (struct manifest){0};
	u64(w, &m->epoch);
	u64(w, &m->run);
	u64(w, &m->hosts.bits[0]);
	u64(w, &m->hosts.bits[1]);
	u64(w, &m->generation);
	u64(w, &m->before);
	flag(w, &m->withdrawn);
	m->was_majority = within(w, m->was_majority, 0, MANIFEST_MAX);
	m->was_data_majority = within(w, m->was_data_majority, 0, MANIFEST_MAX);
	m->n = within(w, m->n, 0, MANIFEST_MAX);
	for (unsigned i = 0; i < m->n && !w->bad; i++) {
		member(w, &m->member[i], id + 1);
		id = m->member[i].id;
	}
	if (!w->bad && !hosts_are_members(m))
		w->bad = true;
	if (w->bad && w->reading)
		*m = (struct manifest){0};
}

void wire_durable(struct wire *w, struct durable *d)
{
	u64(w, &d->incarnation);
	wire_manifest(w, &d->manifest);
	u64(w, &d->acceptor.promised);
	u64(w, &d->acceptor.accepted);
	if (d->acceptor.accepted)
		wire_manifest(w, &d->acceptor.value);
	mastership(w, &d->granted);
	mastership(w, &d->basis);
	mastership(w, &d->followed);
	mastership(w, &d->touched);
}

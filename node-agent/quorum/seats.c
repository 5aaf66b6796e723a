/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of the members: heard, said, in the run, joined. */
#include "quorum_private.h"

const struct word *quorum_said(const struct quorum *q, unsigned id)
{
	return id == q->self ? &q->mine : &q->seat[id].word;
}

bool quorum_near(const struct quorum *q, unsigned id, int64_t ms)
{
	const struct seat *s = &q->seat[id];

	if (id == q->self)
		return true;
	return s->heard_ms >= 0 && q->now_ms - s->heard_ms < ms;
}

bool quorum_is_arbiter(const struct quorum *q)
{
	const struct manifest_member *me = manifest_member(quorum_members(q), q->self);

	return me && me->role == MANIFEST_ARBITER;
}

bool quorum_is_lost(const struct quorum *q, unsigned id)
{
	const struct manifest_member *m = manifest_member(&q->d.manifest, id);

	return m && !m->incarnation;
}

bool quorum_votes(const struct quorum *q, unsigned id)
{
	const struct manifest_member *m = manifest_member(quorum_members(q), id);
	uint64_t now = id == q->self ? q->d.incarnation : q->seat[id].word.incarnation;

	return m && (q->d.manifest.epoch == 0 || (now && m->incarnation == now));
}

bool quorum_in_run(const struct quorum *q, unsigned id, int64_t ms)
{
	return quorum_near(q, id, ms) && quorum_said(q, id)->run == q->d.manifest.run;
}

bool quorum_has_joined(const struct quorum *q, unsigned id)
{
	const struct word *w = quorum_said(q, id);

	return w->formed && w->neo4j_run == q->d.manifest.run;
}

bool quorum_joined(const struct quorum *q, unsigned id)
{
	return quorum_in_run(q, id, QUORUM_PRESENT_MS) && quorum_has_joined(q, id);
}

unsigned quorum_count_of(const struct quorum *q, member_test *test)
{
	const struct manifest *m = quorum_members(q);
	unsigned n = 0;

	for (unsigned i = 0; i < m->n; i++)
		n += test(q, m->member[i].id);
	return n;
}

bool quorum_majority_of(const struct quorum *q, member_test *test)
{
	return q->d.manifest.epoch && quorum_count_of(q, test) >= manifest_majority(&q->d.manifest);
}

bool quorum_runs(const struct quorum *q, unsigned id)
{
	return quorum_in_run(q, id, QUORUM_PRESENT_MS) &&
	       quorum_said(q, id)->neo4j_run == q->d.manifest.run;
}

bool quorum_is_host(const struct quorum *q, unsigned id)
{
	return idset_has(&q->d.manifest.hosts, id) && quorum_in_run(q, id, QUORUM_PRESENT_MS);
}

bool quorum_has_data_host(const struct quorum *q)
{
	const struct manifest *m = &q->d.manifest;

	for (unsigned i = 0; i < m->n; i++) {
		if (m->member[i].role == MANIFEST_DATA && idset_has(&m->hosts, m->member[i].id))
			return true;
	}
	return false;
}

bool quorum_is_master(const struct quorum *q, unsigned id)
{
	return quorum_joined(q, id) && quorum_said(q, id)->role == NEO4J_MASTER;
}

bool quorum_is_slave_of(const struct quorum *q, unsigned id, unsigned master)
{
	const struct word *w = quorum_said(q, id);

	return w->role == NEO4J_SLAVE && w->master == master;
}

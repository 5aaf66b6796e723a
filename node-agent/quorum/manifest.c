/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "manifest.h"

const struct manifest_member *manifest_member(const struct manifest *m, unsigned id)
{
	for (unsigned i = 0; i < m->n; i++) {
		if (m->member[i].id == id)
			return &m->member[i];
	}
	return NULL;
}

static bool is_voter(const struct manifest *m, const struct manifest_member *k)
{
	return !m->epoch || k->incarnation;
}

struct count {
	unsigned voters, data;
};

static void count_voter(struct count *c, const struct manifest *m, const struct manifest_member *k)
{
	c->voters += is_voter(m, k);
	c->data += is_voter(m, k) && k->role == MANIFEST_DATA;
}

static struct count count_voters(const struct manifest *m)
{
	struct count c = {0};

	for (unsigned i = 0; i < m->n; i++)
		count_voter(&c, m, &m->member[i]);
	return c;
}

unsigned manifest_majority(const struct manifest *m)
{
	return MANIFEST_MAJORITY(count_voters(m).voters);
}

unsigned manifest_data_majority(const struct manifest *m)
{
	return MANIFEST_MAJORITY(count_voters(m).data);
}

static bool has_vote(const struct manifest *m, unsigned id)
{
	const struct manifest_member *k = manifest_member(m, id);

	return k && is_voter(m, k);
}

/* Those of a that are voters no more in b; all, or but for newcomers. */
static struct count count_gone(const struct manifest *a, const struct manifest *b, bool all)
{
	struct count c = {0};

	for (unsigned i = 0; i < a->n; i++) {
		if (!has_vote(b, a->member[i].id) && (all || !a->member[i].newcomer))
			count_voter(&c, a, &a->member[i]);
	}
	return c;
}

static unsigned remaining(unsigned majority, unsigned gone)
{
	return majority > gone ? majority - gone : 1;
}

/* was: of a change before, since which nobody has followed a master; 0: there was none. */
static unsigned smaller(unsigned now, unsigned was, unsigned was_gone)
{
	unsigned rest = remaining(was, was_gone);

	return was && rest < now ? rest : now;
}

void manifest_note_change(struct manifest *m, const struct manifest *before)
{
	struct count gone = count_gone(before, m, true), come = count_gone(m, before, true),
		     was_gone = count_gone(before, m, false);

	if (MANIFEST_FORGETS || (!gone.voters && !come.voters))
		return;
	for (unsigned i = 0; i < m->n; i++)
		m->member[i].newcomer = !has_vote(before, m->member[i].id);
	m->was_majority = smaller(remaining(manifest_majority(before), gone.voters),
		before->was_majority, was_gone.voters);
	m->was_data_majority = smaller(remaining(manifest_data_majority(before), gone.data),
		before->was_data_majority, was_gone.data);
}

bool manifest_shortened(const struct manifest *m)
{
	return idset_count(&m->hosts) < m->n;
}

static void add(uint64_t *hash, const void *p, size_t n)
{
	const uint8_t *c = p;

	for (size_t i = 0; i < n; i++)
		*hash = (*hash ^ c[i]) * UINT64_C(0x100000001b3);
}

uint64_t manifest_digest(const struct manifest *m)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	uint64_t numbers[] = {m->epoch, m->run, m->hosts.bits[0], m->hosts.bits[1], m->generation,
		m->before, m->withdrawn, m->was_majority, m->was_data_majority, m->n};

	add(&hash, numbers, sizeof(numbers));
	for (unsigned i = 0; i < m->n; i++) {
		const struct manifest_member *k = &m->member[i];
		add(&hash, &k->id, sizeof(k->id));
		add(&hash, &k->role, sizeof(k->role));
		add(&hash, &k->readmitted, sizeof(k->readmitted));
		add(&hash, &k->newcomer, sizeof(k->newcomer));
		add(&hash, &k->address, sizeof(k->address));
		add(&hash, &k->incarnation, sizeof(k->incarnation));
		add(&hash, k->name, strlen(k->name) + 1);
	}
	return hash;
}

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

unsigned manifest_majority(const struct manifest *m)
{
	unsigned voters = 0;

	for (unsigned i = 0; i < m->n; i++)
		voters += is_voter(m, &m->member[i]);
	return MANIFEST_MAJORITY(voters);
}

unsigned manifest_data_majority(const struct manifest *m)
{
	unsigned data = 0;

	for (unsigned i = 0; i < m->n; i++)
		data += m->member[i].role == MANIFEST_DATA && is_voter(m, &m->member[i]);
	return MANIFEST_MAJORITY(data);
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
		m->before, m->withdrawn, m->n};

	add(&hash, numbers, sizeof(numbers));
	for (unsigned i = 0; i < m->n; i++) {
		const struct manifest_member *k = &m->member[i];
		add(&hash, &k->id, sizeof(k->id));
		add(&hash, &k->role, sizeof(k->role));
		add(&hash, &k->readmitted, sizeof(k->readmitted));
		add(&hash, &k->address, sizeof(k->address));
		add(&hash, &k->incarnation, sizeof(k->incarnation));
		add(&hash, k->name, strlen(k->name) + 1);
	}
	return hash;
}

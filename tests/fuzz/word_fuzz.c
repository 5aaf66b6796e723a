/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as what the members of a cluster of three say: words, manifests behind them, one after
 * the other, and time going by. What must hold: what is read is written as the same bytes and is
 * what wire.h promises; the rules bear whatever a member says, and allow nothing without a lease.
 */
// use: node-agent/quorum/wire.c node-agent/quorum/quorum.c node-agent/quorum/propose.c
// use: node-agent/quorum/generation.c node-agent/quorum/decree.c node-agent/quorum/manifest.c
// use: node-agent/quorum/masters.c node-agent/quorum/seats.c node-agent/quorum/start.c
// use: node-agent/quorum/stores.c
#include "fuzz.h"
#include "node-agent/quorum/wire.h"

#define SELF 1
#define STEP_MS 500

static void must_be_manifest(const struct manifest *m)
{
	must(m->n <= MANIFEST_MAX);
	for (unsigned i = 0; i < m->n; i++) {
		size_t n = strnlen(m->member[i].name, MANIFEST_NAME);
		must(n > 0 && n < MANIFEST_NAME);
		must(m->member[i].id >= 1 && m->member[i].id <= MANIFEST_MAX);
		must(i == 0 || m->member[i].id > m->member[i - 1].id);
	}
}

/* Reads a word, and its manifest; the bytes it took, or 0. */
static size_t read_word(const uint8_t *p, size_t n, struct word *x, struct manifest *value)
{
	uint8_t again[WORD_WIRE + MANIFEST_WIRE_MAX];
	struct wire in = wire_from(p, n), out = wire_to(again, sizeof(again));

	wire_word(&in, x);
	if (!in.bad && x->part != WORD_ALONE)
		wire_manifest(&in, value);
	if (in.bad)
		return 0;
	must_be_manifest(value);
	wire_word(&out, x);
	if (x->part != WORD_ALONE)
		wire_manifest(&out, value);
	must(!out.bad && out.at == in.at && memcmp(again, p, in.at) == 0);
	return in.at;
}

static void begin(struct quorum *q)
{
	struct manifest expected = {.n = 3};
	struct durable d = {.incarnation = 1};

	for (unsigned i = 0; i < expected.n; i++) {
		expected.member[i].id = (uint8_t)(i + 1);
		snprintf(expected.member[i].name, MANIFEST_NAME, "pi%u", i + 1);
	}
	quorum_begin(q, SELF, &expected, &d, 0);
}

static void step(struct quorum *q, uint8_t how, int64_t now_ms)
{
	struct quorum_look look = {.whole = how & 1,
		.fit = how & 2,
		.role = (enum neo4j_role)((how >> 2) % 4),
		.neo4j_run = how >> 4 & 3,
		.master = how >> 6,
		.last_tx = now_ms};
	const struct manifest *value = NULL;
	struct verdict v;
	struct word w = {0};

	quorum_step(q, &look, now_ms, &v);
	must(!v.writable || q->lease);
	must(v.why != NULL);
	for (unsigned to = 2; to <= 3; to++)
		quorum_word(q, to, &w, &value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct quorum q;
	int64_t now_ms = 0;

	begin(&q);
	/* Who speaks, what this node's Neo4j does, then what is said. */
	while (size > 2) {
		struct word w = {0};
		struct manifest value = {0};
		size_t n = read_word(data + 2, size - 2, &w, &value);
		if (!n)
			break;
		now_ms += STEP_MS;
		q.now_ms = now_ms;
		unsigned id = 2 + data[0] % 2;
		quorum_seen(&q, id, now_ms);
		quorum_hear(&q, id, &w, w.part == WORD_ALONE ? NULL : &value, now_ms - 1);
		step(&q, data[1], now_ms);
		must_be_manifest(&q.d.manifest);
		data += 2 + n;
		size -= 2 + n;
	}
	return 0;
}

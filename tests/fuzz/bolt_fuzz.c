/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a handshake, as chunks, and as each message that is looked into. What must hold: no
 * read outside of them, slices inside of them, the same messages however the bytes are cut, and
 * what a value is skipped by is what reading it step by step takes.
 */
// use: proxy/bolt/chunk.c proxy/bolt/pack.c proxy/bolt/handshake.c proxy/bolt/message.c
// use: proxy/bolt/routing.c
#include "fuzz.h"
#include "proxy/bolt/chunk.h"
#include "proxy/bolt/handshake.h"
#include "proxy/bolt/routing.h"

static void must_be_inside(struct slice s, const uint8_t *p, size_t n)
{
	const uint8_t *at = (const uint8_t *)s.p;

	must(!s.n || (at >= p && at + s.n <= p + n));
}

static void shake(const uint8_t *data, size_t size)
{
	static const struct bolt_version have[] = {{4, 3}, {3, 0}};
	struct bolt_version v = {0};
	uint8_t hello[HANDSHAKE_SIZE] = {0};

	memcpy(hello, data, size < sizeof(hello) ? size : sizeof(hello));
	memcpy(hello, HANDSHAKE_MAGIC, 4);
	if (handshake_choose(hello, have, 2, &v) == HANDSHAKE_CHOSEN)
		must(v.major == 3 || v.major == 4);
	int used = handshake_manifest_choice(data, size, have, 2, &v);
	must(used >= -1 && used <= (int)size);
}

static void values(const uint8_t *data, size_t size)
{
	struct pack step = pack_of(data, size), skip = pack_of(data, size);
	uint64_t todo = 1;
	struct slice raw;

	bool well = pack_skip(&skip, &raw) == 0;
	if (well)
		must_be_inside(raw, data, size);
	while (todo) {
		struct pack_value v = pack_next(&step);
		if (v.type == PACK_BAD)
			break;
		must_be_inside(v.s, data, size);
		todo--;
		if (v.type == PACK_MAP)
			todo += 2 * v.n;
		else if (v.type == PACK_LIST || v.type == PACK_STRUCT)
			todo += v.n;
	}
	must(well == !todo && (!well || step.p == skip.p));
}

static void entry(void *arg, struct slice key, struct slice raw)
{
	const struct slice *all = arg;

	must_be_inside(key, (const uint8_t *)all->p, all->n);
	must_be_inside(raw, (const uint8_t *)all->p, all->n);
}

static void message(const uint8_t *data, size_t size)
{
	struct bolt_demand demand;
	struct bolt_summary summary;
	struct slice all = {(const char *)data, size};
	char address[ROUTING_ADDRESS_MAX];
	struct routing_call call;

	routing_read_call(data, size, &call);
	must(strlen(call.address) < sizeof(call.address) &&
		strlen(call.database) < sizeof(call.database));
	if (bolt_read_demand(data, size, &demand) == 0) {
		must_be_inside(demand.text, data, size);
		must_be_inside(demand.parameters, data, size);
		(void)routing_is_call(demand.text);
		if (routing_address(demand.parameters, address))
			must(strlen(address) < ROUTING_ADDRESS_MAX);
	}
	uint8_t tag = bolt_read_early_tag(data, size);
	must(!tag || bolt_tag_from_client(tag, 3));
	if (bolt_read_early_demand(data, size, &demand) == 0) {
		must(tag); /* what is whole has a meaning */
		must_be_inside(demand.text, data, size);
		must_be_inside(demand.parameters, data, size);
		must(tag == BOLT_BEGIN || !demand.mark);
	}
	if (bolt_read_summary(data, size, &summary) == 0) {
		must_be_inside(summary.code, data, size);
		must_be_inside(summary.message, data, size);
		must_be_inside(summary.server, data, size);
		(void)bolt_bookmark(summary.bookmark);
	}
	for (uint8_t major = 1; major <= 3; major++) {
		if (bolt_read_identity(data, size, major, entry, &all) < 0)
			continue;
	}
}

/* The data and the ends of all messages as one sum. */
static uint64_t chunks(const uint8_t *data, size_t size, size_t step)
{
	struct chunks c = {0};
	uint64_t sum = 0;

	for (size_t at = 0, have = 0; at < size;) {
		have = size - have > step ? have + step : size;
		while (at < have) {
			struct chunk_piece piece = chunk_next(&c, data + at, have - at);
			must(piece.used && piece.used <= have - at && piece.n <= piece.used);
			for (size_t i = 0; i < piece.n; i++)
				sum = sum * 31 + piece.data[i];
			sum = piece.end ? sum * 31 + 257 + c.nhead : sum;
			at += piece.used;
		}
	}
	return sum;
}

/* What is told in one go is what is found step by step. */
static void runs(const uint8_t *data, size_t size)
{
	struct chunks c = {0};
	size_t n = chunk_run(&c, data, size, BOLT_RECORD);
	bool end = true;

	must(n <= size);
	for (size_t at = 0; at < n;) {
		struct chunk_piece piece = chunk_next(&c, data + at, n - at);
		at += piece.used;
		end = piece.end;
		must(!end || c.head[1] == BOLT_RECORD);
	}
	must(end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *p = malloc(size ? size : 1);

	if (!p)
		return 0;
	memcpy(p, data, size);
	shake(p, size);
	values(p, size);
	message(p, size);
	must(chunks(p, size, size + 1) == chunks(p, size, 1));
	runs(p, size);
	free(p);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as what a member answers to whoever asks for its role and how far it is. What must
 * hold: a role and a question there are, and no master or slave by an answer that is an error.
 */
// use: proxy/members/dialect.c
#include "fuzz.h"
#include "neo4j_bean.h"
#include "proxy/members/dialect.h"

static const unsigned statuses[] = {200, 201, 404, 401, 503, 500};

static void try_dialect(enum dialect d, enum dialect configured, unsigned status, struct slice body)
{
	for (int alone = 0; alone < 2; alone++) {
		struct dialect_heard h = dialect_hear(d, configured, alone, status, body);
		must(dialect_name(h.next) && dialect_target(h.next));
		must(h.role >= NEO4J_DOWN && h.role <= NEO4J_MASTER);
		must(status < 500 || h.role != NEO4J_MASTER);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice body = {(const char *)data, size};
	struct neo4j_bean bean = neo4j_bean_parse(body);

	must(bean.last_tx == TX_UNKNOWN || bean.last_tx <= INT64_MAX);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		for (int d = DIALECT_ASK; d <= DIALECT_SINGLE; d++) {
			try_dialect((enum dialect)d, DIALECT_ASK, statuses[i], body);
			try_dialect((enum dialect)d, (enum dialect)d, statuses[i], body);
		}
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a question and as an answer. What must hold: what is read is a name of node.conf's
 * kind and no more addresses than fit, and an answer made of it says the same.
 */
// use: node-agent/discover/mdns.c
#include <stdlib.h>
#include <string.h>
#include "node-agent/discover/mdns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
	if (!held)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint16_t id = size >= 2 ? (uint16_t)(data[0] << 8 | data[1]) : 0, asked;
	uint8_t again[MDNS_ANSWER_MAX];
	struct mdns_node node, back;

	if (mdns_asks(data, size, &asked))
		must(asked == id);
	if (mdns_read(data, size, id, &node) < 0)
		return 0;
	size_t n = strnlen(node.name, MDNS_NAME);
	must(n > 0 && n < MDNS_NAME && node.naddresses <= MDNS_ADDRESSES);
	must(mdns_read(again, mdns_answer(id, &node, again), id, &back) == 0);
	must(strcmp(node.name, back.name) == 0 && node.naddresses == back.naddresses);
	must(memcmp(node.tag, back.tag, MDNS_TAG_SIZE) == 0);
	return 0;
}

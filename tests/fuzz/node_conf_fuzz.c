/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as the agent's node.conf and marker. What must hold: what loads is what identity.h
 * promises.
 */
// use: node-agent/identity.c node-agent/marker.c
#include "fuzz.h"
#include "node-agent/marker.h"
#include "util.h"

static void must_be_name(const char name[NAME_SIZE])
{
	size_t n = strnlen(name, NAME_SIZE);

	must(n > 0 && n < NAME_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	static struct identity id;
	struct marker m;
	struct err e = {0};

	if (identity_load(fuzz_file(data, size, 0), &id, &e) == 0) {
		must(id.nmembers >= 1 && id.nmembers <= MEMBERS_MAX && id.self < id.nmembers);
		must_be_name(id.cluster);
		for (size_t i = 0; i < id.nmembers; i++)
			must_be_name(id.members[i].name);
	} else {
		must(e.code != 0);
	}
	if (marker_parse("marker", text, &m, &e) == 0)
		must(strnlen(m.node, NAME_SIZE) < NAME_SIZE && m.state <= MARKER_ASIDE);
	return 0;
}

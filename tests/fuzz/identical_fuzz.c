/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as the list of an image for all nodes. What must hold: what is read has a name for each
 * node, no number twice, paths below the root, and a board gets the node that has its number.
 */
// use: node-agent/assign.c node-agent/apply/place.c node-agent/boot_word.c node-agent/marker.c
// use: node-agent/pin.c node-agent/settings.c
#include "fuzz.h"
#include "node-agent/assign.h"

static void must_be_plain(const struct identical *all, const char *node)
{
	ssize_t n = generation_count(&all->list, node);

	must(n >= 0);
	for (ssize_t i = 0; i < n; i++) {
		struct generation_file f = generation_file_at(&all->list, node, (size_t)i);
		must(f.path[0] == '/' && !strstr(f.path, "//") && !strstr(f.path, "/../"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct identical all;
	struct err e = {0};

	if (identical_parse((const char *)data, size, &all, &e) < 0) {
		must(e.code != 0);
		return 0;
	}
	for (size_t i = 0; i < all.n; i++) {
		const struct identical_node *n = &all.node[i];
		const struct assign_look look = {n->serial, "", ""};
		const char *node = assign_decide(&all, &look, &e);
		must_be_plain(&all, n->name);
		must(*n->serial ? node && strcmp(node, n->name) == 0 : !node);
	}
	identical_close(&all);
	return 0;
}

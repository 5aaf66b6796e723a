/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as the node.conf and the marker of a card somebody brings: read by inspect. */
// use: builder/cluster/cluster_tls.c
// use: builder/inspect/card_conf.c builder/cluster/cluster.c builder/cluster/cluster_overlay.c
// use: builder/cluster/pi.c builder/arch.c
// use: builder/cluster/cluster_neo4j.c
#include "builder/inspect/card.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	struct card_identity id = {0};
	struct card_data d = {0};

	card_read_node_conf(&id, text);
	must(!id.trouble || !id.node);
	card_read_marker(&d, text);
	must(!d.trouble || !d.node);
	char *strings[] = {id.cluster, id.cluster_id, id.node, id.address, id.neo4j_version,
		id.neo4j_profile, id.trouble, d.cluster_id, d.node, d.state, d.neo4j, d.trouble};
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(strings[i]);
	return 0;
}

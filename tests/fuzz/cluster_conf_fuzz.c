/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a cluster.conf. What must hold: what loads is what cluster.h promises, anything else
 * is an error that names the file.
 */
// use: builder/cluster/cluster_tls.c
// use: builder/cluster/cluster.c builder/cluster/cluster_overlay.c builder/cluster/pi.c
// use: builder/arch.c
// use: builder/cluster/cluster_neo4j.c
#include <arpa/inet.h>
#include "builder/cluster/cluster.h"
#include "fuzz.h"

static void must_be_unique(const struct cluster *c, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		must(strcmp(c->nodes[k].name, c->nodes[i].name) != 0);
		must(!c->nodes[i].id || c->nodes[k].id != c->nodes[i].id);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size, 0);
	struct err e = {0};
	_cleanup_cluster_ struct cluster *c = cluster_load(path, &e);

	if (!c) {
		must(e.code && strstr(e.msg, path));
		return 0;
	}
	must(c->nnodes >= 1 && c->nnodes <= CLUSTER_MAX_NODES && cluster_count(c, ROLE_DATA) >= 1);
	for (size_t i = 0; i < c->nnodes; i++) {
		must(c->nodes[i].name[0] && strlen(c->nodes[i].name) <= 63 && c->nodes[i].roles);
		must_be_unique(c, i);
	}
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One image per node, made in the build's own folder. */
#include <string.h>
#include "image/sparse.h"
#include "pipeline.h"

bool pipeline_wants(const struct build *b, const struct node *n)
{
	return !b->only || strcmp(b->only, n->name) == 0;
}

static int build_node(struct build *b, const struct node *n, const char *stage, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.img", b->work, n->name);

	progress_step(&b->progress, "%s (%s, %s)", n->name, roles_text(n->roles), n->address);
	if (sparse_copy_file(stage, path, e) < 0 || node_finish(b, n, path, e) < 0)
		return err_prefix(e, "node \"%s\"", n->name);
	return publish_sync(path, e);
}

int nodes_build(struct build *b, struct err *e)
{
	_cleanup_free_ char *data = NULL, *os = NULL;
	unsigned roles = 0;

	for (size_t i = 0; i < b->cluster->nnodes; i++)
		roles |= pipeline_wants(b, &b->cluster->nodes[i]) ? b->cluster->nodes[i].roles : 0;
	/* The proxies' image is on the data nodes' way: made first, it is found then. */
	if (stages_run(b, ROLE_PROXY, &os, e) < 0)
		return -1;
	b->progress.step = 1;
	if (stages_run(b, roles, &data, e) < 0)
		return -1;
	for (size_t i = 0; i < b->cluster->nnodes; i++) {
		const struct node *n = &b->cluster->nodes[i];
		bool proxy_only = n->roles == ROLE_PROXY;
		if (pipeline_wants(b, n) && build_node(b, n, proxy_only ? os : data, e) < 0)
			return -1;
	}
	return 0;
}

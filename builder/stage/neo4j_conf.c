/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A data node's configuration of Neo4j: what cluster.conf says, given to the renderer. */
#include <string.h>
#include "build.h"

/* Where the network gives addresses, the agent puts them in before each start. */
static const char *address_of(const struct node *n)
{
	return *n->address ? n->address : "127.0.0.1";
}

/* All that vote in the Neo4j cluster; the caller frees. */
static struct neo4j_member *list_members(const struct cluster *c, size_t *n)
{
	struct neo4j_member *members = xcalloc(c->nnodes, sizeof(*members));

	*n = 0;
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *node = &c->nodes[i];
		if (node->roles & (ROLE_DATA | ROLE_ARBITER))
			members[(*n)++] = (struct neo4j_member){node->id, address_of(node)};
	}
	return members;
}

static int put_file(const struct neo4j_profile *p, size_t i, const struct neo4j_settings *s,
	struct ext4 *fs, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	_cleanup_free_ char *path = xasprintf("/opt/neo4j/%s", neo4j_profile_file(p, i));

	neo4j_render(p, i, s, &text);
	if (!buf_ok(&text))
		return err_set(e, "%s: out of memory", path);
	return ext4_write(fs, path, text.data, text.len, EXT4_ROOT(0644), e);
}

/* Of 2.x: neo4j.service starts another program on this node. */
static int put_arbiter(const struct neo4j_profile *p, struct ext4 *fs, struct err *e)
{
	static const char drop_in[] = "/usr/lib/systemd/system/neo4j.service.d/10-arbiter.conf";
	const char *program = neo4j_profile_arbiter(p);
	_cleanup_buf_ struct buf text = {0};

	if (strcmp(program, "bin/neo4j") == 0)
		return 0;
	buf_printf(&text,
		"# This node is an arbiter (cluster.conf: roles): a vote, and no store.\n"
		"[Service]\nExecStart=\nExecStart=/opt/neo4j/%s console\n",
		program);
	return ext4_write(fs, drop_in, text.data, text.len, EXT4_ROOT(0644), e);
}

int neo4j_conf_put(const struct build *b, const struct node *n, struct ext4 *fs, struct err *e)
{
	const struct inputs *in = &b->inputs;
	size_t nmembers;
	_cleanup_free_ struct neo4j_member *members = list_members(b->cluster, &nmembers);
	struct neo4j_settings s = {
		.id = n->id,
		.address = address_of(n),
		.members = members,
		.nmembers = nmembers,
		.ndata = cluster_count(b->cluster, ROLE_DATA),
		.arbiter = n->roles & ROLE_ARBITER,
		.java_major = in->java_major,
		.auth = b->cluster->neo4j_auth,
		.data_dir = DATA_DIR,
		.node_extras = &n->neo4j_settings,
		.cluster_extras = &b->cluster->neo4j_settings,
	};

	if (neo4j_memory(&in->profile, n->memory_mb, &s.heap_mb, &s.pagecache_mb, e) < 0)
		return -1;
	for (size_t i = 0; neo4j_profile_file(&in->profile, i); i++) {
		if (put_file(&in->profile, i, &s, fs, e) < 0)
			return -1;
	}
	return s.arbiter ? put_arbiter(&in->profile, fs, e) : 0;
}

static void note_doubts(
	const struct build *b, const char *whose, const struct neo4j_extras *x, FILE *out)
{
	for (size_t i = 0; i < x->n; i++) {
		const char *key = x->list[i].key;
		const char *why = neo4j_extra_doubt(&b->inputs.profile, key);
		if (why)
			fprintf(out, "note: %s: neo4j_settings: Neo4j %s does not know %s: %s\n",
				whose, b->inputs.neo4j_version, key, why);
	}
}

void neo4j_conf_notes(const struct build *b, FILE *out)
{
	const struct cluster *c = b->cluster;

	note_doubts(b, c->path, &c->neo4j_settings, out);
	for (size_t i = 0; i < c->nnodes; i++)
		note_doubts(b, c->nodes[i].name, &c->nodes[i].neo4j_settings, out);
}

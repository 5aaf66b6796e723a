/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The last step: a copy of a stage's image becomes one node's card. Ids are derived from the
 * cluster's id and the node's name, so that a card built again is the same node: disk id (hence
 * PARTUUIDs), p3's UUID, machine-id. ssh host keys are not made here: the base makes them on first
 * boot, so no two cards and no image share one.
 */
#include <string.h>
#include "build.h"
#include "release/patch.h"

#define MIB (UINT64_C(1) << 20)

struct paint {
	struct build *b;
	const struct node *node;
	const char *image;
	struct ext4 *fs; /* p2 */
	uint32_t disk_id;
};

static int put(struct paint *p, const char *path, struct buf *text, mode_t mode, struct err *e)
{
	if (!buf_ok(text))
		return err_set(e, "%s: out of memory", path);
	return ext4_write(p->fs, path, text->data, text->len, EXT4_ROOT(mode), e);
}

static void roles_list(struct buf *b, unsigned roles)
{
	_cleanup_free_ char *text = xstrdup(roles_text(roles));
	char *save = NULL;
	const char *sep = "";

	buf_puts(b, "{");
	for (char *r = strtok_r(text, ",", &save); r; r = strtok_r(NULL, ",", &save)) {
		buf_printf(b, "%s\"%s\"", sep, r);
		sep = ", ";
	}
	buf_puts(b, "}");
}

static int put_node_conf(struct paint *p, struct err *e)
{
	const struct build *b = p->b;
	_cleanup_buf_ struct buf conf = {0}, secret = {0};

	buf_printf(&conf,
		"# Written by bramble from cluster.conf; a change here is undone.\n"
		"cluster { id = \"%s\" name = \"%s\" generation = %u }\n"
		"node { name = \"%s\" reserved_end_mib = %llu }\n",
		b->state.id, b->cluster->name, b->state.generation, p->node->name,
		(unsigned long long)(b->cluster->reserved_end + MIB - 1) / MIB);
	if (p->node->roles & ROLE_DATA)
		buf_printf(&conf, "neo4j { version = \"%s\" profile = \"%s\" }\n",
			b->inputs.neo4j_version, b->inputs.profile.name);
	for (size_t i = 0; i < b->cluster->nnodes; i++) {
		const struct node *n = &b->cluster->nodes[i];
		buf_printf(&conf, "member \"%s\" { id = %u roles = ", n->name, n->id);
		roles_list(&conf, n->roles);
		buf_printf(&conf, " address = \"%s\" }\n", n->address);
	}
	buf_printf(&secret, "%s\n", b->state.secret);
	if (put(p, "/etc/bramble/node.conf", &conf, 0644, e) < 0)
		return -1;
	return put(p, "/etc/bramble/cluster.secret", &secret, 0600, e);
}

static int put_proxy_conf(struct paint *p, struct err *e)
{
	const struct cluster *c = p->b->cluster;
	_cleanup_buf_ struct buf b = {0}, password = {0};
	struct ext4_owner owner = {.uid = PROXY_UID, .gid = PROXY_UID, .mode = 0600};

	buf_printf(&b,
		"# Written by bramble from cluster.conf; a change here is undone.\n"
		"limits { maxconn = %u }\n"
		"timeouts { connect_ms = 5000 client_ms = 50000 server_ms = 50000 }\n"
		"http { listen = \"*:8090\" }\n"
		"stats { listen = \"*:8080\" user = \"%s\" password_file = "
		"\"/etc/bramble/stats.password\" }\n"
		"members { maxconn = 10 check_interval_ms = 500 hold_ms = 45000 hold_max = 256 "
		"balance = \"%s\" dialect = \"auto\" }\n",
		c->proxy.maxconn, c->proxy.stats_user, c->proxy.balance);
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = &c->nodes[i];
		if (n->roles & ROLE_DATA)
			buf_printf(&b,
				"member \"%s\" { id = %u http = \"%s:7474\" bolt = \"%s:7687\" "
				"agent = \"%s:7470\" }\n",
				n->name, n->id, n->address, n->address, n->address);
	}
	if (put(p, "/etc/bramble/proxy.conf", &b, 0644, e) < 0)
		return -1;
	buf_printf(&password, "%s\n", p->b->state.stats_password);
	return ext4_write(
		p->fs, "/etc/bramble/stats.password", password.data, password.len, owner, e);
}

static int put_neo4j_conf(struct paint *p, struct err *e)
{
	const struct build *b = p->b;
	_cleanup_free_ struct neo4j_member *members = xcalloc(b->cluster->nnodes, sizeof(*members));
	struct neo4j_settings s = {
		.id = p->node->id,
		.address = p->node->address,
		.members = members,
		.java_major = b->inputs.java_major,
		.heap_mb = b->inputs.heap_mb,
		.pagecache_mb = b->inputs.pagecache_mb,
		.data_dir = DATA_DIR,
	};

	for (size_t i = 0; i < b->cluster->nnodes; i++) {
		const struct node *n = &b->cluster->nodes[i];
		if (n->roles & ROLE_DATA)
			members[s.nmembers++] = (struct neo4j_member){n->id, n->address};
	}
	for (size_t i = 0; neo4j_profile_file(&b->inputs.profile, i); i++) {
		_cleanup_buf_ struct buf text = {0};
		_cleanup_free_ char *path =
			xasprintf("/opt/neo4j/%s", neo4j_profile_file(&b->inputs.profile, i));
		neo4j_render(&b->inputs.profile, i, &s, &text);
		if (put(p, path, &text, 0644, e) < 0)
			return -1;
	}
	return 0;
}

/* A unit's link as `systemctl enable` makes it. */
static int enable_unit(struct paint *p, const char *target, const char *unit, struct err *e)
{
	_cleanup_free_ char *link = xasprintf("/etc/systemd/system/%s.wants/%s", target, unit);
	_cleanup_free_ char *to = xasprintf("/usr/lib/systemd/system/%s", unit);

	return ext4_symlink(p->fs, link, to, e);
}

struct unit {
	const char *name, *target;
	unsigned roles;
};

/* neo4j.service is not here: only the agent starts Neo4j. */
static const struct unit enabled_units[] = {
	{"bramble-grow.service", "multi-user.target", ROLE_DATA | ROLE_ARBITER | ROLE_PROXY},
	{"bramble-agent.service", "multi-user.target", ROLE_DATA | ROLE_ARBITER | ROLE_PROXY},
	{"bramble-proxy.service", "multi-user.target", ROLE_PROXY},
};

static int enable_units(struct paint *p, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(enabled_units); i++) {
		const struct unit *u = &enabled_units[i];
		if ((u->roles & p->node->roles) && enable_unit(p, u->target, u->name, e) < 0)
			return -1;
	}
	return 0;
}

/* The system itself: what depends on the release. */
static int patch_system(struct paint *p, struct err *e)
{
	const struct build *b = p->b;
	struct edit x = {
		.root = p->fs,
		.boot = {p->image, b->table.part[0].start},
		.release = &b->inputs.release,
		.cluster = b->cluster,
		.node = p->node,
		.cluster_id = b->state.id,
		.base_disk_id = b->base_table.disk_id,
		.disk_id = p->disk_id,
		.login = &b->inputs.login,
		.ssh_key = &b->inputs.ssh_key,
		.passphrase = &b->inputs.passphrase,
	};

	return patch_all(&x, e);
}

static int put_overlays(struct paint *p, struct err *e)
{
	return overlay_put(p->b, p->node, p->fs, e);
}

struct painter {
	unsigned roles;
	int (*run)(struct paint *p, struct err *e);
};

static const struct painter painters[] = {
	{~0u, patch_system},
	{~0u, put_node_conf},
	{ROLE_DATA, put_neo4j_conf},
	{ROLE_PROXY, put_proxy_conf},
	{~0u, enable_units},
	{~0u, put_overlays},
};

static int edit_root(struct paint *p, struct err *e)
{
	_cleanup_ext4_ struct ext4 *fs = ext4_open(p->image, p->b->table.part[1].start, e);

	if (!fs)
		return -1;
	p->fs = fs;
	for (size_t i = 0; i < ARRAY_SIZE(painters); i++) {
		if ((painters[i].roles & p->node->roles) && painters[i].run(p, e) < 0)
			return -1;
	}
	return ext4_close(&fs, e);
}

/* p3 with the marker the agent wants to see before it writes anything there. */
static int make_data_partition(struct paint *p, struct err *e)
{
	const struct extent *x = &p->b->table.part[2];
	struct ext4_owner neo4j = {.uid = NEO4J_UID, .gid = NEO4J_UID, .mode = 0755};
	_cleanup_buf_ struct buf marker = {0};
	uint8_t uuid[16];

	hash_derive(uuid, sizeof(uuid), p->b->state.id, "data-uuid", p->node->name);
	if (ext4_format(p->image, x->start, x->size, "bramble-data", uuid, e) < 0)
		return -1;
	_cleanup_ext4_ struct ext4 *fs = ext4_open(p->image, x->start, e);
	if (!fs)
		return -1;
	buf_printf(&marker, "cluster = \"%s\"\nnode = \"%s\"\nlayout = 1\nstate = \"virgin\"\n",
		p->b->state.id, p->node->name);
	if (ext4_write(fs, "/bramble.marker", marker.data, marker.len, EXT4_ROOT(0644), e) < 0)
		return -1;
	if ((p->node->roles & ROLE_DATA) && ext4_mkdir(fs, "/neo4j", neo4j, e) < 0)
		return -1;
	return ext4_close(&fs, e);
}

int node_finish(struct build *b, const struct node *n, const char *image, struct err *e)
{
	struct table t = b->table;
	uint8_t id[4];

	hash_derive(id, sizeof(id), b->state.id, "disk-id", n->name);
	memcpy(&t.disk_id, id, sizeof(id));
	t.disk_id |= 1; /* 0 means "none" to the kernel */
	struct paint p = {.b = b, .node = n, .image = image, .disk_id = t.disk_id};
	if (table_write(image, &t, e) < 0 || edit_root(&p, e) < 0)
		return -1;
	return make_data_partition(&p, e);
}

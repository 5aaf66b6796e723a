/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "variables.h"
#include <string.h>
#include "input/template.h"
#include "stage/build.h"

typedef void value_fn(const struct variables *v, struct buf *out);

static void cluster_name(const struct variables *v, struct buf *out)
{
	buf_puts(out, v->cluster->name);
}
static void node_name(const struct variables *v, struct buf *out)
{
	buf_puts(out, v->node->name);
}
static void node_id(const struct variables *v, struct buf *out)
{
	buf_printf(out, "%u", v->node->id);
}
static void node_address(const struct variables *v, struct buf *out)
{
	buf_puts(out, v->node->address);
}
static void node_roles(const struct variables *v, struct buf *out)
{
	buf_puts(out, roles_text(v->node->roles));
}
static void neo4j_home(const struct variables *v, struct buf *out)
{
	(void)v;
	buf_puts(out, "/opt/neo4j");
}
static void neo4j_data(const struct variables *v, struct buf *out)
{
	(void)v;
	buf_puts(out, DATA_DIR);
}
static void neo4j_version(const struct variables *v, struct buf *out)
{
	buf_puts(out, v->inputs->neo4j_version);
}
static void java_version(const struct variables *v, struct buf *out)
{
	buf_printf(out, "%u", v->inputs->java_major);
}

struct variable {
	const char *name;
	value_fn *value;
};

static const struct variable variables[] = {
	{"cluster.name", cluster_name},
	{"node.name", node_name},
	{"node.id", node_id},
	{"node.address", node_address},
	{"node.roles", node_roles},
	{"neo4j.home", neo4j_home},
	{"neo4j.data", neo4j_data},
	{"neo4j.version", neo4j_version},
	{"java.version", java_version},
};

struct list {
	const char *name;
	unsigned roles;
};

static const struct list lists[] = {
	{"members", ROLE_DATA | ROLE_ARBITER},
	{"data", ROLE_DATA},
	{"proxies", ROLE_PROXY},
	{"nodes", ROLE_DATA | ROLE_ARBITER | ROLE_PROXY},
};

static int list_value(const struct cluster *c, const struct list *l, const char *form,
	struct buf *out, struct err *e)
{
	_cleanup_free_ struct template_item *items = xcalloc(c->nnodes, sizeof(*items));
	char ids[CLUSTER_MAX_NODES][8];
	size_t n = 0;

	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *node = &c->nodes[i];
		if (!(node->roles & l->roles))
			continue;
		snprintf(ids[n], sizeof(ids[n]), "%u", node->id);
		items[n] = (struct template_item){node->address, node->name, ids[n]};
		n++;
	}
	return template_list(form, items, n, out, e);
}

/* ${node.address}, ${members:host...}: known only where cluster.conf says them. */
static bool needs_addresses(const char *name)
{
	const char *form = strchr(name, ':');

	return strcmp(name, "node.address") == 0 || (form && strstr(form, "host"));
}

int variable_value(void *arg, const char *name, struct buf *out, struct err *e)
{
	const struct variables *v = arg;
	size_t n = strcspn(name, ":");

	if (v->cluster->network.mode != NETCONF_STATIC && needs_addresses(name))
		return err_code(e, EXIT_CONFIG,
			"\"%.40s\": the network gives addresses, nobody knows them here; use "
			"names, or mode \"static\"",
			name);
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		if (strcmp(variables[i].name, name) == 0) {
			variables[i].value(v, out);
			return 0;
		}
	}
	for (size_t i = 0; name[n] && i < ARRAY_SIZE(lists); i++) {
		if (strlen(lists[i].name) == n && strncmp(lists[i].name, name, n) == 0)
			return list_value(v->cluster, &lists[i], name + n + 1, out, e);
	}
	return err_code(e, EXIT_CONFIG,
		"no variable \"%.40s\" (cluster.conf(5) lists them); write \"$${\" for a plain "
		"\"${\", or template = false for the whole overlay",
		name);
}

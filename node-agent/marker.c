/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/stat.h>
#include "config.h"
#include "io.h"
#include "marker.h"
#include "util.h"

#define MARKER_MAX 4096

static const char *const state_names[] = {
	[MARKER_VIRGIN] = "virgin",
	[MARKER_USED] = "used",
	[MARKER_SERVED] = "served",
	[MARKER_DISCARD] = "discard",
	[MARKER_ASIDE] = "aside",
	[MARKER_RESTORE] = "restore",
};

static cfg_opt_t marker_opts[] = {
	CFG_STR("cluster", NULL, CFGF_NODEFAULT),
	CFG_STR("node", NULL, CFGF_NODEFAULT),
	CFG_INT("layout", 0, CFGF_NODEFAULT),
	CFG_STR("state", NULL, CFGF_NODEFAULT),
	CFG_INT("aside", 0, CFGF_NONE),
	CFG_STR("neo4j", "", CFGF_NONE),
	CFG_END(),
};

const char *marker_state_name(enum marker_state s)
{
	return state_names[s];
}

int marker_state_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(state_names); i++) {
		if (strcmp(name, state_names[i]) == 0)
			return (int)i;
	}
	return -1;
}

int marker_parse(const char *name, const char *text, struct marker *m, struct err *e)
{
	_cleanup_cfg_ cfg_t *cfg = config_parse(name, text, marker_opts, e);

	if (!cfg)
		return -1;
	*m = (struct marker){.layout = (unsigned)cfg_getint(cfg, "layout"),
		.aside = (unsigned)cfg_getint(cfg, "aside")};
	const char *cluster = cfg_getstr(cfg, "cluster"), *node = cfg_getstr(cfg, "node");
	if (!cluster || hex_decode(m->cluster_id, CLUSTER_ID_SIZE, cluster) < 0)
		return err_code(e, EXIT_CONFIG, "%s: cluster is not %d hex digits", name,
			2 * CLUSTER_ID_SIZE);
	if (!node || strlen(node) >= NAME_SIZE)
		return err_code(e, EXIT_CONFIG, "%s: node is missing or too long", name);
	memcpy(m->node, node, strlen(node) + 1);
	const char *neo4j = cfg_getstr(cfg, "neo4j");
	if (strlen(neo4j) >= NEO4J_SIZE)
		return err_code(e, EXIT_CONFIG, "%s: neo4j is too long", name);
	memcpy(m->neo4j, neo4j, strlen(neo4j) + 1);
	int state = marker_state_find(cfg_getstr(cfg, "state"));
	if (state < 0)
		return err_code(e, EXIT_CONFIG, "%s: unknown state", name);
	m->state = (enum marker_state)state;
	return 0;
}

/* A mounted filesystem has another st_dev than the directory it hides. */
static int check_mounted(const char *dir, struct err *e)
{
	_cleanup_free_ char *parent = xasprintf("%s/..", dir);
	struct stat here, above;

	if (stat(dir, &here) < 0)
		return err_errno(e, "%s", dir);
	if (stat(parent, &above) < 0)
		return err_errno(e, "%s", parent);
	if (here.st_dev == above.st_dev)
		return err_set(e, "%s is not a mount point: is p3 there and whole?", dir);
	return 0;
}

static int check_owner(
	const char *path, const struct marker *m, const struct identity *id, struct err *e)
{
	const char *self = identity_self(id)->name;

	if (m->layout != MARKER_LAYOUT)
		return err_set(
			e, "%s: layout %u, this agent knows %d", path, m->layout, MARKER_LAYOUT);
	if (memcmp(m->cluster_id, id->cluster_id, CLUSTER_ID_SIZE) != 0)
		return err_set(e, "%s: the store belongs to another cluster", path);
	if (strcmp(m->node, self) != 0)
		return err_set(e, "%s: the store belongs to %s, not to %s", path, m->node, self);
	return 0;
}

static char *marker_path(const char *dir)
{
	return xasprintf("%s/bramble.marker", dir);
}

int marker_load(const char *dir, struct marker *m, struct err *e)
{
	_cleanup_free_ char *path = marker_path(dir);
	_cleanup_buf_ struct buf text = {0};

	if (check_mounted(dir, e) < 0 || io_read_plain(path, MARKER_MAX, &text, e) < 0)
		return -1;
	return marker_parse(path, buf_str(&text), m, e);
}

int marker_check(const char *dir, const struct identity *id, struct marker *m, struct err *e)
{
	_cleanup_free_ char *path = marker_path(dir);

	return marker_load(dir, m, e) < 0 ? -1 : check_owner(path, m, id, e);
}

static int write_marker(const char *dir, struct marker *m, const struct marker *next, struct err *e)
{
	_cleanup_free_ char *path = marker_path(dir);
	_cleanup_buf_ struct buf text = {0};
	char hex[2 * CLUSTER_ID_SIZE + 1];

	hex_encode(hex, next->cluster_id, CLUSTER_ID_SIZE);
	buf_printf(&text, "cluster = \"%s\"\nnode = \"%s\"\nlayout = %u\nstate = \"%s\"\n", hex,
		next->node, next->layout, state_names[next->state]);
	if (next->aside)
		buf_printf(&text, "aside = %u\n", next->aside);
	if (next->neo4j[0])
		buf_printf(&text, "neo4j = \"%s\"\n", next->neo4j);
	if (!buf_ok(&text))
		return err_set(e, "%s: out of memory", path);
	if (io_write_atomic(path, text.data, text.len, 0644, e) < 0)
		return -1;
	*m = *next;
	return 0;
}

/* Does it put a store aside? */
static bool takes_number(enum marker_state s)
{
	return s == MARKER_ASIDE || s == MARKER_RESTORE;
}

int marker_set(const char *dir, struct marker *m, enum marker_state state, struct err *e)
{
	struct marker next = *m;

	next.state = state;
	next.aside += takes_number(state);
	return m->state == state ? 0 : write_marker(dir, m, &next, e);
}

int marker_take_back(const char *dir, struct marker *m, enum marker_state before, struct err *e)
{
	struct marker next = *m;

	next.state = before;
	next.aside -= takes_number(m->state) && m->aside > 0;
	return m->state == before ? 0 : write_marker(dir, m, &next, e);
}

int marker_set_neo4j(const char *dir, struct marker *m, const char *version, struct err *e)
{
	struct marker next = *m;

	snprintf(next.neo4j, sizeof(next.neo4j), "%s", version);
	return strcmp(m->neo4j, next.neo4j) == 0 ? 0 : write_marker(dir, m, &next, e);
}

int marker_assign(const char *dir, struct marker *m, const char *node, struct err *e)
{
	struct marker next = *m;

	snprintf(next.node, sizeof(next.node), "%s", node);
	return strcmp(m->node, next.node) == 0 ? 0 : write_marker(dir, m, &next, e);
}

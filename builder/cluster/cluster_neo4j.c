/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "cluster_neo4j.h"

/* What is bramble's own to set is refused for every version, so here and not with the archive. */
static int read_settings(cfg_t *sec, struct neo4j_extras *x, struct err *e)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < cfg_size(sec, "neo4j_settings"); i++)
		r = neo4j_extras_add(x, cfg_getnstr(sec, "neo4j_settings", i), e);
	if (r == 0)
		r = neo4j_extras_check(x, e);
	return r < 0 ? err_prefix(e, "neo4j_settings") : 0;
}

static int read_auth(struct cluster *c, cfg_t *sec, struct err *e)
{
	const char *auth = cfg_getstr(sec, "neo4j_auth");

	c->neo4j_auth = strcmp(auth, "password") == 0;
	if (c->neo4j_auth || strcmp(auth, "off") == 0)
		return 0;
	return err_code(e, EXIT_CONFIG, "neo4j_auth = \"%s\" is neither off nor password", auth);
}

static int check_plugin(const struct cluster *c, size_t i, struct err *e)
{
	const char *name = basename(c->plugins[i]);

	if (name[0] == '.' || !str_ends(name, ".jar"))
		return err_code(e, EXIT_CONFIG, "plugins: \"%s\" is no .jar file", c->plugins[i]);
	for (size_t k = 0; k < i; k++) {
		if (strcmp(basename(c->plugins[k]), name) == 0)
			return err_code(
				e, EXIT_CONFIG, "plugins: there are two of the name %s", name);
	}
	return 0;
}

static int read_plugins(struct cluster *c, cfg_t *sec, struct err *e)
{
	c->nplugins = cfg_size(sec, "plugins");
	c->plugins = xcalloc(c->nplugins + 1, sizeof(*c->plugins));
	for (unsigned i = 0; i < c->nplugins; i++)
		c->plugins[i] = xstrdup(cfg_getnstr(sec, "plugins", i));
	for (size_t i = 0; i < c->nplugins; i++) {
		if (check_plugin(c, i, e) < 0)
			return -1;
	}
	return 0;
}

int cluster_neo4j_read(struct cluster *c, cfg_t *sec, struct err *e)
{
	const char *mode = cfg_getstr(sec, "neo4j_mode");

	c->neo4j_mode = mode ? xstrdup(mode) : NULL;
	c->direct_access = cfg_getbool(sec, "direct_access");
	c->write_probe = cfg_getbool(sec, "write_probe");
	if (read_auth(c, sec, e) < 0 || read_plugins(c, sec, e) < 0 ||
		read_settings(sec, &c->neo4j_settings, e) < 0)
		return err_prefix(e, "%s", config_where(sec));
	return 0;
}

int cluster_neo4j_read_node(struct node *n, cfg_t *sec, struct err *e)
{
	if (cfg_size(sec, "neo4j_settings") && !(n->roles & (ROLE_DATA | ROLE_ARBITER)))
		return err_code(e, EXIT_CONFIG, "neo4j_settings: this node runs no Neo4j");
	return read_settings(sec, &n->neo4j_settings, e);
}

void cluster_neo4j_free(struct cluster *c)
{
	neo4j_extras_free(&c->neo4j_settings);
	for (size_t i = 0; i < c->nplugins; i++)
		free(c->plugins[i]);
	free(c->plugins);
	for (size_t i = 0; i < c->nnodes; i++)
		neo4j_extras_free(&c->nodes[i].neo4j_settings);
}

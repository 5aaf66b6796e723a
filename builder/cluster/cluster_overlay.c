/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cluster_overlay.h"
#include <string.h>

cfg_opt_t overlay_options[] = {
	CFG_STR_LIST("roles", (char *)"{}", CFGF_NONE),
	CFG_STR("node", NULL, CFGF_NONE),
	CFG_STR("owner", "root:root", CFGF_NONE),
	CFG_STR("mode", NULL, CFGF_NONE),
	CFG_STR("dest", "/", CFGF_NONE),
	CFG_BOOL("template", cfg_true, CFGF_NONE),
	CFG_END(),
};

static int read_roles(cfg_t *sec, struct overlay *o, struct err *e)
{
	for (unsigned i = 0; i < cfg_size(sec, "roles"); i++) {
		const char *name = cfg_getnstr(sec, "roles", i);
		unsigned role = role_by_name(name);
		if (!role)
			return err_code(e, EXIT_CONFIG,
				"role \"%s\" is none of data, arbiter, proxy", name);
		o->roles |= role;
	}
	return 0;
}

static int read_node(const struct cluster *c, cfg_t *sec, struct overlay *o, struct err *e)
{
	const char *name = cfg_getstr(sec, "node");

	if (!name)
		return 0;
	o->node = xstrdup(name);
	return cluster_node(c, name)
		       ? 0
		       : err_code(e, EXIT_CONFIG, "node \"%s\" is none of this cluster", name);
}

/* "0640": octal, as chmod(1) has it; no setuid, setgid or sticky bit. */
static int read_mode(cfg_t *sec, struct overlay *o, struct err *e)
{
	const char *text = cfg_getstr(sec, "mode");

	if (!text)
		return 0;
	size_t n = strspn(text, "01234567");
	unsigned long mode = strtoul(text, NULL, 8);
	if (n < 3 || n > 4 || text[n] || mode > 0777)
		return err_code(e, EXIT_CONFIG,
			"mode = \"%s\" is no mode of a file such as \"0640\"", text);
	o->has_mode = true;
	o->mode = (mode_t)mode;
	return 0;
}

/* USER or USER:GROUP, names or numbers. Who that is, the card's own passwd says. */
static int read_owner(cfg_t *sec, struct overlay *o, struct err *e)
{
	const char *text = cfg_getstr(sec, "owner"), *colon = strchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : strlen(text);

	o->user = xstrndup(text, n);
	o->group = xstrdup(colon ? colon + 1 : text);
	if (*o->user && *o->group && !strpbrk(o->group, ": \t\n/"))
		return 0;
	return err_code(
		e, EXIT_CONFIG, "owner = \"%s\" is no USER:GROUP such as \"neo4j:neo4j\"", text);
}

static int read_dest(cfg_t *sec, struct overlay *o, struct err *e)
{
	const char *text = cfg_getstr(sec, "dest");
	size_t n = strlen(text);

	while (n && text[n - 1] == '/')
		n--;
	o->dest = xstrndup(text, n);
	if (text[0] == '/' && !strstr(text, "//") && !strstr(text, "/."))
		return 0;
	return err_code(e, EXIT_CONFIG, "dest = \"%s\" is no absolute path without \"..\"", text);
}

static int read_overlay(struct cluster *c, cfg_t *sec, struct err *e)
{
	struct overlay *o = &c->overlays[c->noverlays++];

	o->dir = xstrdup(cfg_title(sec));
	o->template = cfg_getbool(sec, "template");
	if (!*o->dir)
		return err_code(e, EXIT_CONFIG, "an overlay is the name of a folder");
	if (read_roles(sec, o, e) < 0 || read_node(c, sec, o, e) < 0 || read_owner(sec, o, e) < 0 ||
		read_mode(sec, o, e) < 0)
		return -1;
	return read_dest(sec, o, e);
}

int overlays_read(struct cluster *c, cfg_t *sec, struct err *e)
{
	unsigned n = cfg_size(sec, "overlay");

	c->overlays = xcalloc(n + 1, sizeof(*c->overlays));
	for (unsigned i = 0; i < n; i++) {
		cfg_t *overlay = cfg_getnsec(sec, "overlay", i);
		if (read_overlay(c, overlay, e) < 0)
			return err_prefix(
				e, "%s: overlay \"%s\"", config_where(overlay), cfg_title(overlay));
	}
	return 0;
}

void overlays_free(struct cluster *c)
{
	for (size_t i = 0; i < c->noverlays; i++) {
		struct overlay *o = &c->overlays[i];
		char *all[] = {o->dir, o->node, o->user, o->group, o->dest};
		for (size_t k = 0; k < ARRAY_SIZE(all); k++)
			free(all[k]);
	}
	free(c->overlays);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * node.conf and the marker as a card of any bramble may have them: unknown keys are skipped, unlike
 * in common/config.h, which the agent reads its own with. Nothing of the environment is expanded.
 */
#include <confuse.h>
#include <string.h>
#include "card.h"
#include "identical.h"

#define UNKNOWN CFG_STR("__unknown", NULL, CFGF_NONE)

static PRINTF(2, 0) void be_silent(cfg_t *cfg, const char *fmt, va_list ap)
{
	(void)cfg, (void)fmt, (void)ap;
}

static void free_cfg(cfg_t **cfg)
{
	if (*cfg)
		cfg_free(*cfg);
}

/* A builder writes no backslash, and libconfuse's scanner prints one it cannot use. */
static cfg_t *parse(const char *text, cfg_opt_t *opts)
{
	_cleanup_(free_cfg) cfg_t *cfg = cfg_init(opts, CFGF_IGNORE_UNKNOWN);

	if (!cfg || strstr(text, "${") || strchr(text, '\\'))
		return NULL;
	cfg_set_error_function(cfg, be_silent);
	return cfg_parse_buf(cfg, text) == CFG_SUCCESS ? steal(&cfg) : NULL;
}

static void take(char **to, cfg_t *sec, const char *key)
{
	const char *text = sec ? cfg_getstr(sec, key) : NULL;

	if (text && !*to)
		*to = xstrdup(text);
}

static unsigned roles_of(cfg_t *sec)
{
	unsigned set = 0;

	for (unsigned i = 0; i < cfg_size(sec, "roles"); i++) {
		const char *name = cfg_getnstr(sec, "roles", i);
		set |= name ? role_by_name(name) : 0;
	}
	return set;
}

static void take_own_member(struct card_identity *id, cfg_t *cfg)
{
	for (unsigned i = 0; id->node && i < cfg_size(cfg, "member"); i++) {
		cfg_t *sec = cfg_getnsec(cfg, "member", i);
		if (strcmp(cfg_title(sec), id->node) != 0)
			continue;
		id->roles = roles_of(sec);
		id->server_id = (unsigned)cfg_getint(sec, "id");
		take(&id->address, sec, "address");
	}
}

void card_read_node_conf(struct card_identity *id, const char *text)
{
	cfg_opt_t cluster[] = {CFG_STR("id", NULL, CFGF_NONE), CFG_STR("name", NULL, CFGF_NONE),
		CFG_INT("generation", 0, CFGF_NONE), UNKNOWN, CFG_END()};
	cfg_opt_t node[] = {CFG_STR("name", NULL, CFGF_NONE), UNKNOWN, CFG_END()};
	cfg_opt_t neo4j[] = {CFG_STR("version", NULL, CFGF_NONE),
		CFG_STR("profile", NULL, CFGF_NONE), UNKNOWN, CFG_END()};
	cfg_opt_t member[] = {CFG_INT("id", 0, CFGF_NONE), CFG_STR_LIST("roles", NULL, CFGF_NONE),
		CFG_STR("address", NULL, CFGF_NONE), UNKNOWN, CFG_END()};
	cfg_opt_t top[] = {CFG_SEC("cluster", cluster, CFGF_NONE), CFG_SEC("node", node, CFGF_NONE),
		CFG_SEC("neo4j", neo4j, CFGF_NONE),
		CFG_SEC("member", member, CFGF_MULTI | CFGF_TITLE), UNKNOWN, CFG_END()};
	_cleanup_(free_cfg) cfg_t *cfg = parse(text, top);

	if (!cfg) {
		id->trouble = xstrdup("/etc/bramble/node.conf cannot be parsed");
		return;
	}
	take(&id->cluster, cfg_getsec(cfg, "cluster"), "name");
	take(&id->cluster_id, cfg_getsec(cfg, "cluster"), "id");
	take(&id->node, cfg_getsec(cfg, "node"), "name");
	take(&id->neo4j_version, cfg_getsec(cfg, "neo4j"), "version");
	take(&id->neo4j_profile, cfg_getsec(cfg, "neo4j"), "profile");
	id->generation = cfg_getint(cfg_getsec(cfg, "cluster"), "generation");
	take_own_member(id, cfg);
}

static void take_text(char **to, const char *text)
{
	if (text && *text && !*to)
		*to = xstrdup(text);
}

void card_read_identical(struct card_identity *id, const char *text)
{
	static struct identical all; /* too large for the stack */
	struct err e = {0};

	if (identical_parse(text, strlen(text), &all, &e) < 0) {
		id->trouble = xasprintf(IDENTICAL_LIST ": %s", e.msg);
		return;
	}
	take_text(&id->cluster, all.cluster);
	take_text(&id->cluster_id, all.list.cluster);
	take_text(&id->neo4j_version, all.list.neo4j);
	take_text(&id->neo4j_profile, all.profile);
	id->generation = (long)all.list.number;
	id->of_all = all.n;
	identical_close(&all);
}

void card_read_marker(struct card_data *d, const char *text)
{
	cfg_opt_t top[] = {CFG_STR("cluster", NULL, CFGF_NONE), CFG_STR("node", NULL, CFGF_NONE),
		CFG_INT("layout", 0, CFGF_NONE), CFG_STR("state", NULL, CFGF_NONE),
		CFG_STR("neo4j", NULL, CFGF_NONE), UNKNOWN, CFG_END()};
	_cleanup_(free_cfg) cfg_t *cfg = parse(text, top);

	if (!cfg) {
		d->trouble = xstrdup("bramble.marker cannot be parsed");
		return;
	}
	take(&d->cluster_id, cfg, "cluster");
	take(&d->node, cfg, "node");
	take(&d->state, cfg, "state");
	take(&d->neo4j, cfg, "neo4j");
	d->layout = cfg_getint(cfg, "layout");
}

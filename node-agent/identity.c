/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "config.h"
#include "identity.h"
#include "util.h"

#define RESERVED_MAX_MIB (1 << 21) /* 2 TiB: no table says more */

const struct role_name role_names[] = {
	{"data", ROLE_DATA},
	{"proxy", ROLE_PROXY},
	{"arbiter", ROLE_ARBITER},
};

static cfg_opt_t cluster_opts[] = {
	CFG_STR("id", NULL, CFGF_NODEFAULT),
	CFG_STR("name", NULL, CFGF_NODEFAULT),
	CFG_INT("generation", 0, CFGF_NODEFAULT),
	CFG_STR("built", NULL, CFGF_NODEFAULT),
	CFG_STR("vip", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

/* In MiB, because a long has 32 bits on half of the cards. */
static cfg_opt_t node_opts[] = {
	CFG_STR("name", NULL, CFGF_NODEFAULT),
	CFG_INT("reserved_end_mib", 0, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t neo4j_opts[] = {
	CFG_STR("version", NULL, CFGF_NODEFAULT),
	CFG_STR("profile", NULL, CFGF_NODEFAULT),
	CFG_BOOL("direct_access", cfg_false, CFGF_NONE),
	CFG_BOOL("write_probe", cfg_false, CFGF_NONE),
	CFG_END(),
};

static cfg_opt_t member_opts[] = {
	CFG_INT("id", 0, CFGF_NONE),
	CFG_STR_LIST("roles", NULL, CFGF_NODEFAULT),
	CFG_STR("address", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t node_conf_opts[] = {
	CFG_SEC("cluster", cluster_opts, CFGF_NODEFAULT),
	CFG_SEC("node", node_opts, CFGF_NODEFAULT),
	CFG_SEC("neo4j", neo4j_opts, CFGF_NODEFAULT),
	CFG_SEC("member", member_opts, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
	CFG_END(),
};

/* RFC 1123 2.1: letters, digits and hyphens, no hyphen at either end; we want lower case. */
static bool is_label(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n >= NAME_SIZE || s[0] == '-' || s[n - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int copy_label(char to[NAME_SIZE], cfg_t *sec, const char *key, struct err *e)
{
	const char *s = cfg_getstr(sec, key);

	if (!s || !is_label(s))
		return err_code(e, EXIT_CONFIG,
			"%s: %s is missing or not a name of a-z, 0-9 and \"-\"", config_where(sec),
			key);
	memcpy(to, s, strlen(s) + 1);
	return 0;
}

static cfg_t *section(cfg_t *cfg, const char *name, struct err *e)
{
	cfg_t *sec = cfg_getsec(cfg, name);

	if (!sec)
		err_code(e, EXIT_CONFIG, "%s: section %s is missing", cfg->filename, name);
	return sec;
}

/* Since 1970-01-01. Not by timegm(3): a static one, with strptime(3), is 48 kB of time zones. */
static int64_t count_days(unsigned year, unsigned month, unsigned day)
{
	/* Years from March to February: the day more is their last, and months repeat by five. */
	int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719468;
}

/* A day, because a long has 32 bits on half of the cards. Missing on those of earlier brambles. */
static int read_built(cfg_t *sec, struct identity *id, struct err *e)
{
	const char *text = cfg_getstr(sec, "built");
	unsigned y, m, d;
	int end = 0;

	if (!text || !*text)
		return 0;
	if (sscanf(text, "%4u-%2u-%2u%n", &y, &m, &d, &end) != 3 || text[end] || y < 1970 ||
		y > 9999 || m < 1 || m > 12 || d < 1 || d > 31)
		return err_code(e, EXIT_CONFIG, "%s: built = \"%s\" is not a day like 2026-11-23",
			config_where(sec), text);
	id->built_ms = count_days(y, m, d) * 86400 * 1000;
	return 0;
}

static int read_vip(cfg_t *sec, struct identity *id, struct err *e)
{
	const char *vip = cfg_getstr(sec, "vip");

	if (vip && (inet_pton(AF_INET, vip, &id->vip) != 1 || !id->vip.s_addr))
		return err_code(e, EXIT_CONFIG, "%s: vip is not A.B.C.D", config_where(sec));
	return 0;
}

static int read_cluster(cfg_t *cfg, struct identity *id, struct err *e)
{
	cfg_t *sec = section(cfg, "cluster", e);

	if (!sec || copy_label(id->cluster, sec, "name", e) < 0)
		return -1;
	const char *hex = cfg_getstr(sec, "id");
	if (!hex || hex_decode(id->cluster_id, CLUSTER_ID_SIZE, hex) < 0)
		return err_code(e, EXIT_CONFIG, "%s: id is not %d hex digits", config_where(sec),
			2 * CLUSTER_ID_SIZE);
	long generation = cfg_getint(sec, "generation");
	if (generation < 1)
		return err_code(
			e, EXIT_CONFIG, "%s: generation is not positive", config_where(sec));
	id->generation = (uint64_t)generation;
	return read_vip(sec, id, e) < 0 ? -1 : read_built(sec, id, e);
}

static int read_roles(cfg_t *sec, struct member *m, struct err *e)
{
	for (unsigned i = 0; i < cfg_size(sec, "roles"); i++) {
		const char *name = cfg_getnstr(sec, "roles", i);
		unsigned role = 0;
		for (size_t k = 0; k < ARRAY_SIZE(role_names); k++) {
			if (strcmp(name, role_names[k].name) == 0)
				role = role_names[k].role;
		}
		if (!role)
			return err_code(e, EXIT_CONFIG, "%s: member \"%s\": unknown role %s",
				config_where(sec), m->name, name);
		m->roles |= role;
	}
	return 0;
}

static int read_id(cfg_t *sec, struct member *m, struct err *e)
{
	long id = cfg_getint(sec, "id");
	bool voter = m->roles & ROLE_VOTER;

	if (voter ? id < 1 || id > MEMBERS_MAX : id != 0)
		return err_code(e, EXIT_CONFIG, "%s: member \"%s\": id %ld: %s", config_where(sec),
			m->name, id,
			voter ? "not in 1..127" : "only data nodes and arbiters have one");
	m->id = (unsigned)id;
	return 0;
}

static int read_member(cfg_t *sec, struct member *m, struct err *e)
{
	const char *name = cfg_title(sec), *address = cfg_getstr(sec, "address");

	if (!is_label(name))
		return err_code(
			e, EXIT_CONFIG, "%s: member \"%s\": not a name", config_where(sec), name);
	memcpy(m->name, name, strlen(name) + 1);
	if (address && (inet_pton(AF_INET, address, &m->address) != 1 || !m->address.s_addr))
		return err_code(e, EXIT_CONFIG, "%s: member \"%s\": address is not A.B.C.D",
			config_where(sec), name);
	if (read_roles(sec, m, e) < 0)
		return -1;
	return read_id(sec, m, e);
}

static int check_unique(
	const struct identity *id, const struct member *m, cfg_t *sec, struct err *e)
{
	for (size_t i = 0; i < id->nmembers; i++) {
		const struct member *o = &id->members[i];
		bool same_id = m->id && m->id == o->id;
		bool same_address = m->address.s_addr && m->address.s_addr == o->address.s_addr;
		if (same_id || same_address)
			return err_code(e, EXIT_CONFIG, "%s: member \"%s\": %s is already %s's",
				config_where(sec), m->name, same_id ? "id" : "address", o->name);
	}
	return 0;
}

static int read_members(cfg_t *cfg, struct identity *id, struct err *e)
{
	for (unsigned i = 0; i < cfg_size(cfg, "member"); i++) {
		cfg_t *sec = cfg_getnsec(cfg, "member", i);
		struct member m = {0};
		if (i == MEMBERS_MAX)
			return err_code(e, EXIT_CONFIG, "%s: more than %d members",
				config_where(sec), MEMBERS_MAX);
		if (read_member(sec, &m, e) < 0 || check_unique(id, &m, sec, e) < 0)
			return -1;
		id->members[id->nmembers++] = m;
	}
	return 0;
}

static int read_reserved_end(cfg_t *sec, struct identity *id, struct err *e)
{
	long mib = cfg_getint(sec, "reserved_end_mib");

	if (mib < 0 || mib > RESERVED_MAX_MIB)
		return err_code(e, EXIT_CONFIG, "%s: reserved_end_mib = %ld is not 0 to %d",
			config_where(sec), mib, RESERVED_MAX_MIB);
	id->reserved_end = (uint64_t)mib << 20;
	return 0;
}

static int read_self(cfg_t *cfg, struct identity *id, struct err *e)
{
	char name[NAME_SIZE];
	cfg_t *sec = section(cfg, "node", e);

	if (!sec || copy_label(name, sec, "name", e) < 0)
		return -1;
	const struct member *self = identity_member(id, name);
	if (!self)
		return err_code(e, EXIT_CONFIG, "%s: node \"%s\" is not among the members",
			config_where(sec), name);
	id->self = (size_t)(self - id->members);
	return read_reserved_end(sec, id, e);
}

static int read_neo4j(cfg_t *cfg, struct identity *id, struct err *e)
{
	cfg_t *sec = cfg_getsec(cfg, "neo4j");
	const char *version = sec ? cfg_getstr(sec, "version") : NULL;
	const char *profile = sec ? cfg_getstr(sec, "profile") : NULL;
	const char *mode = profile ? strrchr(profile, '-') : NULL;

	id->direct_access = sec && cfg_getbool(sec, "direct_access");
	id->write_probe = sec && cfg_getbool(sec, "write_probe");
	if (version && strlen(version) < sizeof(id->neo4j))
		memcpy(id->neo4j, version, strlen(version) + 1);
	if (profile && (!mode || neo4j_mode_parse(mode + 1, &id->mode) < 0))
		return err_code(e, EXIT_CONFIG, "%s: neo4j { profile = \"%s\" } is none of ours",
			config_where(sec), profile);
	if ((identity_self(id)->roles & ROLE_VOTER) && !id->neo4j[0])
		return err_code(e, EXIT_CONFIG, "%s: a node with Neo4j needs neo4j { version }",
			sec ? config_where(sec) : cfg->filename);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct member *x = *(const struct member *const *)a;
	const struct member *y = *(const struct member *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

static int make_digest(const char *path, struct identity *id, struct err *e)
{
	const struct member *voters[MEMBERS_MAX];
	uint8_t hash[crypto_generichash_BYTES];
	crypto_generichash_state st;
	unsigned roles = 0;
	size_t n = 0;

	for (size_t i = 0; i < id->nmembers; i++) {
		roles |= id->members[i].roles;
		if (id->members[i].roles & ROLE_VOTER)
			voters[n++] = &id->members[i];
	}
	if (!(roles & ROLE_DATA))
		return err_code(e, EXIT_CONFIG, "%s: no member has the role data", path);
	qsort(voters, n, sizeof(voters[0]), by_id);
	crypto_generichash_init(&st, NULL, 0, sizeof(hash));
	for (size_t i = 0; i < n; i++) {
		uint8_t server_id = (uint8_t)voters[i]->id;
		crypto_generichash_update(&st, &server_id, 1);
		crypto_generichash_update(&st, (const uint8_t *)&voters[i]->address, 4);
	}
	crypto_generichash_final(&st, hash, sizeof(hash));
	memcpy(id->digest, hash, DIGEST_SIZE);
	return 0;
}

/* cfg NULL: e says why. It is freed. */
static int take(cfg_t *taken, const char *path, struct identity *id, struct err *e)
{
	_cleanup_cfg_ cfg_t *cfg = taken;

	*id = (struct identity){0};
	if (!cfg)
		return -1;
	if (read_cluster(cfg, id, e) < 0 || read_members(cfg, id, e) < 0)
		return -1;
	if (read_self(cfg, id, e) < 0 || read_neo4j(cfg, id, e) < 0)
		return -1;
	return make_digest(path, id, e);
}

int identity_load(const char *path, struct identity *id, struct err *e)
{
	return take(config_load(path, node_conf_opts, e), path, id, e);
}

int identity_load_plain(const char *path, struct identity *id, struct err *e)
{
	return take(config_load_plain(path, node_conf_opts, e), path, id, e);
}

const struct member *identity_member(const struct identity *id, const char *name)
{
	for (size_t i = 0; i < id->nmembers; i++) {
		if (strcmp(id->members[i].name, name) == 0)
			return &id->members[i];
	}
	return NULL;
}

int identity_load_root(const char *root, struct identity *id, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/node.conf", root);

	return identity_load(path, id, e);
}

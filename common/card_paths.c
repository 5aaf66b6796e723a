/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "card_paths.h"
#include "util.h"

/* A path and all below it, or all that begin with it. */
struct own {
	const char *path;
	bool prefix;
	bool live; /* a generation may change it all the same */
	const char *why;
};

#define FROM_CONF "is written by bramble from cluster.conf"
#define RENDERED "is rendered by bramble from cluster.conf, and again when members change"
#define UNIT "is bramble's own unit; put a drop-in into a folder NAME.service.d beside it"
#define HIDDEN "would lie hidden below a partition that is mounted there"
#define NUMBERS "holds the numbers that files on the data partition go by"

static const struct own owns[] = {
	{"/etc/bramble/node.conf", false, true, FROM_CONF},
	{"/etc/bramble/proxy.conf", false, true, FROM_CONF},
	{"/etc/bramble/tls.crt", false, true, FROM_CONF},
	{"/etc/bramble/tls.key", false, true, FROM_CONF},
	{"/etc/bramble", false, false, FROM_CONF},
	{"/usr/lib/bramble", false, false, "is bramble's own"},
	{"/var/lib/bramble", false, false, "is bramble's own"},
	{"/etc/fstab", false, false, FROM_CONF},
	{"/etc/hostname", false, false, FROM_CONF},
	{"/etc/hosts", false, true, FROM_CONF},
	{"/etc/machine-id", false, false, FROM_CONF},
	{"/etc/passwd", false, false, NUMBERS},
	{"/etc/shadow", false, false, "goes with /etc/passwd"},
	{"/etc/group", false, false, "goes with /etc/passwd"},
	{"/etc/gshadow", false, false, "goes with /etc/passwd"},
	{"/etc/systemd/network/10-bramble.network", false, false, FROM_CONF},
	{"/etc/systemd/system/neo4j.service", false, false, UNIT},
	{"/usr/lib/systemd/system/neo4j.service", false, false, UNIT},
	{"/lib/systemd/system/neo4j.service", false, false, UNIT},
	{"/etc/systemd/system/bramble-", true, false, UNIT},
	{"/usr/lib/systemd/system/bramble-", true, false, UNIT},
	{"/lib/systemd/system/bramble-", true, false, UNIT},
	{"/opt/neo4j/conf/neo4j.conf", false, true, RENDERED},
	{"/opt/neo4j/conf/neo4j.properties", false, true, RENDERED},
	{"/opt/neo4j/conf/neo4j-server.properties", false, true, RENDERED},
	{"/boot", false, false,
		"is the boot partition (cmdline.txt, config.txt), which overlays do not reach"},
	{"/srv/bramble", false, false, HIDDEN},
	{"/proc", false, false, HIDDEN},
	{"/sys", false, false, HIDDEN},
	{"/dev", false, false, HIDDEN},
	{"/run", false, false, HIDDEN},
};

/* The folder of drop-ins of a unit is not the unit. */
static bool covers(const struct own *o, const char *path)
{
	size_t n = strlen(o->path);

	if (strncmp(path, o->path, n) != 0)
		return false;
	return o->prefix ? !strstr(path + n, ".service.d/") : path[n] == '\0' || path[n] == '/';
}

static const struct own *find(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(owns); i++) {
		if (covers(&owns[i], path))
			return &owns[i];
	}
	return NULL;
}

const char *card_path_own(const char *path)
{
	const struct own *o = find(path);

	return o ? o->why : NULL;
}

/* /opt/neo4j is a link to /opt/neo4j-VERSION; "" for what is not below it. */
static const char *in_neo4j(const char *path)
{
	static const char home[] = "/opt/neo4j";

	if (!str_starts(path, home))
		return "";
	path += sizeof(home) - 1;
	return *path == '-' || *path == '/' ? path + strcspn(path, "/") : "";
}

const char *card_path_forbidden(const char *path)
{
	char linked[4096];
	const char *below = in_neo4j(path);
	int n = snprintf(
		linked, sizeof(linked), "%s%s", *below ? "/opt/neo4j" : "", *below ? below : path);

	if (n < 0 || (size_t)n >= sizeof(linked))
		return "is too long";
	const struct own *o = find(linked);
	return o && !o->live ? o->why : NULL;
}

enum card_path_needs card_path_needs(const char *path)
{
	if (*in_neo4j(path) || strstr(path, "/neo4j.service.d/"))
		return CARD_NEEDS_NEO4J;
	return strcmp(path, "/etc/bramble/proxy.conf") == 0 ? CARD_NEEDS_PROXY : CARD_NEEDS_NOTHING;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hash.h"
#include "patch.h"

/* The agent puts the addresses of now there before Neo4j starts (bramble-agent hosts). */
static void put_host(struct buf *to, const struct node *n, const struct node *self)
{
	if (*n->address)
		buf_printf(to, "%s\t%s\n", n->address, n->name);
	else if (n == self)
		buf_printf(to, "127.0.1.1\t%s\n", n->name);
}

/*
 * A node's own name means its own address, without Debian's line "127.0.1.1 NAME": Neo4j 2.3 turns
 * the addresses of ha.initial_hosts into names, and a member that finds itself at 127.0.1.1, where
 * nothing listens, never lets anybody join (tried).
 */
int patch_hosts(struct edit *x, struct err *e)
{
	const struct cluster *c = x->cluster;
	_cleanup_buf_ struct buf hosts = {0};

	buf_puts(&hosts, "127.0.0.1\tlocalhost\n"
			 "::1\t\tlocalhost ip6-localhost ip6-loopback\n"
			 "ff02::1\t\tip6-allnodes\n"
			 "ff02::2\t\tip6-allrouters\n\n");
	buf_printf(&hosts, "# cluster %s\n", c->name);
	for (size_t i = 0; i < c->nnodes; i++)
		put_host(&hosts, &c->nodes[i], x->node);
	return patch_put(x, "/etc/hosts", &hosts, 0644, e);
}

int patch_hostname(struct edit *x, struct err *e)
{
	_cleanup_buf_ struct buf hostname = {0};

	buf_printf(&hostname, "%s\n", x->node->name);
	return patch_put(x, "/etc/hostname", &hostname, 0644, e);
}

/*
 * With an id of its own no boot is a "first boot" to systemd (ConditionFirstBoot=), which would
 * otherwise ask questions or run presets. Until stretch D-Bus kept a copy of its own.
 */
int patch_machine_id(struct edit *x, struct err *e)
{
	static const char dbus[] = "/var/lib/dbus/machine-id";
	uint8_t id[16];
	char hex[33];
	_cleanup_buf_ struct buf text = {0};

	hash_derive(id, sizeof(id), x->cluster_id, "machine-id", x->node->name);
	hex_encode(hex, id, sizeof(id));
	buf_printf(&text, "%s\n", hex);
	if (patch_put(x, "/etc/machine-id", &text, 0444, e) < 0)
		return -1;
	return ext4_kind(x->root, dbus) == EXT4_FILE ? patch_put(x, dbus, &text, 0644, e) : 0;
}

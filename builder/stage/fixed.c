/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a node cannot change while it lives; live/fixed.c says for each which command does it. */
#include <arpa/inet.h>
#include "build.h"

static void set(json_t *to, const char *key, const char *value)
{
	json_object_set_new(to, key, json_string(value ? value : ""));
}

static void set_size(json_t *to, const char *key, uint64_t bytes)
{
	json_object_set_new(to, key, json_integer((json_int_t)bytes));
}

/* Secrets and keys by their digest: the file on the card is for everybody to read. */
static void set_digest(json_t *to, const char *key, const struct buf *value)
{
	char hex[HASH_HEX] = "";
	struct hash h;

	if (value->len) {
		hash_begin(&h);
		hash_bytes(&h, value->data, value->len);
		hash_end(&h, hex);
	}
	set(to, key, hex);
}

static void set_network(json_t *to, const struct cluster *c)
{
	char subnet[INET_ADDRSTRLEN] = "", gateway[INET_ADDRSTRLEN] = "";

	inet_ntop(AF_INET, &c->network.subnet, subnet, sizeof(subnet));
	inet_ntop(AF_INET, &c->network.gateway, gateway, sizeof(gateway));
	_cleanup_free_ char *text =
		xasprintf("%d %s/%u %s", (int)c->network.mode, subnet, c->network.prefix, gateway);
	set(to, "network", text);
}

static void set_list(json_t *to, const char *key, char *const *list, size_t n)
{
	json_t *names = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(names, json_string(list[i]));
	json_object_set_new(to, key, names);
}

json_t *node_fixed(const struct build *b, const struct node *n)
{
	const struct cluster *c = b->cluster;
	json_t *to = json_object();

	set(to, "cluster", c->name);
	set(to, "base", c->base);
	set(to, "java", c->java);
	set(to, "neo4j", b->inputs.neo4j_version);
	set(to, "neo4j_mode", b->inputs.profile.name);
	json_object_set_new(to, "neo4j_auth", json_boolean(c->neo4j_auth));
	set_size(to, "size", c->size);
	set_size(to, "root_size", c->root_size);
	set_size(to, "data_size", c->data_size);
	set_size(to, "reserved_end", c->reserved_end);
	set_network(to, c);
	set(to, "user", c->access.user);
	set_digest(to, "ssh_key", &b->inputs.ssh_key);
	set(to, "wifi", c->wifi.ssid);
	set(to, "wifi_country", c->wifi.country);
	json_object_set_new(to, "wifi_hidden", json_boolean(c->wifi.hidden));
	json_object_set_new(to, "swap", json_boolean(c->swap_on_card));
	set_list(to, "packages", c->packages, c->npackages);
	set(to, "node", n->name);
	set_size(to, "id", n->id);
	set(to, "roles", roles_text(n->roles));
	set(to, "address", n->address);
	return to;
}

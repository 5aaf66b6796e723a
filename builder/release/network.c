/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The node's address, told to whatever brings the interfaces up. It is on the Wi-Fi where there is
 * one, else on the wired port; both names are fixed on every release (99-default.link is masked,
 * later raspi-config's do_net_names).
 */
#include <arpa/inet.h>
#include "hash.h"
#include "netconf.h"
#include "patch.h"

static int put_dhcpcd(struct edit *x, const struct netconf *n, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	netconf_dhcpcd(n, &b);
	return patch_block(x, NETCONF_DHCPCD, buf_str(&b), false, e);
}

static void make_uuid(const struct edit *x, char text[37])
{
	uint8_t u[16];
	char hex[33];

	hash_derive(u, sizeof(u), x->cluster_id, "connection", x->node->name);
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x50); /* RFC 9562: made of a name */
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
	hex_encode(hex, u, sizeof(u));
	snprintf(text, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/* NetworkManager ignores a keyfile that others may read. */
static int put_keyfile(struct edit *x, const struct netconf *n, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};
	char uuid[37];

	make_uuid(x, uuid);
	netconf_keyfile(n, uuid, &b);
	return patch_put(x, NETCONF_KEYFILE, &b, 0600, e);
}

static int put_networkd(struct edit *x, const struct netconf *n, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	netconf_networkd(n, &b);
	return patch_put(x, NETCONF_NETWORKD, &b, 0644, e);
}

int patch_network(struct edit *x, struct err *e)
{
	static int (*const put[])(struct edit * x, const struct netconf *n, struct err *e) = {
		[NETWORK_MANAGER] = put_keyfile,
		[NETWORK_DHCPCD] = put_dhcpcd,
		[NETWORK_NETWORKD] = put_networkd,
	};
	const struct cluster *c = x->cluster;
	char gateway[INET_ADDRSTRLEN] = "";
	/* A card of identical images has no address before it is somebody's: it takes what it gets.
	 */
	bool nobody = c->network.mode == NETCONF_STATIC && !*x->node->address;
	const struct netconf n = {
		.mode = nobody ? NETCONF_DHCP : c->network.mode,
		.interface = x->wifi ? "wlan0" : "eth0",
		.address = x->node->address,
		.prefix = c->network.prefix,
		.gateway = gateway,
		.wifi = x->wifi,
	};

	if (c->network.gateway.s_addr)
		inet_ntop(AF_INET, &c->network.gateway, gateway, sizeof(gateway));
	return put[x->release->network](x, &n, e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The node's address, told to whatever brings the interfaces up. It is on the Wi-Fi where there is
 * one, else on the wired port; both names are fixed on every release (99-default.link is masked,
 * later raspi-config's do_net_names).
 */
#include <arpa/inet.h>
#include "hash.h"
#include "patch.h"
#include "wifi.h"

struct address {
	const char *interface;
	const char *address; /* dotted */
	unsigned prefix;
	char gateway[INET_ADDRSTRLEN]; /* "": none */
};

static struct address address_of(const struct edit *x)
{
	const struct cluster *c = x->cluster;
	struct address a = {
		.interface = c->wifi.ssid ? "wlan0" : "eth0",
		.address = x->node->address,
		.prefix = c->network.prefix,
	};

	if (c->network.gateway.s_addr)
		inet_ntop(AF_INET, &c->network.gateway, a.gateway, sizeof(a.gateway));
	return a;
}

/* dhcpcd.conf(5) */
static int put_dhcpcd(struct edit *x, const struct address *a, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	buf_printf(
		&b, "interface %s\nstatic ip_address=%s/%u\n", a->interface, a->address, a->prefix);
	if (*a->gateway)
		buf_printf(&b, "static routers=%s\nstatic domain_name_servers=%s\n", a->gateway,
			a->gateway);
	return patch_block(x, "/etc/dhcpcd.conf", buf_str(&b), false, e);
}

static void put_uuid(struct buf *b, const struct edit *x)
{
	uint8_t u[16];
	char hex[33];

	hash_derive(u, sizeof(u), x->cluster_id, "connection", x->node->name);
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x50); /* RFC 9562: made of a name */
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
	hex_encode(hex, u, sizeof(u));
	buf_printf(
		b, "uuid=%.8s-%.4s-%.4s-%.4s-%.12s\n", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/* nm-settings-keyfile(5): NetworkManager ignores a file that others may read. */
static int put_keyfile(struct edit *x, const struct address *a, struct err *e)
{
	const char *type = x->cluster->wifi.ssid ? "wifi" : "ethernet";
	_cleanup_buf_ struct buf b = {0};

	buf_puts(&b, "[connection]\nid=bramble\n");
	put_uuid(&b, x);
	buf_printf(
		&b, "type=%s\ninterface-name=%s\nautoconnect-priority=100\n\n", type, a->interface);
	if (x->cluster->wifi.ssid)
		wifi_keyfile(&b, x->cluster->wifi.ssid, x->passphrase);
	buf_printf(&b, "[ipv4]\nmethod=manual\naddress1=%s/%u%s%s\n", a->address, a->prefix,
		*a->gateway ? "," : "", a->gateway);
	if (*a->gateway)
		buf_printf(&b, "dns=%s;\n", a->gateway);
	buf_puts(&b, "\n[ipv6]\naddr-gen-mode=default\nmethod=auto\n");
	return patch_put(
		x, "/etc/NetworkManager/system-connections/bramble.nmconnection", &b, 0600, e);
}

/*
 * IPv6AcceptRA=no: waiting for router advertisements on a network without a router costs 13 s of
 * every boot (tried). host0 is the interface's name in a rehearsal.
 */
static int put_networkd(struct edit *x, const struct address *a, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	buf_printf(&b, "[Match]\nName=%s\n\n[Network]\nAddress=%s/%u\n",
		x->cluster->wifi.ssid ? a->interface : "eth* en* host0", a->address, a->prefix);
	if (*a->gateway)
		buf_printf(&b, "Gateway=%s\nDNS=%s\n", a->gateway, a->gateway);
	buf_puts(&b, "LinkLocalAddressing=ipv6\nIPv6AcceptRA=no\nMulticastDNS=no\n");
	return patch_put(x, "/etc/systemd/network/10-bramble.network", &b, 0644, e);
}

int patch_network(struct edit *x, struct err *e)
{
	static int (*const put[])(struct edit * x, const struct address *a, struct err *e) = {
		[NETWORK_MANAGER] = put_keyfile,
		[NETWORK_DHCPCD] = put_dhcpcd,
		[NETWORK_NETWORKD] = put_networkd,
	};
	const struct address a = address_of(x);

	return put[x->release->network](x, &a, e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "netconf.h"
#include "util.h"

int netconf_mode_parse(const char *text, enum netconf_mode *mode)
{
	static const char *const names[] = {
		[NETCONF_STATIC] = "static",
		[NETCONF_DHCP] = "dhcp",
		[NETCONF_LINKLOCAL] = "linklocal",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*mode = (enum netconf_mode)i;
			return 0;
		}
	}
	return -1;
}

static bool has_gateway(const struct netconf *n)
{
	return n->gateway && *n->gateway;
}

/* Without a word it asks by DHCP. */
void netconf_dhcpcd(const struct netconf *n, struct buf *b)
{
	if (n->mode == NETCONF_DHCP)
		return;
	buf_printf(b, "interface %s\n", n->interface);
	if (n->mode == NETCONF_LINKLOCAL) {
		buf_puts(b, "nodhcp\n");
		return;
	}
	buf_printf(b, "static ip_address=%s/%u\n", n->address, n->prefix);
	if (has_gateway(n))
		buf_printf(b, "static routers=%s\nstatic domain_name_servers=%s\n", n->gateway,
			n->gateway);
}

static void put_ipv4(const struct netconf *n, struct buf *b)
{
	static const char *const methods[] = {
		[NETCONF_STATIC] = "manual",
		[NETCONF_DHCP] = "auto",
		[NETCONF_LINKLOCAL] = "link-local",
	};

	buf_printf(b, "[ipv4]\nmethod=%s\n", methods[n->mode]);
	if (n->mode != NETCONF_STATIC)
		return;
	buf_printf(b, "address1=%s/%u%s%s\n", n->address, n->prefix, has_gateway(n) ? "," : "",
		has_gateway(n) ? n->gateway : "");
	if (has_gateway(n))
		buf_printf(b, "dns=%s;\n", n->gateway);
}

void netconf_keyfile(const struct netconf *n, const char *uuid, struct buf *b)
{
	buf_printf(b,
		"[connection]\nid=bramble\nuuid=%s\ntype=%s\ninterface-name=%s\n"
		"autoconnect-priority=100\n\n",
		uuid, n->wifi ? "wifi" : "ethernet", n->interface);
	if (n->wifi)
		wifi_keyfile(b, n->wifi);
	put_ipv4(n, b);
	buf_puts(b, "\n[ipv6]\naddr-gen-mode=default\nmethod=auto\n");
}

/*
 * IPv6AcceptRA=no: waiting for router advertisements on a network without a router costs 13 s of
 * every boot (tried). host0 is the interface's name in a rehearsal.
 */
void netconf_networkd(const struct netconf *n, struct buf *b)
{
	buf_printf(b, "[Match]\nName=%s\n\n[Network]\n", n->wifi ? n->interface : "eth* en* host0");
	if (n->mode == NETCONF_DHCP)
		buf_puts(b, "DHCP=ipv4\n");
	if (n->mode == NETCONF_STATIC)
		buf_printf(b, "Address=%s/%u\n", n->address, n->prefix);
	if (n->mode == NETCONF_STATIC && has_gateway(n))
		buf_printf(b, "Gateway=%s\nDNS=%s\n", n->gateway, n->gateway);
	buf_printf(b, "LinkLocalAddressing=%s\nIPv6AcceptRA=no\nMulticastDNS=no\n",
		n->mode == NETCONF_LINKLOCAL ? "yes" : "ipv6");
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NETCONF_H
#define BRAMBLE_NETCONF_H

#include "wifi_text.h"

/*
 * One interface's address as each of the programs wants to be told that bring interfaces up on a
 * Raspberry Pi OS. The builder writes it from cluster.conf, the agent's boot step from bramble.txt.
 */
enum netconf_mode {
	NETCONF_STATIC,
	NETCONF_DHCP,
	NETCONF_LINKLOCAL, /* 169.254/16, RFC 3927: no server is asked */
};

struct netconf {
	enum netconf_mode mode;
	const char *interface;
	const char *address, *gateway; /* STATIC: dotted; gateway "" or NULL: none */
	unsigned prefix;
	const struct wifi *wifi; /* NULL: wired */
};

/* "static", "dhcp", "linklocal" -> *mode; -1 for anything else. */
MUST_CHECK int netconf_mode_parse(const char *text, enum netconf_mode *mode);

#define NETCONF_DHCPCD "/etc/dhcpcd.conf"
#define NETCONF_KEYFILE "/etc/NetworkManager/system-connections/bramble.nmconnection"
#define NETCONF_NETWORKD "/etc/systemd/network/10-bramble.network"

/* Lines for dhcpcd.conf(5), which is the base's own but for these. */
void netconf_dhcpcd(const struct netconf *n, struct buf *b);

/* A whole keyfile, nm-settings-keyfile(5); uuid is the connection's. It is secret with Wi-Fi. */
void netconf_keyfile(const struct netconf *n, const char *uuid, struct buf *b);

/* A whole systemd.network(5); a wired one is for whatever the port is called, also rehearsed. */
void netconf_networkd(const struct netconf *n, struct buf *b);

#endif

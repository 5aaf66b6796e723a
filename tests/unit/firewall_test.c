/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is in the firewall's rules. */
// use: node-agent/firewall.c node-agent/helper/helper_client.c node-agent/helper/helper_wire.c
// use: node-agent/hello.c node-agent/node_state.c node-agent/quorum/wire.c
// use: node-agent/quorum/manifest.c
#include <arpa/inet.h>
#include "node-agent/firewall.h"
#include "tap.h"

static void add(struct helper_firewall *want, const char *address, unsigned silent)
{
	firewall_add(want, &(struct helper_host){{inet_addr(address)}, ROLE_DATA, silent});
}

int main(void)
{
	struct helper_firewall want = {.open = 1};

	add(&want, "0.0.0.0", 0);
	is_int(want.n, 0, "nobody whose address is not known");
	add(&want, "192.168.2.7", 0);
	add(&want, "192.168.2.8", 1);
	ok(want.n == 2 && !want.host[0].silent && want.host[1].silent, "one that is silent");
	add(&want, "192.168.2.8", 0);
	ok(want.n == 3 && !want.host[1].silent && !want.host[2].silent,
		"not where another one has its address now");
	add(&want, "192.168.2.7", 1);
	ok(!want.host[0].silent && !want.host[3].silent, "in whatever order");
	add(&want, "192.168.2.9", 1);
	add(&want, "192.168.2.9", 1);
	ok(want.host[4].silent && want.host[5].silent, "unless both are silent");
	while (want.n < MEMBERS_MAX)
		add(&want, "192.168.2.10", 0);
	add(&want, "192.168.2.11", 0);
	is_int(want.n, MEMBERS_MAX, "and no more than there can be");
	return done();
}

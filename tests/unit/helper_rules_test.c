/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The firewall of a node, as nft is told it. tests/agent/nft_test.py asks the kernel. */
// use: node-agent/helper/helper_rules.c
#include <arpa/inet.h>
#include "node-agent/helper/helper_rules.h"
#include "tap.h"

#define REPLACE "add table inet bramble\ndelete table inet bramble\n"
#define SETS                                                                  \
	REPLACE "table inet bramble {\n"                                      \
		"\tset members {\n"                                           \
		"\t\ttype ipv4_addr\n"                                        \
		"\t\telements = { 192.168.2.7, 192.168.2.8 }\n"               \
		"\t}\n"                                                       \
		"\tset clients {\n"                                           \
		"\t\ttype ipv4_addr\n"                                        \
		"\t\telements = { 192.168.2.7, 192.168.2.8, 192.168.2.10 }\n" \
		"\t}\n"
#define CHAIN_BEGIN                                               \
	"\tchain input {\n"                                       \
	"\t\ttype filter hook input priority 0; policy accept;\n" \
	"\t\tiif \"lo\" accept\n"
#define CHAIN_PORTS                                                           \
	"\t\ttcp dport { 5001, 6001, 6362, 3637 } ip saddr @members accept\n" \
	"\t\ttcp dport { 5001, 6001, 6362, 3637 } reject with tcp reset\n"
#define CHAIN CHAIN_BEGIN CHAIN_PORTS
#define END "\t}\n}\n"
#define CLIENTS "\t\ttcp dport { 7474, 7687 } "

static struct helper_firewall garden(unsigned open)
{
	return (struct helper_firewall){.open = open,
		.n = 3,
		.host = {{{inet_addr("192.168.2.7")}, ROLE_DATA, 0},
			{{inet_addr("192.168.2.8")}, ROLE_DATA, 0},
			{{inet_addr("192.168.2.10")}, ROLE_PROXY, 0}}};
}

static void is_rules(unsigned roles, bool direct, struct helper_firewall want, const char *rules,
	const char *name)
{
	struct identity id = {.direct_access = direct, .nmembers = 1};
	_cleanup_buf_ struct buf out = {0};

	id.members[0].roles = roles;
	rules_render(&id, &want, &out);
	is_str(buf_str(&out), rules, "%s", name);
}

int main(void)
{
	is_rules(ROLE_DATA, false, garden(1),
		SETS CHAIN CLIENTS "ip saddr @clients accept\n" CLIENTS
				   "reject with tcp reset\n" END,
		"a data node lets members and proxies in");
	is_rules(ROLE_DATA, false, garden(0),
		SETS CHAIN CLIENTS "tcp flags & rst == rst accept\n" CLIENTS
				   "reject with tcp reset\n" END,
		"closed, nobody");
	is_rules(ROLE_DATA, true, garden(1), SETS CHAIN END, "direct access: everybody");
	is_rules(ROLE_DATA, true, garden(0),
		SETS CHAIN CLIENTS "tcp flags & rst == rst accept\n" CLIENTS
				   "reject with tcp reset\n" END,
		"closed, nobody all the same");
	is_rules(ROLE_DATA | ROLE_PROXY, false, garden(0),
		SETS
		"\tchain own {\n"
		"\t\ttype filter hook output priority 0; policy accept;\n"
		"\t\toif \"lo\" tcp dport { 7474, 7687 } meta skuid 7480 reject with tcp reset\n"
		"\t}\n" CHAIN CLIENTS "tcp flags & rst == rst accept\n" CLIENTS
		"reject with tcp reset\n" END,
		"closed, nor does the node's own proxy get in");
	is_rules(ROLE_DATA | ROLE_PROXY, false, garden(1),
		SETS CHAIN CLIENTS "ip saddr @clients accept\n" CLIENTS
				   "reject with tcp reset\n" END,
		"open, it does");
	struct helper_firewall shut = garden(1);
	shut.shut = 1;
	is_rules(ROLE_DATA, true, shut,
		SETS CHAIN_BEGIN "\t\ttcp dport 5001 reject with tcp reset\n" CHAIN_PORTS END,
		"one that begins alone: nobody reaches its cluster port, not even members");
	struct helper_firewall silent = garden(1);
	silent.host[1].silent = 1;
	is_rules(ROLE_DATA, true, silent,
		SETS "\tset silent {\n"
		     "\t\ttype ipv4_addr\n"
		     "\t\telements = { 192.168.2.8 }\n"
		     "\t}\n"
		     "\tchain output {\n"
		     "\t\ttype filter hook output priority 0; policy accept;\n"
		     "\t\ttcp dport 6001 ip daddr @silent reject with tcp reset\n"
		     "\t}\n" CHAIN END,
		"a member that is silent is not waited for");
	is_rules(ROLE_ARBITER, false, garden(1), SETS CHAIN END, "an arbiter has no clients");
	is_rules(ROLE_PROXY, false, garden(1), REPLACE, "a proxy has no rules, and loses old ones");
	is_rules(ROLE_ARBITER, false, (struct helper_firewall){0},
		REPLACE "table inet bramble {\n"
			"\tset members {\n\t\ttype ipv4_addr\n\t}\n"
			"\tset clients {\n\t\ttype ipv4_addr\n\t}\n" CHAIN END,
		"nobody known: empty sets");
	return done();
}

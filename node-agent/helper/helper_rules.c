/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include "card_users.h"
#include "helper_rules.h"

/* Backup, and Java's own monitoring, in all of them (Operations Manual 3.5, "Ports"). */
#define ALWAYS "6362, 3637"
#define CLIENTS "7474, 7687"

static const char *const cluster_ports[] = {
	[NEO4J_HA] = "5001, 6001, " ALWAYS,
	/* Discovery, transactions, Raft, routing on the server's side. */
	[NEO4J_CAUSAL] = "5000, 6000, 7000, 7688, " ALWAYS,
	[NEO4J_SINGLE] = ALWAYS,
};

static bool is_member(const struct helper_host *h)
{
	return h->roles & ROLE_VOTER;
}

static bool is_client(const struct helper_host *h)
{
	return h->roles & (ROLE_VOTER | ROLE_PROXY);
}

static bool is_silent(const struct helper_host *h)
{
	return h->silent;
}

/* An empty list of elements is a syntax error to nft. */
static void render_set(const char *name, bool (*in)(const struct helper_host *h),
	const struct helper_firewall *want, struct buf *out)
{
	const char *before = "\t\telements = { ";

	buf_printf(out, "\tset %s {\n\t\ttype ipv4_addr\n", name);
	for (size_t i = 0; i < want->n; i++) {
		char text[INET_ADDRSTRLEN];
		if (!in(&want->host[i]))
			continue;
		inet_ntop(AF_INET, &want->host[i].address, text, sizeof(text));
		buf_printf(out, "%s%s", before, text);
		before = ", ";
	}
	buf_puts(out, before[0] == ',' ? " }\n\t}\n" : "\t}\n");
}

/*
 * Refused, not dropped: who holds a connection to a node that lost its lease learns it at once.
 * The other way round its Neo4j does, for resets still come in.
 */
static void render_clients(bool direct, const struct helper_firewall *want, struct buf *out)
{
	if (want->open && direct)
		return;
	if (want->open)
		buf_puts(out, "\t\ttcp dport { " CLIENTS " } ip saddr @clients accept\n");
	else
		buf_puts(out, "\t\ttcp dport { " CLIENTS " } tcp flags & rst == rst accept\n");
	buf_puts(out, "\t\ttcp dport { " CLIENTS " } reject with tcp reset\n");
}

/*
 * This node's own proxy comes over the loopback, and is a proxy like the others: what it gave to a
 * slave below no granted master would be handed on, and acknowledged, for nothing.
 */
static void render_own_proxy(unsigned roles, const struct helper_firewall *want, struct buf *out)
{
	if (want->open || !(roles & ROLE_DATA) || !(roles & ROLE_PROXY))
		return;
	buf_printf(out,
		"\tchain own {\n"
		"\t\ttype filter hook output priority 0; policy accept;\n"
		"\t\toif \"lo\" tcp dport { " CLIENTS " } meta skuid %d reject with tcp reset\n"
		"\t}\n",
		PROXY_UID);
}

/* For the one that begins a run alone: whom its Neo4j hears of before keeps it from that. */
static void render_shut(
	const struct identity *id, const struct helper_firewall *want, struct buf *out)
{
	if (want->shut && id->mode == NEO4J_HA)
		buf_puts(out, "\t\ttcp dport 5001 reject with tcp reset\n");
}

/* What goes to them is answered by this node itself, so whoever sends it need not wait for them. */
static void render_silent(
	const struct identity *id, const struct helper_firewall *want, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < want->n; i++)
		any |= is_silent(&want->host[i]);
	if (!any || id->mode != NEO4J_HA)
		return;
	render_set("silent", is_silent, want, out);
	buf_puts(out, "\tchain output {\n"
		      "\t\ttype filter hook output priority 0; policy accept;\n"
		      "\t\ttcp dport 6001 ip daddr @silent reject with tcp reset\n"
		      "\t}\n");
}

void rules_render(const struct identity *id, const struct helper_firewall *want, struct buf *out)
{
	unsigned roles = identity_self(id)->roles;
	const char *ports = cluster_ports[id->mode];

	/* Deleting what is not there is an error to older versions of nft: it is added before. */
	buf_puts(out, "add table inet bramble\ndelete table inet bramble\n");
	if (!(roles & ROLE_VOTER))
		return;
	buf_puts(out, "table inet bramble {\n");
	render_set("members", is_member, want, out);
	render_set("clients", is_client, want, out);
	render_silent(id, want, out);
	render_own_proxy(roles, want, out);
	buf_puts(out, "\tchain input {\n"
		      "\t\ttype filter hook input priority 0; policy accept;\n"
		      "\t\tiif \"lo\" accept\n");
	render_shut(id, want, out);
	buf_printf(out, "\t\ttcp dport { %s } ip saddr @members accept\n", ports);
	buf_printf(out, "\t\ttcp dport { %s } reject with tcp reset\n", ports);
	if (roles & ROLE_DATA)
		render_clients(id->direct_access, want, out);
	buf_puts(out, "\t}\n}\n");
}

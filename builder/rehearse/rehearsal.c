/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include "rehearsal.h"

/* Distinguishes the machines of two clusters that both have a pi1 (FNV-1a, folded). */
static unsigned name_hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return (h >> 16 ^ h) & 0xffff;
}

static bool is_taken(const struct cluster *c, struct in_addr a)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &a, text, sizeof(text));
	for (size_t i = 0; i < c->nnodes; i++) {
		if (strcmp(c->nodes[i].address, text) == 0)
			return true;
	}
	return false;
}

/*
 * The bridge stands in for the router; without one it takes an address no node has. RFC 3927 2.1:
 * nobody chooses one of 169.254.0.0/24.
 */
static int choose_gateway(
	const struct cluster *c, struct in_addr *gateway, unsigned *prefix, struct err *e)
{
	if (c->network.mode == NETCONF_DHCP)
		return err_code(e, EXIT_CONFIG,
			"%s: a rehearsal has no DHCP server; rehearse it with mode \"linklocal\"",
			c->path);
	if (c->network.mode == NETCONF_LINKLOCAL) {
		*gateway = (struct in_addr){htonl(0xa9fe0001)};
		*prefix = 16;
		return 0;
	}
	*prefix = c->network.prefix;
	uint32_t mask = c->network.prefix ? ~UINT32_C(0) << (32 - c->network.prefix) : 0;
	uint32_t subnet = ntohl(c->network.subnet.s_addr) & mask;
	uint32_t last = subnet | ~mask;

	*gateway = c->network.gateway;
	for (uint32_t a = last - 1; !gateway->s_addr && a > subnet; a--) {
		struct in_addr in = {htonl(a)};
		if (!is_taken(c, in))
			*gateway = in;
	}
	if (!gateway->s_addr)
		return err_code(
			e, EXIT_CONFIG, "%s: the subnet has no address for the bridge", c->path);
	return 0;
}

static void machine_init(struct machine *m, const struct cluster *c, size_t i)
{
	const struct node *n = &c->nodes[i];

	*m = (struct machine){
		.node = xstrdup(n->name),
		.image = xstrdup(c->identical_images ? c->all.name : n->name),
		.serial = xstrdup(n->serial),
		.address = xstrdup(n->address),
		.roams = !*n->address,
		.roles = n->roles,
	};
	/*
	 * The port's name may have 15 characters, three of them "vb-". Two digits always, else
	 * the 11th node "pi1" and the first node "pi11" were the same.
	 */
	snprintf(m->name, sizeof(m->name), "%.5s%02x-%04x", n->name, (unsigned)(i + 1) & 0xff,
		name_hash(c->name));
}

struct rehearsal *rehearsal_new(const struct cluster *c, bool twin, struct err *e)
{
	struct in_addr gateway;
	unsigned prefix = 0;

	if (choose_gateway(c, &gateway, &prefix, e) < 0)
		return NULL;
	struct rehearsal *r = xcalloc(1, sizeof(*r));
	*r = (struct rehearsal){
		.cluster = xstrdup(c->name),
		.conf = xstrdup(c->path),
		.netns = xasprintf("bramble-%s", c->name),
		.twin = twin,
		.gateway = gateway,
		.prefix = prefix,
		.machines = xcalloc(c->nnodes, sizeof(*r->machines)),
		.nmachines = c->nnodes,
		.events = xcalloc(EVENTS_MAX, sizeof(*r->events)),
	};
	for (size_t i = 0; i < c->nnodes; i++)
		machine_init(&r->machines[i], c, i);
	return r;
}

void rehearsal_free(struct rehearsal *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nmachines; i++) {
		free(r->machines[i].node);
		free(r->machines[i].address);
		free(r->machines[i].image);
		free(r->machines[i].serial);
	}
	for (size_t i = 0; i < r->nforwards; i++) {
		free(r->forwards[i].label);
		free(r->forwards[i].node);
	}
	free(r->machines);
	free(r->events);
	free(r->cluster);
	free(r->conf);
	free(r->dir);
	free(r->netns);
	free(r);
}

struct machine *rehearsal_machine(struct rehearsal *r, const char *node, struct err *e)
{
	_cleanup_buf_ struct buf names = {0};

	for (size_t i = 0; i < r->nmachines; i++) {
		if (strcmp(r->machines[i].node, node) == 0)
			return &r->machines[i];
		buf_printf(&names, " %s", r->machines[i].node);
	}
	err_code(e, EXIT_USAGE, "%s has no node \"%s\"; it has%s", r->cluster, node,
		buf_str(&names));
	return NULL;
}

void rehearsal_event(struct rehearsal *r, const char *what, const char *node)
{
	if (r->nevents == EVENTS_MAX)
		memmove(r->events, r->events + 1, --r->nevents * sizeof(*r->events));
	struct event *ev = &r->events[r->nevents++];
	ev->ms = boottime_ms();
	snprintf(ev->what, sizeof(ev->what), "%s", what);
	snprintf(ev->node, sizeof(ev->node), "%s", node);
}

char *rehearsal_run_path(const char *cluster, const char *suffix)
{
	return xasprintf(REHEARSAL_RUN_DIR "/rehearsal-%s.%s", cluster, suffix);
}

char *machine_path(const struct rehearsal *r, const struct machine *m, const char *suffix)
{
	return xasprintf("%s/%s.%s", r->dir, m->node, suffix);
}

void rehearsal_twin_text(const struct rehearsal *r, struct buf *out)
{
	if (r->twin)
		buf_printf(out,
			"amd64 twin of %s: same cluster.conf, agent and Neo4j; not the Pi's "
			"kernel, "
			"firmware or Java build\n",
			r->cluster);
}

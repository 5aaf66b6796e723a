/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>
#include "http_client.h"
#include "locate.h"
#include "machine.h"
#include "watch.h"

#define ASK_TIMEOUT_MS 1500
#define FRESH_MS 3000

struct watched {
	struct watch *watch;
	struct machine *machine;
	struct http_client *client;
	int64_t heard_ms; /* 0: not since power-on */
	struct view_node row;
};

struct watch {
	const struct rehearsal *r;
	struct loop *loop;
	void (*changed)(void *arg);
	void *arg;
	size_t n;
	struct watched nodes[];
};

/* None for a machine that nobody knows the address of yet. */
static int client_init(struct watched *w, struct loop *l, struct err *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(AGENT_PORT)};

	if (w->client)
		http_client_free(w->client);
	w->client = NULL;
	if (w->machine->roams && !*w->machine->address)
		return 0;
	if (inet_pton(AF_INET, w->machine->address, &to.sin_addr) != 1)
		return err_set(e, "%s: no address", w->machine->node);
	w->client = http_client_new(l, &to, VIEW_MAX_BODY);
	return w->client ? 0 : err_errno(e, "%s", w->machine->node);
}

struct watch *watch_new(
	struct loop *l, struct rehearsal *r, void (*changed)(void *arg), void *arg, struct err *e)
{
	struct watch *w = xcalloc(1, sizeof(*w) + r->nmachines * sizeof(w->nodes[0]));

	w->r = r;
	w->loop = l;
	w->changed = changed;
	w->arg = arg;
	w->n = r->nmachines;
	for (size_t i = 0; i < w->n; i++) {
		w->nodes[i].watch = w;
		w->nodes[i].machine = &r->machines[i];
		if (client_init(&w->nodes[i], l, e) < 0) {
			watch_free(w);
			return NULL;
		}
	}
	return w;
}

void watch_free(struct watch *w)
{
	for (size_t i = 0; w && i < w->n; i++) {
		if (w->nodes[i].client)
			http_client_free(w->nodes[i].client);
	}
	free(w);
}

/* Off from the moment it was decided, although the machine takes a second to go. */
static bool has_power(const struct machine *m)
{
	return m->pid && !m->off_why[0];
}

static void answered(void *arg, const struct http_result *r)
{
	struct watched *w = arg;
	struct cluster_view *v = xcalloc(1, sizeof(*v));
	struct err e = {0};

	if (r->status == 200 && has_power(w->machine) &&
		view_parse(r->body.p, r->body.n, v, &e) == 0) {
		const struct view_node *row = view_node(v, w->machine->node);
		if (row) {
			w->row = *row;
			w->heard_ms = boottime_ms();
		}
	}
	free(v);
	w->watch->changed(w->watch->arg);
}

/* Where the network gives the address it may be another one each time. */
static void follow(struct watched *w)
{
	struct machine *m = w->machine;
	char now[INET_ADDRSTRLEN];
	struct err e;

	pid_t leader = m->roams && has_power(m) ? machine_leader(m, &e) : -1;
	struct in_addr a = leader > 0 ? locate_process(leader) : (struct in_addr){0};
	if (!a.s_addr || strcmp(inet_ntop(AF_INET, &a, now, sizeof(now)), m->address) == 0)
		return;
	free(m->address);
	m->address = xstrdup(now);
	if (client_init(w, w->watch->loop, &e) < 0)
		m->address[0] = '\0'; /* next time, then */
}

void watch_ask(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct watched *x = &w->nodes[i];
		follow(x);
		if (!x->client)
			continue;
		if (!has_power(x->machine)) {
			http_client_cancel(x->client);
			x->heard_ms = 0;
		} else if (!http_client_busy(x->client)) {
			http_client_send(
				x->client, "GET", VIEW_PATH, "", "", ASK_TIMEOUT_MS, answered, x);
		}
	}
}

bool watch_heard(const struct watch *w, const struct machine *m)
{
	const struct watched *x = &w->nodes[m - w->r->machines];

	return x->heard_ms && x->heard_ms > m->on_ms;
}

static void silent_row(const struct watched *w, int64_t now, struct view_node *n)
{
	const struct machine *m = w->machine;
	int64_t silent_s = (now - w->heard_ms) / 1000;

	if (!has_power(m)) {
		snprintf(n->state, sizeof(n->state), "off");
		if (m->off_why[0])
			snprintf(n->why, sizeof(n->why), "%s", m->off_why);
	} else if (!watch_heard(w->watch, m)) {
		snprintf(n->state, sizeof(n->state), "booting");
	} else {
		snprintf(n->state, sizeof(n->state), "down");
		snprintf(n->why, sizeof(n->why), "its agent is silent for %" PRId64 " s", silent_s);
	}
}

void watch_view(const struct watch *w, struct cluster_view *v)
{
	int64_t now = boottime_ms();

	*v = (struct cluster_view){.generation = -1, .nnodes = w->n};
	view_text(v->cluster, sizeof(v->cluster), w->r->cluster);
	for (size_t i = 0; i < w->n; i++) {
		const struct watched *x = &w->nodes[i];
		struct view_node *n = &v->nodes[i];
		*n = (struct view_node){.last_tx = -1, .uptime_s = -1};
		if (has_power(x->machine) && watch_heard(w, x->machine) &&
			now - x->heard_ms < FRESH_MS)
			*n = x->row;
		else
			silent_row(x, now, n);
		view_text(n->name, sizeof(n->name), x->machine->node);
		view_text(n->address, sizeof(n->address), x->machine->address);
		snprintf(n->roles, sizeof(n->roles), "%s", roles_text(x->machine->roles));
	}
}

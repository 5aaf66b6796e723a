/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <string.h>
#include "hello.h"
#include "log.h"
#include "neo4j_watch.h"

#define POLL_MS 1000
#define TIMEOUT_MS 3000
#define BODY_MAX (64u << 10) /* the bean of three members is about 6 kB */

#define ACCEPT_JSON "Accept: application/json\r\n"

/* Neo4j writes the value as a number or as a string of one, by version. */
static uint64_t tx_of_value(const json_t *value)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0)
		return (uint64_t)json_integer_value(value);
	const char *s = json_string_value(value);
	if (!s || !*s || strlen(s) > 18 || strspn(s, "0123456789") != strlen(s))
		return TX_UNKNOWN;
	return strtoull(s, NULL, 10);
}

static uint64_t tx_of_bean(const json_t *bean)
{
	const json_t *attributes = json_object_get(bean, "attributes"), *a;
	size_t i;

	json_array_foreach(attributes, i, a)
	{
		const char *name = json_string_value(json_object_get(a, "name"));
		if (name && strcmp(name, "LastCommittedTxId") == 0)
			return tx_of_value(json_object_get(a, "value"));
	}
	return TX_UNKNOWN;
}

uint64_t neo4j_last_tx(struct slice body)
{
	json_t *beans = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	uint64_t tx = tx_of_bean(json_array_get(beans, 0));

	json_decref(beans);
	return tx;
}

static void bean_done(void *arg, const struct http_result *r)
{
	struct neo4j_watch *w = arg;

	/* A missed answer leaves the number as it is: it only grows, and the role tells the rest.
	 */
	uint64_t tx = r->status == 200 ? neo4j_last_tx(r->body) : TX_UNKNOWN;
	if (tx != TX_UNKNOWN)
		w->last_tx = tx;
}

static bool is_member(enum neo4j_role role)
{
	return role == NEO4J_MASTER || role == NEO4J_SLAVE;
}

static void probe_done(void *arg, const struct http_result *r)
{
	struct neo4j_watch *w = arg;
	enum neo4j_role role = neo4j_role_of_probe(w->mode, r->status, r->body), before = w->role;

	w->role = role;
	if (!is_member(role))
		w->last_tx = TX_UNKNOWN;
	else if (w->mode == NEO4J_HA && w->round++ % 2 == 0)
		http_client_send(
			w->client, "GET", NEO4J_HA_BEAN, ACCEPT_JSON, "", TIMEOUT_MS, bean_done, w);
	if (role == before)
		return;
	log_info("neo4j: %s, was %s", neo4j_role_name(role), neo4j_role_name(before));
	w->changed(w->arg);
}

static void poll_fire(struct loop_timer *t)
{
	struct neo4j_watch *w = container_of(t, struct neo4j_watch, poll);

	loop_timer_set(w->loop, &w->poll, POLL_MS);
	if (!http_client_busy(w->client))
		http_client_send(w->client, "GET", w->probe, "", "", TIMEOUT_MS, probe_done, w);
}

int neo4j_watch_open(struct neo4j_watch *w, struct loop *l, const struct identity *id,
	void (*changed)(void *arg), void *arg, struct err *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(NEO4J_PORT),
		.sin_addr = identity_self(id)->address};
	unsigned version = 0;

	if (id->neo4j[0] && neo4j_version_parse(id->neo4j, &version) < 0)
		return err_code(e, EXIT_CONFIG, "\"%s\" is no version of Neo4j", id->neo4j);
	*w = (struct neo4j_watch){.loop = l,
		.last_tx = TX_UNKNOWN,
		.mode = id->mode,
		.probe = neo4j_probe_path(id->mode, version),
		.changed = changed,
		.arg = arg};
	w->client = http_client_new(l, &to, BODY_MAX);
	if (!w->client)
		return err_set(e, "out of memory");
	loop_timer_init(&w->poll, poll_fire);
	loop_timer_set(l, &w->poll, 0);
	return 0;
}

void neo4j_watch_close(struct neo4j_watch *w)
{
	if (!w->loop)
		return;
	loop_timer_del(&w->poll);
	http_client_free(w->client);
}

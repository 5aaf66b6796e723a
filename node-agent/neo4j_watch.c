/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sodium.h>
#include <string.h>
#include "hello.h"
#include "log.h"
#include "neo4j_watch.h"

#define POLL_MS 1000
#define FAST_POLL_MS 100
/* It may be about to become something for so long: copying a store takes hours. */
#define FAST_FOR_MS 60000
#define TIMEOUT_MS 3000
#define BODY_MAX (64u << 10) /* the bean of three members is about 6 kB */

#define ACCEPT_JSON "Accept: application/json\r\n"

char *neo4j_watch_fields(const char *password)
{
	char plain[sizeof(NEO4J_USER ":") + NEO4J_PASSWORD_MAX];
	char base64[sodium_base64_ENCODED_LEN(sizeof(plain), sodium_base64_VARIANT_ORIGINAL)];

	if (!password)
		return xstrdup(ACCEPT_JSON);
	int n = snprintf(plain, sizeof(plain), "%s:%s", NEO4J_USER, password);
	sodium_bin2base64(base64, sizeof(base64), (const uint8_t *)plain, (size_t)n,
		sodium_base64_VARIANT_ORIGINAL);
	char *fields = xasprintf("%sAuthorization: Basic %s\r\n", ACCEPT_JSON, base64);
	sodium_memzero(plain, sizeof(plain));
	sodium_memzero(base64, sizeof(base64));
	return fields;
}

static void forget_fields(struct neo4j_watch *w)
{
	if (w->bean_fields)
		sodium_memzero(w->bean_fields, strlen(w->bean_fields));
	free(steal(&w->bean_fields));
}

static void set_master(struct neo4j_watch *w, unsigned master)
{
	if (master == w->master)
		return;
	w->master = master;
	w->changed_ms = boottime_ms();
	w->changed(w->arg);
}

static void bean_done(void *arg, const struct http_result *r)
{
	struct neo4j_watch *w = arg;

	/* A missed answer leaves the number as it is: it only grows, and the role tells the rest.
	 */
	if (r->status == 200) {
		struct neo4j_bean bean = neo4j_bean_parse(r->body);
		if (bean.last_tx != TX_UNKNOWN) {
			w->last_tx = bean.last_tx;
			w->tx_asked_ms = w->bean_asked_ms;
		}
		set_master(w, bean.master);
	}
	if (r->status != 401 && r->status != 403)
		return;
	log_warn("neo4j: refuses the password of neo4j.password: its last transaction and master "
		 "stay unknown; bramble passwd tells the agents another one");
	w->last_tx = TX_UNKNOWN;
	w->master = 0;
	w->refused = true;
	forget_fields(w);
}

const char *neo4j_watch_why(const struct neo4j_watch *w)
{
	return w->refused
		       ? "Neo4j refuses the agents' password: bramble passwd tells them another one"
		       : "";
}

static bool is_member(enum neo4j_role role)
{
	return role == NEO4J_MASTER || role == NEO4J_SLAVE;
}

static void ask_bean(struct neo4j_watch *w)
{
	w->bean_asked_ms = boottime_ms();
	http_client_send(
		w->client, "GET", NEO4J_HA_BEAN, w->bean_fields, "", TIMEOUT_MS, bean_done, w);
}

static void probe_done(void *arg, const struct http_result *r)
{
	struct neo4j_watch *w = arg;
	enum neo4j_role role = neo4j_role_of_probe(w->mode, r->status, r->body), before = w->role;

	w->role = role;
	if (role != before) {
		w->master = 0;
		w->last_tx = TX_UNKNOWN; /* a number of before may lack what it took since */
		w->changed_ms = boottime_ms();
	}
	if (!is_member(role))
		w->last_tx = TX_UNKNOWN;
	else if (w->bean_fields)
		ask_bean(w);
	if (role == before)
		return;
	log_info("neo4j: %s, was %s", neo4j_role_name(role), neo4j_role_name(before));
	w->changed(w->arg);
}

/* The others' leave to write waits for this node's word. */
static bool is_unsettled(const struct neo4j_watch *w)
{
	bool turning = w->role == NEO4J_UNKNOWN ||
		       (w->role == NEO4J_SLAVE && !w->master && w->bean_fields);

	return turning && boottime_ms() - w->changed_ms < FAST_FOR_MS;
}

static void poll_fire(struct loop_timer *t)
{
	struct neo4j_watch *w = container_of(t, struct neo4j_watch, poll);

	loop_timer_set(w->loop, &w->poll, is_unsettled(w) ? FAST_POLL_MS : POLL_MS);
	if (http_client_busy(w->client))
		return;
	w->asked_ms = boottime_ms();
	http_client_send(w->client, "GET", w->probe, "", "", TIMEOUT_MS, probe_done, w);
}

void neo4j_watch_now(struct neo4j_watch *w)
{
	int64_t ms = w->asked_ms + FAST_POLL_MS / 2 - boottime_ms();

	if (w->loop)
		loop_timer_set(w->loop, &w->poll, ms > 0 ? ms : 0);
}

int neo4j_watch_open(struct neo4j_watch *w, struct loop *l, const struct identity *id,
	struct in_addr address, const char *password, void (*changed)(void *arg), void *arg,
	struct err *e)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(NEO4J_PORT), .sin_addr = address};
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
	if (w->mode == NEO4J_HA)
		w->bean_fields = neo4j_watch_fields(password);
	loop_timer_init(&w->poll, poll_fire);
	loop_timer_set(l, &w->poll, 0);
	return 0;
}

void neo4j_watch_password(struct neo4j_watch *w, const char *password)
{
	/* What is under way has the one of before: its answer would be taken for this one's. */
	if (w->client)
		http_client_cancel(w->client);
	forget_fields(w);
	w->refused = false;
	if (w->mode == NEO4J_HA)
		w->bean_fields = neo4j_watch_fields(password);
}

void neo4j_watch_close(struct neo4j_watch *w)
{
	if (!w->loop)
		return;
	loop_timer_del(&w->poll);
	http_client_free(w->client);
	forget_fields(w);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <sodium.h>
#include <string.h>
#include "../neo4j_watch.h"
#include "log.h"
#include "write_probe.h"

#define COMMIT "/db/data/transaction/commit"
#define BODY_MAX (64u << 10)
/* Its own kind of errors (Neo4j Status Codes): the others are the client's, or pass. */
#define OWN_ERROR "Neo.DatabaseError."

static enum write_verdict judge_errors(const json_t *errors)
{
	const char *code = json_string_value(json_object_get(json_array_get(errors, 0), "code"));

	if (!json_is_array(errors))
		return WRITE_UNKNOWN;
	if (json_array_size(errors) == 0)
		return WRITE_GOOD;
	return code && strncmp(code, OWN_ERROR, strlen(OWN_ERROR)) == 0 ? WRITE_BAD : WRITE_UNKNOWN;
}

enum write_verdict write_probe_judge(unsigned status, struct slice body)
{
	if (status == 401 || status == 403)
		return WRITE_REFUSED;
	if (status == 0 || status == 500)
		return WRITE_BAD;
	if (status != 200 && status != 201)
		return WRITE_UNKNOWN;
	json_t *answer = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	enum write_verdict v = judge_errors(json_object_get(answer, "errors"));
	json_decref(answer);
	return v;
}

static void forget(struct write_probe *p)
{
	if (p->fields)
		sodium_memzero(p->fields, strlen(p->fields));
	free(steal(&p->fields));
	http_client_free(steal(&p->client));
}

static void give_up(struct write_probe *p, const struct http_result *r)
{
	int64_t now_ms = boottime_ms();

	p->bad = 0;
	if (p->gave_up_ms && now_ms - p->gave_up_ms < WRITE_PROBE_AGAIN_MS)
		return;
	p->gave_up = true;
	p->gave_up_ms = now_ms;
	log_error("neo4j: %d writes in a row failed: %s", WRITE_PROBE_BAD,
		r->status ? "by an error of its own" : r->why);
}

static void probe_done(void *arg, const struct http_result *r)
{
	struct write_probe *p = arg;
	enum write_verdict v = write_probe_judge(r->status, r->body);

	if (v == WRITE_REFUSED) {
		log_warn("neo4j: refuses the password of neo4j.password: no writes are probed "
			 "until bramble passwd tells another one");
		p->refused = true;
		p->bad = 0;
		return;
	}
	p->bad = v == WRITE_BAD ? p->bad + 1 : v == WRITE_GOOD ? 0 : p->bad;
	if (p->bad >= WRITE_PROBE_BAD)
		give_up(p, r);
}

int write_probe_open(struct write_probe *p, struct loop *l, const struct identity *id,
	struct in_addr address, const char *password, struct err *e)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(NEO4J_PORT), .sin_addr = address};

	*p = (struct write_probe){.node = identity_self(id)->name};
	if (!id->write_probe)
		return 0;
	p->client = http_client_new(l, &to, BODY_MAX);
	p->fields = neo4j_watch_fields(password);
	return p->client ? 0 : err_set(e, "out of memory");
}

void write_probe_close(struct write_probe *p)
{
	forget(p);
}

void write_probe_password(struct write_probe *p, const char *password)
{
	if (!p->client)
		return;
	http_client_cancel(p->client); /* one with the password of before */
	p->refused = false;
	sodium_memzero(p->fields, strlen(p->fields));
	free(p->fields);
	p->fields = neo4j_watch_fields(password);
}

static void send_write(struct write_probe *p)
{
	/* A node's name is an RFC 1123 label: nothing in it has a meaning to JSON. */
	_cleanup_free_ char *body =
		xasprintf("{\"statements\":[{\"statement\":\"MERGE (p:BrambleProbe {node: '%s'}) "
			  "SET p.written = timestamp()\"}]}",
			p->node);

	http_client_send(
		p->client, "POST", COMMIT, p->fields, body, WRITE_PROBE_TIMEOUT_MS, probe_done, p);
}

bool write_probe_step(struct write_probe *p, bool writable)
{
	int64_t now_ms = boottime_ms();
	bool gave_up = p->gave_up;

	p->gave_up = false;
	if (!p->client || p->refused)
		return false;
	if (!writable) {
		http_client_cancel(p->client);
		p->bad = 0;
		p->next_ms = now_ms + WRITE_PROBE_MS;
		return false;
	}
	if (!http_client_busy(p->client) && now_ms >= p->next_ms) {
		p->next_ms = now_ms + WRITE_PROBE_MS;
		send_write(p);
	}
	return gave_up;
}

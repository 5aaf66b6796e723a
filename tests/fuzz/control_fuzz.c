/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any message of somebody who has the secret (or took it from a card): through the sealed stream to
 * the verbs. What must hold: each request that is heard is answered at most once and at once, or
 * waits for something; only a good one reaches the helper; nothing is kept from one to the next.
 * What a verb says is taken here instead of by control.c, and the helper is not there.
 */
// use: node-agent/control/verbs.c node-agent/control/yield.c node-agent/control/rotate.c
// use: node-agent/control/drain_verb.c node-agent/drain.c
// use: node-agent/apply/offer.c node-agent/apply/shelf.c node-agent/apply/record.c
// use: node-agent/backup/backup.c node-agent/backup/pack_out.c node-agent/backup/unpack.c
// use: node-agent/leave.c
// use: node-agent/task/task.c node-agent/task/tasks.c node-agent/task/task_file.c
// use: node-agent/passwd/passwd.c node-agent/neo4j_watch.c node-agent/users/users_verb.c
// use: node-agent/users/account.c node-agent/users/account_json.c node-agent/users/account_file.c
// use: node-agent/task/task_verbs.c node-agent/marker.c node-agent/upgrade/install.c
// use: node-agent/secrets.c node-agent/voter.c node-agent/discover/whereabouts.c
// use: node-agent/store_at_rest.c node-agent/pin.c
// use: node-agent/memory.c node-agent/runtime.c node-agent/tx_log.c node-agent/hello.c
// use: node-agent/identity.c node-agent/node_state.c node-agent/peers.c
// use: node-agent/helper/helper_wire.c node-agent/quorum/decree.c
// use: node-agent/quorum/manifest.c node-agent/quorum/masters.c node-agent/quorum/propose.c
// use: node-agent/quorum/generation.c node-agent/quorum/quorum.c node-agent/quorum/seats.c
// use: node-agent/quorum/start.c node-agent/quorum/stores.c node-agent/quorum/wire.c
#include <stdarg.h>
#include "fuzz.h"
#include "node-agent/control/verbs.h"
#include "node-agent/helper/helper_client.h"
#include "talk.h"
#include "util.h"

static unsigned answers, asked;

/* --- what control.c does */

void call_progress(struct call *c, const char *fmt, ...)
{
	(void)c;
	must(fmt[0] && !answers);
}

void call_data(struct call *c, const void *p, size_t n)
{
	(void)c;
	must(p && n <= TALK_DATA_MAX && !answers);
}

void call_done(struct call *c, json_t *answer)
{
	(void)c;
	answers++;
	json_decref(answer);
}

void call_fail(struct call *c, enum call_code code, const char *fmt, ...)
{
	va_list ap;

	(void)c;
	answers++;
	va_start(ap, fmt);
	char *text = NULL;
	must(code <= CALL_FAILED && vasprintf(&text, fmt, ap) > 0);
	va_end(ap);
	free(text);
}

struct control *control_open(struct loop *l, const char *listen, const struct sealed_keys *keys,
	const struct verb *const *verbs, void *agent, struct err *e)
{
	(void)l, (void)listen, (void)keys, (void)verbs, (void)agent, (void)e;
	return NULL;
}

void control_close(struct control *c)
{
	(void)c;
}

void control_step(struct control *c)
{
	(void)c;
}

void control_set_keys(struct control *c, const struct sealed_keys *keys)
{
	(void)c, (void)keys;
}

/* --- what the helper's client does */

void helper_client_init(struct helper_client *c, struct loop *l, const char *path)
{
	*c = (struct helper_client){.loop = l, .path = path};
}

void helper_client_cancel(struct helper_client *c)
{
	(void)c;
}

void helper_ask(
	struct helper_client *c, const struct helper_request *r, helper_done_fn *done, void *arg)
{
	(void)c;
	must(helper_request_size(r) > 0);
	asked++;
	done(arg, 0, "a line\nand another\n");
}

void apply_look_again(struct apply *a)
{
	must(a != NULL);
}

/* --- a node, and what it is told */

static void fill(struct identity *id)
{
	static const char conf[] =
		"cluster { id = \"00112233445566778899aabbccddeeff\" name = \"garden\" generation "
		"= 1 }\n"
		"node { name = \"pi1\" }\n"
		"neo4j { version = \"3.5.0-beta03\" profile = \"3.x-ha\" }\n"
		"member \"pi1\" { id = 1 roles = {\"data\"} address = \"192.168.2.11\" }\n"
		"member \"pi2\" { id = 2 roles = {\"data\"} address = \"192.168.2.12\" }\n"
		"member \"pi3\" { id = 3 roles = {\"data\"} address = \"192.168.2.13\" }\n";
	struct err e;

	must(identity_load(fuzz_file((const uint8_t *)conf, sizeof(conf) - 1, 0), id, &e) == 0);
}

static const struct verb *find(const char *name)
{
	for (size_t i = 0; name && all_verbs[i]; i++) {
		if (strcmp(all_verbs[i]->name, name) == 0)
			return all_verbs[i];
	}
	return NULL;
}

static void serve(struct verbs *v, const json_t *request)
{
	const struct verb *verb = find(json_string_value(json_object_get(request, "verb")));
	struct call c = {.verb = verb, .agent = v};

	if (!verb)
		return;
	answers = asked = 0;
	verb->begin(&c, request);
	for (int i = 0; i < 10 && verb->more && !answers; i++)
		verb->more(&c);
	if (!answers && verb->tick)
		verb->tick(&c);
	bool waits = v->yield.phase != YIELD_NONE || v->backup.phase != BACKUP_NONE ||
		     (!answers && verb->data && c.own); /* for its file */
	must(answers + waits == 1 && asked <= 1);
	if (verb->end)
		verb->end(&c);
	v->yield = (struct yield){0};
}

/* The bytes as one message of a client, to a server. */
static void hear(struct verbs *v, const uint8_t *data, size_t size)
{
	static const struct sealed_keys keys = {1, {{{7}}}};
	struct talk pc, agent;
	struct talk_word w;
	struct err e;

	talk_begin(&pc, keys.key);
	talk_accept(&agent, &keys);
	buf_add(&agent.in, pc.out.data, pc.out.len);
	buf_consume(&pc.out, pc.out.len);
	must(talk_next(&agent, &w, &e) == 0);
	buf_add(&pc.in, agent.out.data, agent.out.len);
	must(talk_next(&pc, &w, &e) == 0 && pc.sealed.phase == SEALED_OPEN);
	sealed_write(&pc.sealed, data, size, &pc.out);
	buf_add(&agent.in, pc.out.data, pc.out.len);
	if (talk_next(&agent, &w, &e) > 0) {
		if (w.kind == TALK_JSON)
			serve(v, w.json);
		json_decref(w.json);
	}
	talk_end(&pc);
	talk_end(&agent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct identity id;
	static struct peers peers;
	static struct voter voter;
	struct pin pin = {0};
	struct apply apply = {.id = &id,
		.voter = &voter,
		.root = "/nonexistent",
		.shelf = {.dir = (char[]){"/nonexistent"}, .root = (char[]){"/nonexistent"}}};
	struct users users = {.enabled = true, .begun = true};
	struct marker marker = {0};
	struct tasks tasks = {.store = "/nonexistent", .begun = true, .marker = &marker};
	struct verbs v = {.id = &id,
		.pin = &pin,
		.voter = &voter,
		.peers = &peers,
		.tasks = &tasks,
		.users = &users,
		.apply = &apply,
		.root = "/nonexistent",
		.helper = ""};

	must(sodium_init() >= 0);
	if (!id.nmembers)
		fill(&id);
	voter_open(&voter, &id, "", "");
	voter.begun = true;
	quorum_begin(&voter.quorum, 1,
		&(struct manifest){.n = 3, .member = {{.id = 1}, {.id = 2}, {.id = 3}}},
		&(struct durable){.incarnation = 1}, 0);
	v.self.state = NODE_SERVING;
	hear(&v, data, size < SEALED_FIRST_MAX ? size : SEALED_FIRST_MAX);
	return 0;
}

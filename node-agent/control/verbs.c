/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include "buf.h"
#include "../passwd/passwd.h"
#include "log.h"
#include "verbs.h"

static struct verbs *verbs_of(struct call *c)
{
	return c->agent;
}

/* --- status */

static json_t *tx_json(uint64_t tx)
{
	return tx > INT64_MAX ? json_null() : json_integer((json_int_t)tx);
}

static void status_begin(struct call *c, const json_t *request)
{
	const struct verbs *v = verbs_of(c);
	const struct manifest *m = &v->voter->quorum.d.manifest;
	char id[2 * CLUSTER_ID_SIZE + 1];

	(void)request;
	hex_encode(id, v->id->cluster_id, CLUSTER_ID_SIZE);
	/* clang-format off */
	call_done(c, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:b, s:o, s:s}",
		"node", identity_self(v->id)->name,
		"cluster", v->id->cluster,
		"id", id,
		"version", BRAMBLE_VERSION,
		"generation", tx_json(v->id->generation),
		"decided", tx_json(v->apply->newest),
		"goal", tx_json(v->apply->goal),
		"stored", tx_json(v->apply->stored),
		"failed", tx_json(v->apply->rollout.trial.failed),
		"owed", tx_json(v->apply->rollout.trial.owed),
		"epoch", tx_json(m->epoch),
		"run", tx_json(m->run),
		"failed_why", v->apply->rollout.trial.why,
		"state", node_state_name(v->self.state),
		"neo4j", neo4j_role_name(v->self.role),
		"writable", v->self.writable,
		"last_tx", tx_json(v->self.last_tx),
		"why", v->self.why ? v->self.why : ""));
	/* clang-format on */
}

static const struct verb status_verb = {.name = "status", .silent = true, .begin = status_begin};

/* --- give-up, form-without */

struct names {
	const char *name[MEMBERS_MAX];
	size_t n;
};

/* The request's "nodes": strings, at least one. They live as long as the request. */
static int get_names(const json_t *request, struct names *to)
{
	const json_t *list = json_object_get(request, "nodes");

	to->n = json_array_size(list);
	if (!to->n || to->n > MEMBERS_MAX)
		return -1;
	for (size_t i = 0; i < to->n; i++) {
		to->name[i] = json_string_value(json_array_get(list, i));
		if (!to->name[i])
			return -1;
	}
	return 0;
}

/*
 * What was said to an agent that ends is forgotten: the client says it again each second, until it
 * hears that it is decided.
 */
static void give_up(struct call *c, const json_t *request, enum loss loss)
{
	const struct verbs *v = verbs_of(c);
	struct names names;
	struct err e;

	if (get_names(request, &names) < 0) {
		call_fail(c, CALL_BAD_REQUEST, "\"nodes\" must name 1 to %d nodes", MEMBERS_MAX);
		return;
	}
	bool decided = voter_has_given_up(v->voter, names.name, names.n);
	bool waits = !v->voter->begun && pin_believe(v->pin);
	if (!decided && !waits && voter_give_up(v->voter, loss, names.name, names.n, &e) < 0)
		call_fail(c, CALL_REFUSED, "%s", e.msg);
	else
		call_done(c, json_pack("{s:b, s:s}", "decided", decided, "why",
				     v->self.why ? v->self.why : ""));
}

static void give_up_begin(struct call *c, const json_t *request)
{
	give_up(c, request, LOSS_ACCEPTED);
}

static void form_without_begin(struct call *c, const json_t *request)
{
	give_up(c, request, LOSS_BEFORE_THE_FIRST_TIME);
}

static const struct verb give_up_verb = {.name = "give-up", .begin = give_up_begin};
static const struct verb form_without_verb = {.name = "form-without", .begin = form_without_begin};

/* --- logs */

#define PIECE 8192
#define END_MS 500

struct errand {
	struct helper_client helper;
	struct buf text; /* of a journal */
	size_t sent;
};

static void errand_end(struct call *c)
{
	struct errand *errand = c->own;

	if (!errand)
		return;
	helper_client_cancel(&errand->helper);
	buf_free(&errand->text);
	free(errand);
}

static void run_errand(struct call *c, const struct helper_request *r, helper_done_fn *done)
{
	const struct verbs *v = verbs_of(c);
	struct errand *errand = calloc(1, sizeof(*errand));

	if (!errand) {
		call_fail(c, CALL_FAILED, "out of memory");
		return;
	}
	c->own = errand;
	helper_client_init(&errand->helper, v->loop, v->helper);
	helper_ask(&errand->helper, r, done, c);
}

/* The agent is among the first to end: it answers before, and asks the helper a moment later. */
static void end_node(struct call *c, enum helper_verb verb)
{
	struct verbs *v = verbs_of(c);

	v->ends = verb;
	v->ends_ms = boottime_ms() + END_MS;
	call_done(c, NULL);
}

static void end_done(void *arg, int code, const char *text)
{
	(void)arg;
	if (code)
		log_error("bramble-helper: %s", text[0] ? text : strerror(code));
}

static void step_end(struct verbs *v)
{
	if (!v->ends_ms || boottime_ms() < v->ends_ms)
		return;
	v->ends_ms = 0;
	helper_ask(&v->ender, &(struct helper_request){.verb = v->ends}, end_done, v);
}

static void poweroff_begin(struct call *c, const json_t *request)
{
	(void)request;
	end_node(c, HELPER_POWEROFF);
}

static void reboot_begin(struct call *c, const json_t *request)
{
	(void)request;
	end_node(c, HELPER_REBOOT);
}

static const struct verb poweroff_verb = {.name = "poweroff", .begin = poweroff_begin};
static const struct verb reboot_verb = {.name = "reboot", .begin = reboot_begin};

static void logs_more(struct call *c)
{
	struct errand *errand = c->own;
	size_t n = errand->text.len - errand->sent;

	n = n < PIECE ? n : PIECE;
	if (!n) {
		call_done(c, NULL);
		return;
	}
	errand->sent += n;
	call_data(c, errand->text.data + errand->sent - n, n);
}

static void logs_done(void *arg, int code, const char *text)
{
	struct call *c = arg;
	struct errand *errand = c->own;

	buf_puts(&errand->text, text);
	if (code || !buf_ok(&errand->text))
		call_fail(c, CALL_FAILED, "bramble-helper: %s", text[0] ? text : strerror(code));
	else
		logs_more(c);
}

static void logs_begin(struct call *c, const json_t *request)
{
	const json_t *unit = json_object_get(request, "unit");
	const json_t *lines = json_object_get(request, "lines");
	json_int_t n = json_is_integer(lines) ? json_integer_value(lines) : 0;
	int number = json_is_string(unit) ? helper_unit_find(json_string_value(unit)) : -1;

	if (number < 0)
		call_fail(c, CALL_BAD_REQUEST, "no unit of bramble's by that name");
	else if (n < 1 || n > HELPER_LINES_MAX)
		call_fail(c, CALL_BAD_REQUEST, "1 to %d lines", HELPER_LINES_MAX);
	else
		run_errand(c,
			&(struct helper_request){.verb = HELPER_JOURNAL,
				.journal = {.unit = (uint32_t)number, .lines = (uint32_t)n}},
			logs_done);
}

static const struct verb logs_verb = {
	.name = "logs", .begin = logs_begin, .more = logs_more, .end = errand_end};

/* --- yield */

static const char *cannot_yield(const struct verbs *v, const struct member *to)
{
	if (!to || !(to->roles & ROLE_DATA))
		return "\"to\" is no data node of this cluster";
	if (!voter_votes(v->voter, to))
		return "\"to\" has no vote yet";
	if (to == identity_self(v->id))
		return "a node does not make way for itself";
	if (!v->voter->enabled || v->self.state != NODE_SERVING)
		return "this node's Neo4j does not serve, or is none of an HA cluster";
	if (v->yield.phase != YIELD_NONE && v->yield.to != to)
		return "it makes way for another one already";
	return NULL;
}

static void yield_verb_begin(struct call *c, const json_t *request)
{
	struct verbs *v = verbs_of(c);
	const char *name = json_string_value(json_object_get(request, "to"));
	const struct member *to = name ? identity_member(v->id, name) : NULL;
	const char *why = cannot_yield(v, to);

	if (why)
		call_fail(c, CALL_REFUSED, "%s", why);
	else
		yield_begin(&v->yield, to, boottime_ms());
}

/* Done when Neo4j has stopped; what comes then needs nobody. */
static void yield_tick(struct call *c)
{
	const struct yield *y = &verbs_of(c)->yield;

	if (y->phase == YIELD_NONE && y->why[0])
		call_fail(c, CALL_FAILED, "%s", y->why);
	else if (y->phase == YIELD_NONE || y->stopped)
		call_done(c, NULL);
	else
		call_progress(c,
			y->phase == YIELD_WAITS ? "waits until %s has everything"
						: "stops Neo4j, for %s to be elected",
			y->to->name);
}

static const struct verb yield_verb = {
	.name = "yield", .begin = yield_verb_begin, .tick = yield_tick};

/* --- all */

const struct verb *const all_verbs[] = {
	&status_verb,
	&give_up_verb,
	&form_without_verb,
	&logs_verb,
	&poweroff_verb,
	&reboot_verb,
	&yield_verb,
	&drain_verb,
	&rotate_verb,
	&backup_verb,
	&passwd_verb,
	&users_verb,
	&task_stage_verb,
	&task_call_verb,
	&task_back_verb,
	&task_status_verb,
	&offer_verb,
	&content_verb,
	&list_verb,
	&fetch_verb,
	&compare_verb,
	&text_verb,
	NULL,
};

int verbs_open(struct verbs *v, const char *listen, const struct sealed_keys *keys, struct err *e)
{
	helper_client_init(&v->ender, v->loop, v->helper);
	v->control = control_open(v->loop, listen, keys, all_verbs, v, e);
	return v->control ? 0 : -1;
}

void verbs_close(struct verbs *v)
{
	helper_client_cancel(&v->ender);
	control_close(v->control);
	v->control = NULL;
}

static void step_yield(struct verbs *v, bool process)
{
	enum yield_phase before = v->yield.phase;

	if (before == YIELD_NONE)
		return;
	const struct peer *to = peers_find(v->peers, v->yield.to);
	bool present = to && peer_present(to);
	struct yield_look look = {.now_ms = boottime_ms(),
		.master = v->self.role == NEO4J_MASTER,
		.last_tx = v->self.last_tx,
		.told_ms = boottime_ms() - v->self.tx_age_ms,
		.process = process,
		.to_present = present,
		.to_role = present ? to->last.role : NEO4J_DOWN,
		.to_tx = present ? to->last.last_tx : TX_UNKNOWN};
	yield_step(&v->yield, &look);
	if (v->yield.phase == YIELD_NONE && v->yield.why[0])
		log_warn("control: makes way no longer: %s", v->yield.why);
}

void verbs_step(struct verbs *v, const struct api_node *self, bool process)
{
	v->self = *self;
	v->process = process;
	step_yield(v, process);
	drain_verb_step(v);
	backup_step(&v->backup);
	step_end(v);
	control_step(v->control);
}

const char *verbs_rest(const struct verbs *v)
{
	if (yield_rests(&v->yield))
		return "makes way for another master, as it was told";
	if (backup_rests(&v->backup))
		return "rests while its store is backed up";
	return v->tasks->why;
}

const char *verbs_closed(const struct verbs *v)
{
	if (yield_is_closed(&v->yield))
		return "makes way for another master: takes no more writes";
	if (drain_is_closed(&v->tasks->drain))
		return "all are to rest: takes no more writes";
	return drain_is_closed(&v->drain) ? "is to be powered off: takes no more writes" : "";
}

bool verbs_shut(const struct verbs *v)
{
	return yield_is_shut(&v->yield) || drain_is_shut(&v->tasks->drain) ||
	       drain_is_shut(&v->drain);
}

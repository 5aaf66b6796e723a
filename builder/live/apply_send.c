/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A generation on its way: to one voter, then it is only watched. */
#include <string.h>
#include "apply.h"
#include "cmd.h"

#define LOOK_AGAIN_MS 1000

/* The list with the numbers the folder has now, which nobody else will give again. */
static int stamp(struct apply *a, struct err *e)
{
	struct state s;

	if (state_stamp(a->remote.cluster, a->state.generation, &s, e) < 0)
		return -1;
	bool same = s.generation == a->state.generation && strcmp(s.built, a->state.built) == 0;
	sodium_memzero(&s, sizeof(s));
	return same ? 0
		    : err_code(e, EXIT_BUSY,
			      "%s: somebody else builds or applies it at this moment; try again",
			      a->remote.cluster->path);
}

/* --- giving it */

static int give_content(
	const struct apply *a, const struct node *n, const char *digest, struct err *e)
{
	const struct rendered_file *f = rendering_find(&a->r, digest);

	if (!f)
		return err_set(e, "%s: asks for what is not in it", n->name);
	const struct remote_file file = {
		.bytes = f->source ? NULL : buf_str(&f->bytes), .path = f->source, .size = f->size};
	json_t *request = json_pack("{s:s, s:s, s:I}", "verb", "content", "digest", digest, "size",
		(json_int_t)f->size);
	return remote_give(&a->remote, n, request, &file, NULL, e);
}

static int give_missing(
	const struct apply *a, const struct node *n, const json_t *missing, struct err *e)
{
	for (size_t i = 0; i < json_array_size(missing); i++) {
		const char *digest =
			json_string_value(json_object_get(json_array_get(missing, i), "digest"));
		if (give_content(a, n, digest ? digest : "", e) < 0)
			return -1;
	}
	return 0;
}

/* Until it has all of it. */
static int give_all(const struct apply *a, const struct node *n, struct err *e)
{
	const struct remote_file list = {.bytes = a->sealed.data, .size = a->sealed.len};

	for (;;) {
		_cleanup_json_ json_t *answer = NULL;
		json_t *request =
			json_pack("{s:s, s:I}", "verb", "offer", "size", (json_int_t)a->sealed.len);
		if (remote_give(&a->remote, n, request, &list, &answer, e) < 0)
			return -1;
		const json_t *missing = json_object_get(answer, "missing");
		if (json_array_size(missing) == 0)
			return 0;
		if (give_missing(a, n, missing, e) < 0)
			return -1;
	}
}

static int give_node(const struct apply *a, size_t i, struct err *e)
{
	const struct node *n = &a->remote.cluster->nodes[i];

	if (give_all(a, n, e) < 0)
		return -1;
	printf("%s: has generation %u; the nodes go on by themselves\n", n->name,
		a->state.generation);
	fflush(stdout);
	return 0;
}

static bool may_be_given(const struct apply *a, size_t i)
{
	return a->nodes[i].reached && apply_is_member(a, a->remote.cluster->nodes[i].name);
}

/* One whose answer was lost may have this very list, and is why the next one is busy. */
static int give_again(const struct apply *a, size_t before)
{
	struct err none;

	for (size_t i = 0; i < before; i++) {
		if (may_be_given(a, i) && give_node(a, i, &none) == 0)
			return 0;
	}
	return -1;
}

static int give_somebody(const struct apply *a, struct err *e)
{
	for (size_t i = 0; i < a->remote.cluster->nnodes; i++) {
		if (!may_be_given(a, i))
			continue;
		if (give_node(a, i, e) == 0)
			return 0;
		/* This one must not get to a node that has not heard of the other one yet. */
		if (interrupted || e->code == EXIT_BUSY)
			return interrupted ? -1 : give_again(a, i);
	}
	return -1;
}

/* --- watching it */

struct watch {
	char said[CLUSTER_MAX_NODES][256];
	bool withdrawn;
	char why[256];
};

static void say(struct watch *w, size_t i, const struct node *n, const char *text)
{
	if (strcmp(w->said[i], text) == 0)
		return;
	snprintf(w->said[i], sizeof(w->said[i]), "%s", text);
	printf("%s: %s\n", n->name, text);
	fflush(stdout);
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static void take_status(
	const struct apply *a, struct watch *w, size_t i, const json_t *s, bool *runs)
{
	const struct node *n = &a->remote.cluster->nodes[i];
	const char *why = text_of(s, "why"), *state = text_of(s, "state");
	json_int_t mine = (json_int_t)a->state.generation;
	char text[256];

	*runs = number(s, "generation") == mine &&
		(strcmp(state, "serving") == 0 || strcmp(state, "idle") == 0);
	w->withdrawn |= number(s, "decided") == mine && number(s, "goal") != mine &&
			(n->roles & (ROLE_DATA | ROLE_ARBITER));
	snprintf(text, sizeof(text), "%s%s%s",
		*runs                             ? "runs it"
		: number(s, "generation") == mine ? "tries it"
		: number(s, "decided") == mine    ? "is to run it"
						  : "waits for a majority to have it",
		*why ? "; " : "", why);
	if (number(s, "failed") == mine)
		snprintf(w->why, sizeof(w->why), "%s: %s", n->name, text_of(s, "failed_why"));
	say(w, i, n, text);
}

/* 1: all that were there run it; 0: not yet. */
static int look(const struct apply *a, struct watch *w, struct err *e)
{
	const struct cluster *c = a->remote.cluster;
	bool all = true;

	for (size_t i = 0; i < c->nnodes; i++) {
		_cleanup_json_ json_t *s = NULL;
		struct err no;
		bool runs = false;
		if (!a->nodes[i].reached)
			continue;
		if (remote_ask(&a->remote, &c->nodes[i], json_pack("{s:s}", "verb", "status"), NULL,
			    &s, NULL, &no) == 0)
			take_status(a, w, i, s, &runs);
		if (interrupted)
			return check_interrupted(e);
		all &= runs;
	}
	return all;
}

static int withdrawn(const struct apply *a, const struct watch *w, struct err *e)
{
	struct err trouble;

	if (state_withdraw(a->remote.cluster, a->state.generation, &trouble) < 0)
		fprintf(stderr, "bramble: %s\n", trouble.msg);
	return err_set(e, "generation %u was withdrawn, the nodes keep what they had: %s",
		a->state.generation, w->why[0] ? w->why : "bramble status says why");
}

static int watch(const struct apply *a, struct err *e)
{
	_cleanup_free_ struct watch *w = xcalloc(1, sizeof(*w));

	for (;;) {
		int all = look(a, w, e);
		if (all > 0)
			return 0;
		if (all < 0 || remote_pause(LOOK_AGAIN_MS, e) < 0)
			return err_prefix(e, "the nodes go on by themselves");
		if (w->withdrawn)
			return withdrawn(a, w, e);
	}
}

int apply_send(struct apply *a, struct err *e)
{
	if (stamp(a, e) < 0 || give_somebody(a, e) < 0 || watch(a, e) < 0)
		return -1;
	printf("all nodes that were there run generation %u\n", a->state.generation);
	return 0;
}

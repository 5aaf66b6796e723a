/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A change of the cluster's secret, one step of it: secrets.h. The helper writes the file. */
#include <string.h>
#include "../secrets.h"
#include "verbs.h"

static const char *const step_names[] = {
	[SECRETS_ACCEPT] = "accept",
	[SECRETS_USE] = "use",
	[SECRETS_ONLY] = "only",
};

/* Takes what is in the file. */
static void take_keys(struct call *c)
{
	struct verbs *v = c->agent;
	_cleanup_keys_ struct keys keys = {0};
	struct err e;

	if (keys_load(v->root, v->id, &keys, &e) < 0) {
		call_fail(c, CALL_FAILED, "%s", e.msg);
		return;
	}
	peers_set_keys(v->peers, &keys.hello);
	control_set_keys(v->control, &keys.control);
	call_done(c, NULL);
}

static void written(void *arg, int code, const char *text)
{
	struct call *c = arg;

	if (code)
		call_fail(c, CALL_FAILED, "bramble-helper: %s", text[0] ? text : strerror(code));
	else
		take_keys(c);
}

static void write_secrets(struct call *c, const struct secrets *s)
{
	const struct verbs *v = c->agent;
	struct helper_request *r = calloc(1, sizeof(*r));
	struct helper_client *helper = calloc(1, sizeof(*helper));

	c->own = helper;
	if (!r || !helper) {
		free(r);
		call_fail(c, CALL_FAILED, "out of memory");
		return;
	}
	r->verb = HELPER_WRITE;
	r->file.name = HELPER_SECRET;
	secrets_text(s, r->file.bytes);
	r->file.size = (uint32_t)strlen(r->file.bytes);
	helper_client_init(helper, v->loop, v->helper);
	helper_ask(helper, r, written, c);
	sodium_memzero(r, sizeof(*r));
	free(r);
}

static int find_step(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(step_names); i++) {
		if (strcmp(step_names[i], name) == 0)
			return (int)i;
	}
	return -1;
}

static void rotate_begin(struct call *c, const json_t *request)
{
	const struct verbs *v = c->agent;
	const char *hex = json_string_value(json_object_get(request, "secret"));
	int step = find_step(json_string_value(json_object_get(request, "step")));
	_cleanup_secrets_ struct secrets s = {0};
	uint8_t new[SECRET_SIZE];
	struct err e;

	if (step < 0 || !hex || hex_decode(new, sizeof(new), hex) < 0) {
		call_fail(c, CALL_BAD_REQUEST, "\"secret\" or \"step\" make no sense");
		return;
	}
	int r = secrets_load(v->root, &s, &e);
	if (r == 0)
		r = secrets_change(&s, (enum secrets_step)step, new, &e);
	sodium_memzero(new, sizeof(new));
	if (r < 0)
		call_fail(c, CALL_REFUSED, "%s", e.msg);
	else if (r == 0)
		take_keys(c); /* an agent that ended in between may not have done it */
	else
		write_secrets(c, &s);
}

static void rotate_end(struct call *c)
{
	struct helper_client *helper = c->own;

	if (helper)
		helper_client_cancel(helper);
	free(helper);
}

const struct verb rotate_verb = {.name = "rotate", .begin = rotate_begin, .end = rotate_end};

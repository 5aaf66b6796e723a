/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Takes a generation from another member, by the control protocol: `bramble-agent pull`, a child of
 * the agent's, so that it may wait for network and card. What it has got stays when it is ended.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "../agent.h"
#include "../secrets.h"
#include "net.h"
#include "shelf.h"
#include "talk_line.h"

#define WAIT_MS 20000

static int receive(struct talk_line *l, struct err *e)
{
	int got = talk_line_receive(l, WAIT_MS);

	if (got < 0)
		return err_errno(e, "gives no answer");
	return got > 0 ? 0 : err_set(e, "hung up");
}

static bool is_open(const struct talk_line *l)
{
	return l->talk.sealed.phase == SEALED_OPEN;
}

static int open_line(
	struct talk_line *l, const char *where, const struct sealed_key *key, struct err *e)
{
	struct sockaddr_in to;
	struct talk_word w;

	*l = (struct talk_line){.fd = -1};
	if (parse_inet(where, &to) < 0)
		return err_set(e, "no A.B.C.D:PORT");
	l->fd = net_connect(&to);
	if (l->fd < 0 || talk_line_wait(l->fd, POLLOUT, WAIT_MS) < 0)
		return err_errno(e, "cannot be reached");
	errno = net_error(l->fd);
	if (errno)
		return err_errno(e, "cannot be reached");
	talk_begin(&l->talk, SEALED_CLIENT, key, 1);
	while (!is_open(l)) {
		if (talk_line_send(l, WAIT_MS) < 0)
			return err_errno(e, "cannot be told anything");
		if (receive(l, e) < 0 || talk_next(&l->talk, &w, e) < 0)
			return -1;
	}
	return 0;
}

/* What comes before the answer. */
typedef int data_fn(void *arg, const char *p, size_t n, struct err *e);

static int take_answer(json_t *json, struct err *e)
{
	_cleanup_json_ json_t *mine = json;
	const char *why = json_string_value(json_object_get(json, "error"));

	if (json_is_true(json_object_get(mine, "ok")))
		return 0;
	return err_set(e, "%.300s", why ? why : "it says no");
}

static int hear(struct talk_line *l, data_fn *data, void *arg, struct err *e)
{
	struct talk_word w;
	int r;

	for (;;) {
		while ((r = talk_next(&l->talk, &w, e)) > 0) {
			if (w.kind == TALK_JSON && json_object_get(w.json, "ok"))
				return take_answer(w.json, e);
			json_decref(w.json);
			if (w.kind == TALK_DATA && data(arg, w.data, w.n, e) < 0)
				return -1;
		}
		if (r < 0 || receive(l, e) < 0)
			return -1;
	}
}

struct pull {
	const struct agent_options *o;
	struct identity id;
	struct keys keys;
	struct shelf shelf;
};

static int ask(const struct pull *p, json_t *request, data_fn *data, void *arg, struct err *e)
{
	_cleanup_json_ json_t *mine = request;
	_cleanup_talk_line_ struct talk_line l = {.fd = -1};

	if (open_line(&l, p->o->from, p->keys.control, e) < 0)
		return err_prefix(e, "%s", p->o->from);
	talk_json(&l.talk, json_incref(mine));
	if (talk_line_send(&l, WAIT_MS) < 0)
		return err_errno(e, "%s", p->o->from);
	return hear(&l, data, arg, e) < 0 ? err_prefix(e, "%s", p->o->from) : 0;
}

static int take_list(void *arg, const char *bytes, size_t n, struct err *e)
{
	struct buf *sealed = arg;

	if (sealed->len + n > GENERATION_LIST_MAX)
		return err_set(e, "too long a list");
	buf_add(sealed, bytes, n);
	return buf_ok(sealed) ? 0 : err_set(e, "out of memory");
}

static int take_content(void *arg, const char *bytes, size_t n, struct err *e)
{
	return shelf_add(arg, bytes, n, e);
}

static int get_content(const struct pull *p, const json_t *what, struct err *e)
{
	const char *digest = json_string_value(json_object_get(what, "digest"));
	json_int_t size = json_integer_value(json_object_get(what, "size"));
	struct shelf_writer w;

	int rc = shelf_begin(&w, &p->shelf, digest ? digest : "", (uint64_t)size, e);
	if (rc == 0)
		rc = ask(p, json_pack("{s:s, s:s}", "verb", "fetch", "digest", digest),
			take_content, &w, e);
	if (rc == 0)
		return shelf_end(&w, e);
	shelf_abandon(&w);
	return -1;
}

static int get_contents(const struct pull *p, const struct generation *g, struct err *e)
{
	_cleanup_json_ json_t *missing = shelf_missing(&p->shelf, g, SIZE_MAX);

	for (size_t i = 0; i < json_array_size(missing); i++) {
		if (get_content(p, json_array_get(missing, i), e) < 0)
			return -1;
	}
	return 0;
}

static int get_generation(const struct pull *p, uint64_t number, struct err *e)
{
	_cleanup_generation_ struct generation g = {0};
	_cleanup_buf_ struct buf sealed = {0};

	if (ask(p, json_pack("{s:s, s:I}", "verb", "list", "generation", (json_int_t)number),
		    take_list, &sealed, e) < 0)
		return -1;
	if (shelf_check(&p->shelf, &p->id, &sealed, &g, e) < 0)
		return err_prefix(e, "%s", p->o->from);
	if (g.number != number)
		return err_set(e, "%s: gives another generation", p->o->from);
	if (get_contents(p, &g, e) < 0)
		return -1;
	return shelf_keep(&p->shelf, &g, &sealed, e);
}

int agent_pull(const struct agent_options *o, struct err *e)
{
	static struct pull p; /* too large for the stack */
	uint64_t number = strtoull(o->generation, NULL, 10);

	p.o = o;
	if (!number)
		return err_code(e, EXIT_USAGE, "pull: --from and --generation are needed");
	if (identity_load_root(o->root, &p.id, e) < 0 || keys_load(o->root, &p.id, &p.keys, e) < 0)
		return -1;
	_cleanup_free_ char *dir = shelf_dir(o->root, &p.id);
	bool has_p3 = identity_self(&p.id)->roles & ROLE_VOTER;
	shelf_open(&p.shelf, o->root, dir, has_p3 ? NULL : identity_self(&p.id)->name);
	int rc = get_generation(&p, number, e);
	shelf_close(&p.shelf);
	keys_wipe(&p.keys);
	return rc;
}

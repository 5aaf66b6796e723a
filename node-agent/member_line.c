/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "member_line.h"
#include <errno.h>
#include <poll.h>
#include "net.h"
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
	talk_begin(&l->talk, key);
	while (!is_open(l)) {
		if (talk_line_send(l, WAIT_MS) < 0)
			return err_errno(e, "cannot be told anything");
		if (receive(l, e) < 0 || talk_next(&l->talk, &w, e) < 0)
			return -1;
	}
	return 0;
}

static int take_answer(json_t *json, struct err *e)
{
	_cleanup_json_ json_t *mine = json;
	const char *why = json_string_value(json_object_get(json, "error"));

	if (json_is_true(json_object_get(mine, "ok")))
		return 0;
	return err_set(e, "%.300s", why ? why : "it says no");
}

static int hear(struct talk_line *l, member_data_fn *data, void *arg, struct err *e)
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

int member_ask(const char *where, const struct sealed_key *key, json_t *request,
	member_data_fn *data, void *arg, struct err *e)
{
	_cleanup_json_ json_t *mine = request;
	_cleanup_talk_line_ struct talk_line l = {.fd = -1};

	if (open_line(&l, where, key, e) < 0)
		return err_prefix(e, "%s", where);
	talk_json(&l.talk, json_incref(mine));
	if (talk_line_send(&l, WAIT_MS) < 0)
		return err_errno(e, "%s", where);
	return hear(&l, data, arg, e) < 0 ? err_prefix(e, "%s", where) : 0;
}

int member_collect(void *arg, const char *p, size_t n, struct err *e)
{
	const struct member_text *t = arg;

	if (t->to->len + n > t->max)
		return err_set(e, "%s", t->over);
	buf_add(t->to, p, n);
	return buf_ok(t->to) ? 0 : err_set(e, "out of memory");
}

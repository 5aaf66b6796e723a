/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ask.h"
#include "http_client.h"
#include "view.h"

#define ASK_MS 5000

/* One question and what came of it. */
struct ask {
	struct loop *loop;
	const char *where; /* for errors */
	struct buf *body;
	struct err *e;
	int rc;
};

static void answered(void *arg, const struct http_result *r)
{
	struct ask *a = arg;

	loop_stop(a->loop);
	if (r->status == 200) {
		buf_add(a->body, r->body.p, r->body.n);
		a->rc = 0;
	} else if (r->status) {
		a->rc = err_set(a->e, "%s: answers %u for %s: is this a bramble agent?", a->where,
			r->status, VIEW_PATH);
	} else {
		a->rc = err_set(a->e, "no agent answers at %s: %s", a->where, r->why);
	}
}

int ask_agent(const struct sockaddr_in *to, const char *where, struct buf *body, struct err *e)
{
	struct loop *loop = loop_new(e);
	struct ask a = {.loop = loop, .where = where, .body = body, .e = e, .rc = -1};

	if (!loop)
		return -1;
	struct http_client *c = http_client_new(loop, to, VIEW_MAX_BODY);
	if (c) {
		http_client_send(c, "GET", VIEW_PATH, "", "", ASK_MS, answered, &a);
		if (loop_run(loop, e) < 0)
			a.rc = -1;
		http_client_free(c);
	} else {
		err_set(e, "%s: out of memory", where);
	}
	loop_free(loop);
	return a.rc;
}

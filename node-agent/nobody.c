/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <unistd.h>
#include "banner.h"
#include "boot_word.h"
#include "http_server.h"
#include "identical.h"
#include "log.h"
#include "nobody.h"
#include "notify.h"
#include "util.h"

#define API_CONNECTIONS 16
#define LOOK_MS 2000

struct nobody {
	const struct agent_options *o;
	struct loop *loop;
	struct http_server *http;
	struct banner banner;
	char *helper;
	char why[BOOT_WORD_SIZE];
	struct loop_timer look, watchdog;
};

static bool is_there(const char *root, const char *path)
{
	_cleanup_free_ char *whole = xasprintf("%s%s", root, path);

	return access(whole, F_OK) == 0;
}

bool nobody_is(const struct agent_options *o)
{
	return !is_there(o->root, "/etc/bramble/node.conf") && is_there(o->root, IDENTICAL_DIR);
}

static void answer(void *arg, const struct http_head *h, struct http_answer *a)
{
	const struct nobody *n = arg;

	buf_puts(&a->fields, "Cache-Control: no-store\r\n");
	if (slice_eq(h->target, "/liveness")) {
		buf_puts(&a->body, "alive\n");
		return;
	}
	a->status = 503;
	buf_printf(&a->body, "held: %s\n", n->why);
}

/* The unit may be at it still, and is started again by hand. */
static void look(struct nobody *n)
{
	char why[BOOT_WORD_SIZE];

	if (!boot_word_get(n->o->root, BOOT_WORD_ASSIGN, why))
		snprintf(why, sizeof(why), "which node this card is has not been settled yet");
	if (strcmp(why, n->why) != 0)
		log_error("this card is no node yet: %s", why);
	memcpy(n->why, why, sizeof(why));
	notify_status("no node yet: %s", n->why);
	banner_set(&n->banner, "this card is no node yet", n->why);
}

static void look_fire(struct loop_timer *t)
{
	struct nobody *n = container_of(t, struct nobody, look);

	if (!nobody_is(n->o)) {
		loop_stop(n->loop);
		return;
	}
	look(n);
	loop_timer_set(n->loop, t, LOOK_MS);
}

static void watchdog_fire(struct loop_timer *t)
{
	struct nobody *n = container_of(t, struct nobody, watchdog);

	notify_watchdog();
	loop_timer_set(n->loop, t, notify_watchdog_interval_ms());
}

static void on_term(void *arg, int signo)
{
	struct nobody *n = arg;

	(void)signo;
	loop_stop(n->loop);
}

static void close_nobody(struct nobody **np)
{
	struct nobody *n = *np;

	if (n->loop) {
		http_server_free(n->http);
		banner_close(&n->banner);
		loop_timer_del(&n->look);
		loop_timer_del(&n->watchdog);
	}
	loop_free(n->loop);
	free(n->helper);
	free(n);
}

static int open_nobody(struct nobody *n, struct err *e)
{
	loop_timer_init(&n->look, look_fire);
	loop_timer_init(&n->watchdog, watchdog_fire);
	n->helper = xasprintf("%s/run/bramble-helper", n->o->root);
	n->loop = loop_new(e);
	if (!n->loop || loop_signal(n->loop, SIGTERM, on_term, n, e) < 0 ||
		loop_signal(n->loop, SIGINT, on_term, n, e) < 0)
		return -1;
	banner_open(&n->banner, n->loop, n->helper);
	n->http = http_server_new(n->loop, n->o->http, API_CONNECTIONS, answer, n, e);
	return n->http ? 0 : -1;
}

int nobody_run(const struct agent_options *o, struct err *e)
{
	_cleanup_(close_nobody) struct nobody *n = xcalloc(1, sizeof(*n));

	n->o = o;
	if (open_nobody(n, e) < 0)
		return -1;
	look(n);
	loop_timer_set(n->loop, &n->look, LOOK_MS);
	if (notify_watchdog_interval_ms())
		loop_timer_set(n->loop, &n->watchdog, 0);
	notify_ready();
	int r = loop_run(n->loop, e);
	notify_stopping();
	return r;
}

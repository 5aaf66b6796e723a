/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "log.h"
#include "service.h"
#include "util.h"

#define UNIT "neo4j.service"

struct active_state {
	const char *name;
	enum service_state state;
};

/* systemd's ActiveState. While a unit comes or goes it may have a process: that is running. */
static const struct active_state active_states[] = {
	{"active", SERVICE_RUNNING},
	{"reloading", SERVICE_RUNNING},
	{"activating", SERVICE_RUNNING},
	{"deactivating", SERVICE_RUNNING},
	{"inactive", SERVICE_STOPPED},
	{"failed", SERVICE_STOPPED},
};

static enum service_state state_of(const char *value, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(active_states); i++) {
		const char *name = active_states[i].name;
		if (strlen(name) == n && memcmp(name, value, n) == 0)
			return active_states[i].state;
	}
	return SERVICE_UNKNOWN;
}

enum service_state service_parse(const char *show, long *main_pid, bool *failed)
{
	static const char active[] = "ActiveState=", pid[] = "MainPID=";
	enum service_state state = SERVICE_UNKNOWN;

	*main_pid = 0;
	*failed = false;
	for (const char *line = show; *line; line += strspn(line, "\n")) {
		size_t n = strcspn(line, "\n");
		if (str_starts(line, active)) {
			state = state_of(line + strlen(active), n - strlen(active));
			*failed = str_starts(line + strlen(active), "failed");
		} else if (str_starts(line, pid))
			*main_pid = atol(line + strlen(pid));
		line += n;
	}
	return state;
}

struct action {
	const char *what; /* for the log; NULL: nothing worth a line */
	enum helper_verb verb;
};

static const struct action actions[] = {
	[SERVICE_SHOW] = {NULL, HELPER_NEO4J_SHOW},
	[SERVICE_START] = {"start", HELPER_NEO4J_START},
	[SERVICE_STOP] = {"stop", HELPER_NEO4J_STOP},
	[SERVICE_KILL] = {"kill", HELPER_NEO4J_KILL},
};

static void on_answer(void *arg, int code, const char *text);

static void run_action(struct service *s, enum service_action action)
{
	const struct action *a = &actions[action];

	if (action == SERVICE_SHOW)
		loop_timer_set(s->loop, &s->poll, POLL_MS);
	else
		log_info("%s: %s", UNIT, a->what);
	if (action == SERVICE_START)
		s->ending = SERVICE_SHOW;
	s->doing = action;
	helper_ask(&s->helper, &(struct helper_request){.verb = a->verb}, on_answer, s);
}

/* One at a time; what ends it outweighs a start that had to wait. */
static void want(struct service *s, enum service_action action)
{
	if (!helper_client_busy(&s->helper))
		run_action(s, action);
	else if (s->doing != action && s->wanted < action)
		s->wanted = action;
}

static void take_show(struct service *s, int code, const char *text)
{
	enum service_state before = s->state;
	bool failed = false;

	s->state = code ? SERVICE_UNKNOWN : service_parse(text, &s->main_pid, &failed);
	if (code && !s->silent)
		log_error("%s: how it is cannot be learned: %s", UNIT, text);
	s->silent = code != 0;
	s->answered |= !code;
	if (s->state == SERVICE_RUNNING && before != s->state)
		log_info("%s: runs, main process %ld", UNIT, s->main_pid);
	else if (before == SERVICE_RUNNING && s->state == SERVICE_STOPPED)
		log_warn("%s: ended", UNIT);
	if (s->state == SERVICE_STOPPED)
		s->ending = SERVICE_SHOW;
}

/* What is over need not be ended: the next start would have to wait for it. */
static bool is_idle_word(const struct service *s, enum service_action next)
{
	return s->state == SERVICE_STOPPED && (next == SERVICE_STOP || next == SERVICE_KILL);
}

/* After each thing done it is looked at, at once. */
static void on_answer(void *arg, int code, const char *text)
{
	struct service *s = arg;
	enum service_action done = s->doing, next = s->wanted;

	s->wanted = SERVICE_SHOW;
	if (done == SERVICE_SHOW)
		take_show(s, code, text);
	else if (code)
		log_error("%s: could not %s it: %s", UNIT, actions[done].what, text);
	if (done == SERVICE_SHOW && is_idle_word(s, next))
		next = SERVICE_SHOW;
	if (next != SERVICE_SHOW || done != SERVICE_SHOW)
		run_action(s, next);
	s->changed(s->arg);
}

static void poll_fire(struct loop_timer *t)
{
	struct service *s = container_of(t, struct service, poll);

	/* The helper may be busy now: that must not have been the last time. */
	loop_timer_set(s->loop, &s->poll, POLL_MS);
	service_poll_now(s);
}

void service_watch(struct service *s, struct loop *l, const char *helper,
	void (*changed)(void *arg), void *arg)
{
	*s = (struct service){.loop = l, .changed = changed, .arg = arg};
	helper_client_init(&s->helper, l, helper);
	loop_timer_init(&s->poll, poll_fire);
	loop_timer_set(l, &s->poll, 0);
}

void service_close(struct service *s)
{
	if (!s->loop)
		return;
	loop_timer_del(&s->poll);
	helper_client_cancel(&s->helper);
}

void service_start(struct service *s)
{
	want(s, SERVICE_START);
}

/* Whoever decides says so at every look, also at those that follow from the word itself. */
static void end(struct service *s, enum service_action how)
{
	int64_t now_ms = boottime_ms();

	if (s->ending == how && now_ms - s->ending_ms < ENDING_AGAIN_MS)
		return;
	s->ending = how;
	s->ending_ms = now_ms;
	want(s, how);
}

void service_stop(struct service *s)
{
	end(s, SERVICE_STOP);
}

void service_kill(struct service *s)
{
	end(s, SERVICE_KILL);
}

void service_poll_now(struct service *s)
{
	if (!helper_client_busy(&s->helper))
		run_action(s, SERVICE_SHOW);
}

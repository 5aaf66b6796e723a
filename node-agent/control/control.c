/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include "control.h"
#include "log.h"
#include "net.h"
#include "talk.h"

#define LINGER_MS 2000
#define FULL (64u << 10) /* so much that has not left: nothing more is read */

enum session_state {
	SESSION_NEW,    /* no request yet */
	SESSION_CALL,   /* a verb is at work */
	SESSION_OVER,   /* the answer leaves */
	SESSION_LINGERS /* it has left; waits for the client to hang up, that no byte is lost */
};

struct session {
	struct control *control; /* NULL: the place is free */
	enum session_state state;
	uint64_t number; /* grows with each connection */
	struct loop_source source;
	struct loop_timer timer;
	struct talk talk;
	struct call call;
	bool streams; /* call_data was used since `more` was called */
	char from[NET_ADDRESS_MAX];
};

struct control {
	struct loop_source source;
	struct loop *loop;
	struct sealed_keys keys;
	const struct verb *const *verbs;
	void *agent;
	uint64_t accepted;
	struct control_counts counts;
	struct session sessions[CONTROL_SESSIONS];
};

/* --- the end of a session */

static void end_call(struct session *s)
{
	const struct verb *verb = s->call.verb;

	s->call.verb = NULL;
	if (verb && verb->end)
		verb->end(&s->call);
	s->call.own = NULL;
}

static void session_close(struct session *s)
{
	end_call(s);
	loop_timer_del(&s->timer);
	loop_del(&s->source);
	close(s->source.fd);
	talk_end(&s->talk);
	s->control = NULL;
}

static void drop(struct session *s, uint64_t *count)
{
	++*count;
	session_close(s);
}

static void timer_fire(struct loop_timer *t)
{
	struct session *s = container_of(t, struct session, timer);

	if (s->state == SESSION_LINGERS)
		session_close(s);
	else
		drop(s, &s->control->counts.late);
}

/* Something moved. Not before the request: no stranger can stretch its time byte by byte. */
static void is_alive(struct session *s)
{
	if (s->state == SESSION_CALL || s->state == SESSION_OVER)
		loop_timer_set(s->control->loop, &s->timer, CONTROL_IDLE_MS);
}

/* --- what goes out */

static void session_wants(struct session *s)
{
	bool writes = s->talk.out.len || s->streams || s->state == SESSION_OVER;
	bool reads = s->talk.out.len < FULL && s->state != SESSION_OVER;

	loop_mod(&s->source, (writes ? EPOLLOUT : 0) | (reads ? EPOLLIN : 0));
}

/* -1: the session was closed. */
static MUST_CHECK int flush(struct session *s)
{
	struct buf *out = &s->talk.out;

	while (out->len) {
		ssize_t n = send(s->source.fd, out->data, out->len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			session_close(s);
			return -1;
		}
		buf_consume(out, (size_t)n);
		is_alive(s);
	}
	return 0;
}

static void start_lingering(struct session *s)
{
	shutdown(s->source.fd, SHUT_WR);
	s->state = SESSION_LINGERS;
	loop_timer_set(s->control->loop, &s->timer, LINGER_MS);
}

static void ask_for_more(struct session *s)
{
	bool streams = s->streams && s->state == SESSION_CALL;

	s->streams = false;
	if (streams && s->call.verb->more)
		s->call.verb->more(&s->call);
}

static void session_write(struct session *s)
{
	if (flush(s) < 0)
		return;
	if (!s->talk.out.len)
		ask_for_more(s);
	if (!buf_ok(&s->talk.out)) {
		session_close(s);
		return;
	}
	if (!s->talk.out.len && s->state == SESSION_OVER)
		start_lingering(s);
	session_wants(s);
}

/* --- calls */

static struct session *session_of(struct call *c)
{
	return container_of(c, struct session, call);
}

static const char *const code_names[] = {
	[CALL_BAD_REQUEST] = "bad-request",
	[CALL_REFUSED] = "refused",
	[CALL_FAILED] = "failed",
	[CALL_BUSY] = "busy",
};

void call_progress(struct call *c, const char *fmt, ...)
{
	struct session *s = session_of(c);
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (s->state == SESSION_CALL)
		talk_json(&s->talk, json_pack("{s:s}", "progress", text));
	session_wants(s);
}

void call_data(struct call *c, const void *p, size_t n)
{
	struct session *s = session_of(c);

	if (s->state == SESSION_CALL)
		talk_data(&s->talk, p, n);
	s->streams = true;
	session_wants(s);
}

static void answer(struct session *s, json_t *json)
{
	if (s->state != SESSION_CALL) {
		json_decref(json);
		return;
	}
	talk_json(&s->talk, json);
	s->state = SESSION_OVER;
	end_call(s);
	session_wants(s);
}

void call_done(struct call *c, json_t *json)
{
	json_t *all = json_pack("{s:b}", "ok", 1);

	if (json && json_object_update(all, json) < 0) {
		json_decref(all);
		all = NULL;
	}
	json_decref(json);
	answer(session_of(c), all);
}

void call_fail(struct call *c, enum call_code code, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	answer(session_of(c),
		json_pack("{s:b, s:s, s:s}", "ok", 0, "code", code_names[code], "error", text));
}

/* --- what comes in */

static const struct verb unknown_verb = {.name = "?"};

static const struct verb *find_verb(const struct control *c, const char *name)
{
	for (size_t i = 0; name && c->verbs[i]; i++) {
		if (strcmp(c->verbs[i]->name, name) == 0)
			return c->verbs[i];
	}
	return &unknown_verb;
}

static void take_request(struct session *s, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "verb"));

	s->control->counts.requests++;
	s->state = SESSION_CALL;
	s->call = (struct call){.verb = find_verb(s->control, name), .agent = s->control->agent};
	is_alive(s);
	if (!s->call.verb->begin) {
		call_fail(&s->call, CALL_BAD_REQUEST,
			"this agent does not know that verb; is the card older than the PC's "
			"bramble?");
		return;
	}
	if (!s->call.verb->silent)
		log_info("control: %s asks for %s", s->from, s->call.verb->name);
	s->call.verb->begin(&s->call, request);
}

/* -1: that word has no place here. */
static int take_word(struct session *s, const struct talk_word *w)
{
	if (s->state == SESSION_NEW && w->kind == TALK_JSON) {
		take_request(s, w->json);
		return 0;
	}
	if (s->state == SESSION_CALL && w->kind == TALK_DATA && s->call.verb->data) {
		s->call.verb->data(&s->call, w->data, w->n);
		return 0;
	}
	/* A client that still sends its file has not seen yet that it is refused. */
	return s->state == SESSION_OVER && w->kind == TALK_DATA ? 0 : -1;
}

static void take_words(struct session *s)
{
	struct control_counts *counts = &s->control->counts;
	struct talk_word w;
	struct err e;
	int r;

	while ((r = talk_next(&s->talk, &w, &e)) > 0) {
		int taken = take_word(s, &w);
		json_decref(w.json);
		if (taken < 0) {
			drop(s, &counts->broken);
			return;
		}
	}
	if (r < 0)
		drop(s, s->talk.sealed.proven ? &counts->broken : &counts->strangers);
	else if (!buf_ok(&s->talk.out))
		session_close(s);
	else
		session_wants(s);
}

static void session_read(struct session *s)
{
	char waste[4096], *to = waste;
	size_t room = s->state == SESSION_LINGERS ? sizeof(waste) : talk_room(&s->talk, &to);
	ssize_t n = room ? recv(s->source.fd, to, room, 0) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) { /* a port that is tried comes and goes without a word: not worth a count */
		session_close(s);
		return;
	}
	if (s->state == SESSION_LINGERS)
		return;
	is_alive(s);
	talk_took(&s->talk, (size_t)n);
	take_words(s);
}

static void session_ready(struct loop_source *source, uint32_t events)
{
	struct session *s = container_of(source, struct session, source);

	if (events & EPOLLERR)
		session_close(s);
	else if (events & EPOLLOUT)
		session_write(s);
	else
		session_read(s);
}

/* --- newcomers */

/* A free place, or that of the stranger who has been at it longest; NULL: all are at work. */
static struct session *find_place(struct control *c)
{
	struct session *oldest = NULL;

	for (size_t i = 0; i < CONTROL_SESSIONS; i++) {
		struct session *s = &c->sessions[i];
		if (!s->control)
			return s;
		if (s->state == SESSION_NEW && (!oldest || s->number < oldest->number))
			oldest = s;
	}
	c->counts.crowded++;
	if (oldest)
		session_close(oldest);
	return oldest;
}

static void control_ready(struct loop_source *source, uint32_t events)
{
	struct control *c = container_of(source, struct control, source);
	struct sockaddr_storage from;
	_cleanup_close_ int fd = net_accept(source->fd, &from);

	(void)events;
	struct session *s = fd < 0 ? NULL : find_place(c);
	if (!s)
		return;
	*s = (struct session){.number = ++c->accepted,
		.source = {.fd = fd, .events = EPOLLIN, .ready = session_ready}};
	net_address(&from, s->from);
	loop_timer_init(&s->timer, timer_fire);
	if (loop_timer_set(c->loop, &s->timer, CONTROL_REQUEST_MS) < 0)
		return;
	if (loop_add(c->loop, &s->source) < 0) {
		loop_timer_del(&s->timer);
		return;
	}
	(void)steal_fd(&fd);
	s->control = c;
	talk_accept(&s->talk, &c->keys);
}

/* --- the whole */

struct control *control_open(struct loop *l, const char *listen, const struct sealed_keys *keys,
	const struct verb *const *verbs, void *agent, struct err *e)
{
	_cleanup_close_ int fd = net_listen(listen, e);
	if (fd < 0)
		return NULL;
	_cleanup_free_ struct control *c = calloc(1, sizeof(*c));
	if (!c) {
		err_errno(e, "%s", listen);
		return NULL;
	}
	*c = (struct control){.source = {.fd = fd, .events = EPOLLIN, .ready = control_ready},
		.loop = l,
		.verbs = verbs,
		.agent = agent};
	c->keys = *keys;
	if (loop_add(l, &c->source) < 0) {
		err_errno(e, "%s", listen);
		return NULL;
	}
	(void)steal_fd(&fd);
	return steal(&c);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < CONTROL_SESSIONS; i++) {
		if (c->sessions[i].control)
			session_close(&c->sessions[i]);
	}
	loop_del(&c->source);
	close(c->source.fd);
	sodium_memzero(&c->keys, sizeof(c->keys));
	free(c);
}

void control_set_keys(struct control *c, const struct sealed_keys *keys)
{
	c->keys = *keys;
	/* It may have shaken hands with one that counts no more, and keep its request for later. */
	for (size_t i = 0; i < CONTROL_SESSIONS; i++) {
		struct session *s = &c->sessions[i];
		if (s->control && s->state == SESSION_NEW)
			session_close(s);
	}
}

void control_step(struct control *c)
{
	for (size_t i = 0; c && i < CONTROL_SESSIONS; i++) {
		struct session *s = &c->sessions[i];
		if (s->control && s->state == SESSION_CALL && s->call.verb->tick)
			s->call.verb->tick(&s->call);
	}
}

const struct control_counts *control_counts(const struct control *c)
{
	return &c->counts;
}

unsigned control_port(const struct control *c)
{
	return net_port(c->source.fd);
}

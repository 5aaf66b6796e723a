/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <sys/socket.h>
#include "link.h"
#include "log.h"
#include "principal.h"
#include "session.h"
#include "tally.h"

#define IN_MAX (LOOKAHEAD_MAX + STREAM_READ - 1)

/* Never negative: a deadline that is past is not none. */
static int64_t left_ms(const struct session *s)
{
	int64_t ms = s->deadline_ms - boottime_ms();

	return ms > 0 ? ms : 0;
}

static int64_t deadline_ms(const struct session *s)
{
	switch (s->state) {
	case SESSION_SNIFF:
	case SESSION_CONNECTED:
		return LOGIN_MS;
	case SESSION_AUTH:
	case SESSION_WAITING:
		return left_ms(s);
	case SESSION_CLOSING:
		return CLOSING_MS;
	case SESSION_READY:
	case SESSION_LOCAL:
		if (s->front->leaving) /* it has logged in meanwhile: for one transaction */
			return s->front->proxy->conf->client_ms;
		break;
	case SESSION_BOUND:
	case SESSION_FAILED:
	case SESSION_GONE:
		break;
	}
	return -1; /* as long as it likes: drivers keep connections, transactions have their own
		      limit */
}

void session_enter(struct session *s, enum session_state state)
{
	if (state != SESSION_WAITING && state != SESSION_BOUND)
		tally_end(s, TALLY_LEFT); /* unless it ended otherwise before */
	s->state = state;
	int64_t ms = deadline_ms(s);
	if (ms >= 0)
		(void)loop_timer_set(s->front->proxy->loop, &s->timer, ms);
	else
		loop_timer_del(&s->timer);
	if (state != SESSION_AUTH && state != SESSION_WAITING)
		list_remove(&s->waiting);
}

void session_close(struct session *s)
{
	struct front *f = s->front;

	if (s->state == SESSION_GONE)
		return;
	session_enter(s, SESSION_GONE);
	loop_timer_del(&s->timer);
	if (s->link)
		link_close(s->link);
	if (s->principal)
		principal_release_session(s->principal);
	s->principal = NULL;
	loop_del(&s->source);
	if (s->source.fd >= 0)
		close(s->source.fd);
	stream_wipe(&s->in.bytes);
	budget_hold(&f->proxy->budget, &s->held, 0);
	stream_free(&s->out);
	free(s->routing_address);
	free(s->own_address);
	free(s->from);
	list_append(&f->gone, &s->node);
	(*yield_crowd(f->crowds, &s->address))--;
	front_left(f);
}

void sessions_sweep(struct front *f)
{
	while (f->gone.first) {
		struct session *s = container_of(f->gone.first, struct session, node);
		list_remove(&s->node);
		free(s);
	}
}

static void put_failure(struct session *s, const char *code, const char *fmt, va_list ap)
{
	char why[512];

	vsnprintf(why, sizeof(why), fmt, ap);
	bolt_put_failure(&s->out.b, code, why);
}

void session_fail(struct session *s, const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_failure(s, code, fmt, ap);
	va_end(ap);
}

void session_refuse(struct session *s, const char *code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_failure(s, code, fmt, ap);
	va_end(ap);
	s->front->counters.bad_messages++;
	if (s->link)
		link_close(s->link);
	session_enter(s, SESSION_CLOSING);
}

void session_leave(struct session *s)
{
	if (s->link)
		link_close(s->link);
	session_enter(s, SESSION_CLOSING);
	session_watch(s);
}

static bool has_member(const struct session *s)
{
	return s->state == SESSION_BOUND && s->link;
}

/* Then what comes behind the message at the front can wait in the socket. */
static bool can_wait(const struct session *s)
{
	return s->state == SESSION_AUTH || s->state == SESSION_WAITING;
}

static bool is_budget_out(const struct session *s)
{
	const struct budget *b = &s->front->proxy->budget;

	if (has_member(s))
		return false;
	return can_wait(s) ? budget_half(b) : budget_spent(b);
}

/* What takes no more memory than is counted for it already. */
static size_t counted_max(const struct session *s)
{
	size_t cap = s->in.bytes.b.cap;

	return cap > BUDGET_FREE ? cap - 1 : BUDGET_FREE - 1;
}

/* How much may lie in `in`: what waits to be understood, or for room in the link. */
static size_t in_max(const struct session *s)
{
	/* What is to be converted must be there as a whole; chunks may be small. */
	if (has_member(s) && s->fate == FATE_FORWARD && s->link->up)
		return CONVERTED_MAX;
	if (is_budget_out(s))
		return counted_max(s);
	return s->state > SESSION_AUTH ? IN_MAX : HELLO_MAX * 2;
}

/* How much more. */
static size_t in_room(const struct session *s)
{
	size_t n = stream_len(&s->in.bytes), most = in_max(s);

	return n < most ? most - n : 0;
}

bool session_starved(const struct session *s)
{
	return !can_wait(s) && is_budget_out(s) && !in_room(s);
}

/*
 * Who has no member reads at most as much as there is already: memory grows by what really comes.
 */
static size_t read_most(const struct session *s)
{
	size_t n = stream_len(&s->in.bytes), room = in_room(s);
	size_t most = n < BUDGET_FREE ? BUDGET_FREE - 1 : n;

	if (has_member(s))
		most = STREAM_READ;
	return most < room ? most : room;
}

static void note_held(struct session *s)
{
	if (!has_member(s))
		stream_fit(&s->in.bytes);
	budget_hold(&s->front->proxy->budget, &s->held, has_member(s) ? 0 : s->in.bytes.b.cap);
}

static bool wants_more(const struct session *s)
{
	if (s->state == SESSION_CLOSING)
		return false;
	if (!in_room(s)) /* who is starved is refused when more comes */
		return session_starved(s);
	if (stream_len(&s->out) >= STREAM_HIGH) /* it does not read our answers */
		return s->state == SESSION_BOUND && s->link;
	return !s->link || s->state != SESSION_BOUND || stream_len(&s->link->out) < STREAM_HIGH;
}

/*
 * A client that takes nothing of what there is for it does not stay for ever, nor one with half a
 * message that others would have the room of.
 */
static void watch_progress(struct session *s, size_t before)
{
	size_t left = stream_len(&s->out);

	if (deadline_ms(s) >= 0)
		return;
	if (!left && !s->held)
		loop_timer_del(&s->timer);
	else if (left < before || s->timer.heap_index < 0)
		(void)loop_timer_set(
			s->front->proxy->loop, &s->timer, s->front->proxy->conf->client_ms);
}

void session_watch(struct session *s)
{
	uint32_t events = EPOLLRDHUP;
	size_t before = stream_len(&s->out);

	if (s->state == SESSION_GONE)
		return;
	note_held(s);
	if (stream_send(&s->out, s->source.fd, &s->front->counters.bytes_out) < 0 ||
		(s->state == SESSION_CLOSING && !stream_len(&s->out))) {
		session_close(s);
		return;
	}
	watch_progress(s, before);
	if (stream_len(&s->out))
		events |= EPOLLOUT;
	if (wants_more(s))
		events |= EPOLLIN;
	loop_mod(&s->source, events);
}

static void session_read(struct session *s, uint32_t events)
{
	bool readable = events & EPOLLIN && s->source.events & EPOLLIN;
	size_t most = read_most(s);
	int n = 0;

	if (s->state == SESSION_SNIFF && !s->only_bolt && events & EPOLLIN &&
		!stream_len(&s->in.bytes) && !front_speaks_bolt(s)) {
		front_give_away(s);
		return;
	}
	if (readable && most)
		n = stream_recv_most(
			&s->in.bytes, s->source.fd, most, &s->front->counters.bytes_in);
	if (n > 0 || (readable && !most)) /* else others have spent the budget meanwhile */
		session_run(s);
	else if (n < 0 || events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		session_close(s);
}

static void session_ready(struct loop_source *source, uint32_t events)
{
	struct session *s = (struct session *)source;

	if (events & EPOLLOUT) {
		session_watch(s);
		if (s->state == SESSION_BOUND && s->link && stream_len(&s->out) < STREAM_LOW)
			session_run(s); /* the link may have room, too */
	}
	if (s->state != SESSION_GONE && events & ~(uint32_t)EPOLLOUT)
		session_read(s, events);
}

static void stop_waiting(struct session *s, const char *why)
{
	bool login = s->state == SESSION_AUTH;

	tally_end(s, TALLY_WAITED);
	if (s->link)
		link_close(s->link);
	session_fail(s, "Neo.TransientError.General.DatabaseUnavailable", "%s", why);
	session_enter(s, login ? SESSION_CLOSING : SESSION_FAILED);
	s->fate = FATE_DROP; /* the message that waited has its answer */
	session_run(s);
}

static void waited_in_vain(struct session *s)
{
	char why[96];

	snprintf(why, sizeof(why), "no member could take the %s within %lld ms",
		s->state == SESSION_AUTH ? "login" : "transaction",
		(long long)s->front->proxy->conf->hold_ms);
	stop_waiting(s, why);
}

void session_give_up(struct session *s)
{
	static const char why[] = "this proxy ends";

	if (s->state == SESSION_AUTH || s->state == SESSION_WAITING)
		stop_waiting(s, why);
	else if (s->state == SESSION_BOUND && s->link)
		link_lost(s->link, why);
}

static void session_expired(struct loop_timer *t)
{
	struct session *s = container_of(t, struct session, timer);

	if (s->state == SESSION_AUTH || s->state == SESSION_WAITING)
		waited_in_vain(s);
	else
		session_close(s);
}

struct session *session_new(struct front *f, int fd, const struct sockaddr_storage *from)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->front = f;
	s->number = ++f->next_number;
	s->address = yield_address(from);
	s->source = (struct loop_source){
		.fd = fd, .events = EPOLLIN | EPOLLRDHUP, .ready = session_ready};
	loop_timer_init(&s->timer, session_expired);
	if (loop_add(f->proxy->loop, &s->source) < 0) {
		free(s);
		return NULL;
	}
	list_append(&f->sessions, &s->node);
	(*yield_crowd(f->crowds, &s->address))++;
	if (front_clients(f) > f->counters.sessions_max)
		f->counters.sessions_max = front_clients(f);
	f->counters.sessions++;
	session_enter(s, SESSION_SNIFF);
	return s;
}

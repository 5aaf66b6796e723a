/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "flow.h"
#include "net.h"
#include "rewrite.h"

/* Sends what the socket takes; -1 with errno when it is broken. */
static int send_some(int fd, struct buf *b, uint64_t *sent)
{
	while (b->len) {
		ssize_t n = send(fd, b->data, b->len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		*sent += (uint64_t)n;
		buf_consume(b, (size_t)n);
	}
	return 0;
}

/* Into the scratch space: the bytes read, 0 at the end, -1 with errno (EAGAIN: none now). */
static ssize_t receive(struct proxy *p, int fd, size_t most)
{
	ssize_t n = recv(fd, p->scratch, most, 0);

	if (n < 0 && errno == EINTR)
		errno = EAGAIN;
	return n;
}

/*
 * Fills b up to RELAY_IN_FULL. What comes is mostly short: by way of the scratch space b grows no
 * larger than it must.
 */
static ssize_t receive_some(struct proxy *p, int fd, struct buf *b)
{
	ssize_t n = receive(p, fd, RELAY_IN_FULL - b->len);

	if (n > 0)
		buf_add(b, p->scratch, (size_t)n);
	return n;
}

static bool wants_body(const struct client *c)
{
	const struct exchange *x = &c->x;

	return !x->request.done && !x->send_broken && c->in.len < RELAY_IN_FULL &&
	       x->to_member.len < RELAY_FULL;
}

static bool wants_answer(const struct client *c)
{
	const struct exchange *x = &c->x;

	return !x->response.done && !x->member_closed && x->from_member.len < RELAY_IN_FULL &&
	       c->out.len < RELAY_FULL;
}

static enum flow read_client(struct client *c)
{
	ssize_t n = receive_some(c->proxy, c->source.fd, &c->in);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		return FLOW_CLIENT_GONE;
	c->proxy->bytes_in += n > 0 ? (uint64_t)n : 0;
	return FLOW_GOING;
}

/*
 * A member may answer before it has read everything, and close: when sending fails after some of
 * it went out, what it said is still worth reading.
 */
static enum flow push_request(struct client *c, const char **why)
{
	struct exchange *x = &c->x;
	uint64_t before = x->sent;

	while (!x->send_broken) {
		if (relay_move(&x->request, &c->in, &x->to_member) < 0)
			return FLOW_BAD_REQUEST;
		int r = send_some(x->upstream->source.fd, &x->to_member, &x->sent);
		x->upstream->member->bytes_in += x->sent - before;
		before = x->sent;
		if (r < 0 && !x->sent) {
			*why = strerror(errno);
			return FLOW_BROKEN;
		}
		x->send_broken = r < 0;
		if (x->to_member.len || !c->in.len || x->request.done)
			break;
	}
	return FLOW_GOING;
}

/* How much of the answer may go straight to the client; 0: none, it is looked at or waits. */
static size_t may_pass(const struct client *c)
{
	const struct exchange *x = &c->x;

	if (!x->relayed || x->from_member.len || c->out.len)
		return 0;
	return relay_passes(&x->response, x->pass ? x->pass : RELAY_FULL);
}

/*
 * n bytes of the scratch space; most were asked for. What the client does not take now is kept for
 * it, and then less is read at once: only who is quick is worth the room.
 */
static enum flow pass(struct client *c, size_t n, size_t most)
{
	struct exchange *x = &c->x;
	const char *p = c->proxy->scratch;
	ssize_t sent = send(c->source.fd, p, n, MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return FLOW_CLIENT_GONE;
	size_t taken = sent > 0 ? (size_t)sent : 0;
	relay_passed(&x->response, n);
	buf_add(&c->out, p + taken, n - taken);
	c->proxy->bytes_out += taken;
	c->given += taken;
	x->passed_on |= taken > 0;
	if (taken < n)
		x->pass = RELAY_FULL;
	else if (n == most && n < RELAY_PASS_MAX)
		x->pass = n * 2 < RELAY_PASS_MAX ? n * 2 : RELAY_PASS_MAX;
	return FLOW_GOING;
}

static enum flow read_member(struct client *c, const char **why)
{
	struct exchange *x = &c->x;
	int fd = x->upstream->source.fd;
	size_t passing = may_pass(c);
	/* One byte behind the end is asked for, too: what it has there is nobody's next answer. */
	bool last = passing && passing == x->response.left;
	ssize_t n = passing ? receive(c->proxy, fd, passing + last)
			    : receive_some(c->proxy, fd, &x->from_member);

	if (n > 0) {
		x->answered = true;
		x->upstream->member->bytes_out += (uint64_t)n;
		if (!passing)
			return FLOW_GOING;
		x->member_may_keep &= (size_t)n <= passing;
		return pass(c, (size_t)n <= passing ? (size_t)n : passing, passing);
	} else if (n == 0) {
		x->member_closed = true;
		loop_del(&x->upstream->source);
	} else if (errno != EAGAIN) {
		*why = strerror(errno);
		return FLOW_BROKEN;
	}
	return FLOW_GOING;
}

/* Chunks for those who know them; a length stays a length. */
static enum http_framing framing_for(const struct client *c, enum http_framing from)
{
	if (from == HTTP_BODY_LENGTH || from == HTTP_BODY_NONE)
		return from;
	return c->minor >= 1 ? HTTP_BODY_CHUNKED : HTTP_BODY_UNTIL_CLOSE;
}

/* Starts to rewrite the body if it tells the client how to go on with its transaction. */
static bool rewrite_body(struct exchange *x, const struct http_head *h)
{
	if (!x->tx || h->framing == HTTP_BODY_NONE ||
		http_has(h, FIELD_BIT(FIELD_CONTENT_ENCODING)))
		return false;
	tx_body_start(&x->tx->body, x->tx->api, x->upstream->member->conf->id, x->tx->origin);
	return true;
}

/*
 * From now on the client is to see what this answer acknowledges. An answer of a length was made
 * after the commit; in another one it may still come: then everything up to the next request
 * counts.
 */
static const char *token_of(
	const struct client *c, const struct http_head *h, char token[static BOOKMARK_MAX])
{
	const struct exchange *x = &c->x;
	bool writes = x->write || x->pinned;

	if (writes && h->framing != HTTP_BODY_LENGTH && h->framing != HTTP_BODY_NONE)
		return BOOKMARK_NEW;
	bookmark_format(
		c->proxy->bookmark_id, writes ? boottime_ms() + 1 : x->bookmark.since_ms, token);
	return token;
}

static void start_answer(struct client *c, const struct http_head *h)
{
	struct exchange *x = &c->x;
	char token[BOOKMARK_MAX];
	bool rewrite = rewrite_body(x, h);
	enum http_framing to = framing_for(c, rewrite ? HTTP_BODY_CHUNKED : h->framing);

	x->relayed = true;
	pace_start(&x->pace, PACE_ANSWER_MS);
	account_answer(c, h->status, false);
	x->member_may_keep = h->keep_alive;
	c->close |= !c->keep_alive || to == HTTP_BODY_UNTIL_CLOSE || c->proxy->draining;
	const struct member_conf *m = x->upstream->member->conf;
	const struct rewrite_as as = {
		.to = to,
		.close = c->close,
		.minor = c->minor,
		.origin = x->tx ? x->tx->origin : NULL,
		.server = m->id,
		.bookmark = x->bookmark.by,
		.token = x->bookmark.by ? token_of(c, h, token) : NULL,
	};
	rewrite_response(h, m->name, &as, &c->out);
	relay_start(&x->response, h->framing, h->content_length, to);
	x->response.tx = rewrite ? &x->tx->body : NULL;
}

/* One head, interim or final. 1: look again, 0: more bytes are needed, -1: malformed. */
static int take_head(struct client *c)
{
	struct exchange *x = &c->x;
	struct slice method = {x->is_head ? "HEAD" : "", x->is_head ? 4 : 0};
	struct http_head h;
	int r = http_parse_response(buf_str(&x->from_member), x->from_member.len, method, &h);

	if (r <= 0)
		return r;
	if (h.status == 101)
		return -1; /* no upgrade was asked for: Upgrade does not pass */
	if (h.status < 200)
		pace_start(&x->pace, PACE_MS); /* who expected a 100 begins now */
	if (h.status >= 200)
		start_answer(c, &h);
	else if (c->minor >= 1) /* RFC 9110 15.2 */
		rewrite_response(&h, x->upstream->member->conf->name,
			&(struct rewrite_as){.to = HTTP_BODY_NONE, .minor = c->minor}, &c->out);
	buf_consume(&x->from_member, (size_t)r);
	return 1;
}

static enum flow flush_client(struct client *c)
{
	uint64_t before = c->proxy->bytes_out;
	int r = send_some(c->source.fd, &c->out, &c->proxy->bytes_out);

	c->given += c->proxy->bytes_out - before;
	c->x.passed_on |= c->x.relayed && c->proxy->bytes_out > before;
	return r < 0 ? FLOW_CLIENT_GONE : FLOW_GOING;
}

static enum flow finish_closed(struct client *c, const char **why)
{
	struct exchange *x = &c->x;

	if (x->relayed && (c->out.len >= RELAY_FULL || x->from_member.len))
		return FLOW_GOING;
	if (x->relayed && relay_close(&x->response, &c->out) == 0)
		return FLOW_DONE;
	*why = x->relayed ? "it closed in the middle of the answer" : "it closed without an answer";
	return FLOW_BROKEN;
}

static enum flow pull_answer(struct client *c, const char **why)
{
	struct exchange *x = &c->x;
	int r = 1;

	while (r > 0 && !x->relayed)
		r = take_head(c);
	do {
		if (r < 0 ||
			(x->relayed && relay_move(&x->response, &x->from_member, &c->out) < 0)) {
			*why = "its answer is malformed";
			return FLOW_BAD_ANSWER;
		}
		if (flush_client(c) == FLOW_CLIENT_GONE)
			return FLOW_CLIENT_GONE;
	} while (x->relayed && !x->response.done && !c->out.len && x->from_member.len);
	if (x->relayed && x->response.done)
		return FLOW_DONE;
	return x->member_closed ? finish_closed(c, why) : FLOW_GOING;
}

/*
 * A member that reset the connection while there was no room is not watched any more: as long as
 * there is room, all it has said is read.
 */
static enum flow take_answer(struct client *c, bool readable, const char **why)
{
	const struct upstream *u = c->x.upstream;
	enum flow f = FLOW_GOING;
	bool unwatched;
	uint64_t before;

	do {
		unwatched = !u->source.loop;
		before = u->member->bytes_out;
		if (wants_answer(c) && (readable || unwatched))
			f = read_member(c, why);
		if (f == FLOW_GOING)
			f = pull_answer(c, why);
	} while (f == FLOW_GOING && unwatched && u->member->bytes_out > before && wants_answer(c));
	return f;
}

enum flow flow_run(struct client *c, bool client_readable, bool member_readable, const char **why)
{
	struct exchange *x = &c->x;
	enum flow f = FLOW_GOING;

	if (client_readable && wants_body(c))
		f = read_client(c);
	if (f == FLOW_GOING)
		f = push_request(c, why);
	if (f == FLOW_GOING)
		f = take_answer(c, member_readable, why);
	if (f == FLOW_GOING && (!buf_ok(&c->in) || !buf_ok(&c->out) || !buf_ok(&x->to_member) ||
				       !buf_ok(&x->from_member))) {
		*why = "out of memory";
		return FLOW_BROKEN;
	}
	return f;
}

bool flow_waits_for_client(const struct client *c)
{
	return c->out.len > 0 || (!c->x.request.done && !c->x.send_broken && !c->x.to_member.len);
}

/* What lies in our socket the client has not taken. */
static void note_taken(struct client *c)
{
	int left = c->out.len ? net_untaken(c->source.fd) : -1;

	if (left >= 0 && c->given >= c->taken + (uint64_t)left)
		c->taken = c->given - (uint64_t)left;
}

static void note_pace(struct client *c)
{
	note_taken(c);
	pace_note(&c->x.pace, c->x.request.bytes + c->taken, flow_waits_for_client(c),
		loop_now_ms(c->proxy->loop));
}

bool flow_too_slow(struct client *c)
{
	note_pace(c);
	return pace_too_slow(&c->x.pace, loop_now_ms(c->proxy->loop));
}

static void await_client(struct client *c)
{
	c->taken_before = c->taken;
	(void)loop_timer_at(
		c->proxy->loop, &c->timer, loop_now_ms(c->proxy->loop) + c->proxy->conf->client_ms);
}

static void await_member(struct client *c)
{
	(void)loop_timer_at(
		c->proxy->loop, &c->timer, loop_now_ms(c->proxy->loop) + c->proxy->conf->server_ms);
}

void flow_await_taking(struct client *c)
{
	note_taken(c);
	await_client(c);
}

bool flow_takes(struct client *c)
{
	note_taken(c);
	if (!c->out.len || c->taken <= c->taken_before)
		return false;
	await_client(c);
	return true;
}

void flow_watch(struct client *c)
{
	note_pace(c);
	loop_mod(&c->source,
		EPOLLRDHUP | (wants_body(c) ? EPOLLIN : 0) | (c->out.len ? EPOLLOUT : 0));
	loop_mod(&c->x.upstream->source,
		(wants_answer(c) ? EPOLLIN : 0) |
			(c->x.to_member.len && !c->x.send_broken ? EPOLLOUT : 0));
	if (flow_waits_for_client(c))
		await_client(c);
	else
		await_member(c);
}

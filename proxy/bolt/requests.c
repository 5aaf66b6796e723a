/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client sends: each message is answered here, forwarded, or waits at the front of `in`. */
#include <sodium.h>
#include <string.h>
#include "link.h"
#include "place.h"
#include "principal.h"
#include "routing.h"
#include "session.h"
#include "tunnel.h"

#define INVALID "Neo.ClientError.Request.Invalid"

/* What came of looking at the message at the front. */
enum step {
	STEP_ON,    /* it is dealt with, or its fate is known */
	STEP_MORE,  /* more of it must come first */
	STEP_STALL, /* it has to wait for something else */
};

static uint8_t tag_of(const struct session *s)
{
	return inbox_tag(&s->in);
}

/* The message at the front is done with. */
static void next_message(struct session *s)
{
	inbox_next(&s->in);
	s->fate = FATE_OPEN;
}

static enum step invalid(struct session *s)
{
	session_refuse(s, INVALID, "a message %s cannot be handled here", bolt_tag_name(tag_of(s)));
	return STEP_ON;
}

/* --- before READY */

static enum step sniff(struct session *s)
{
	if (stream_len(&s->in.bytes) < HANDSHAKE_SIZE)
		return STEP_MORE;
	if (s->front->proxy->conf->bolt_by_port) {
		tunnel_take(s);
		return STEP_ON;
	}
	enum handshake_answer answer = handshake_choose(stream_bytes(&s->in.bytes),
		bolt_spoken_versions, BOLT_SPOKEN_VERSIONS, &s->version);
	if (answer != HANDSHAKE_CHOSEN)
		s->version = (struct bolt_version){0};
	stream_take(&s->in.bytes, HANDSHAKE_SIZE);
	handshake_put_version(&s->out.b, s->version);
	session_enter(s, answer == HANDSHAKE_CHOSEN ? SESSION_CONNECTED : SESSION_CLOSING);
	return STEP_ON;
}

static void login(struct session *s)
{
	if (principal_trusted(s->principal)) {
		bolt_put_hello_success(&s->out.b, s->principal->server, s->number, false);
		session_enter(s, SESSION_READY);
		return;
	}
	place_wait(s, SESSION_AUTH);
}

static enum step hello(struct session *s)
{
	_cleanup_buf_ struct buf data = {0};
	bool bad = true;

	if (tag_of(s) != BOLT_HELLO)
		return invalid(s);
	if (!s->in.ended) {
		if (s->in.seen < HELLO_MAX)
			return STEP_MORE;
		session_refuse(s, INVALID, "HELLO is longer than %d bytes", HELLO_MAX);
		return STEP_ON;
	}
	inbox_data(&s->in, &data);
	if (buf_ok(&data))
		s->principal = principal_take(s->front, s->version, data.data, data.len, &bad);
	if (data.data)
		sodium_memzero(data.data, data.cap);
	sodium_memzero((char *)s->in.bytes.b.data + s->in.bytes.at, s->in.seen);
	next_message(s);
	if (s->principal)
		login(s);
	else if (bad)
		session_refuse(s, INVALID, "HELLO is malformed");
	else
		session_close(s);
	return STEP_ON;
}

/* --- without a transaction */

static void answer_routing_call(struct session *s, const struct bolt_demand *d)
{
	char address[ROUTING_ADDRESS_MAX];

	if (!routing_address(d->parameters, address)) {
		if (s->own_address)
			snprintf(address, sizeof(address), "%s", s->own_address);
		else
			place_own_address(s->source.fd, address);
	}
	s->front->counters.routing_calls++;
	routing_put_fields(&s->out.b);
	free(s->routing_address);
	s->routing_address = strdup(address);
	session_enter(s, s->routing_address ? SESSION_LOCAL : SESSION_CLOSING);
}

/*
 * What the message at the front means in version 3, whose words are used for all: the early RUN
 * "BEGIN" is a BEGIN. 0: its text is not there yet.
 */
static uint8_t meaning(const struct session *s)
{
	_cleanup_buf_ struct buf data = {0};

	if (!session_early(s) || tag_of(s) != BOLT_RUN)
		return tag_of(s);
	inbox_data(&s->in, &data);
	uint8_t tag = buf_ok(&data) ? bolt_read_early_tag(data.data, data.len) : 0;
	return !tag && (s->in.ended || s->in.seen >= LOOKAHEAD_MAX) ? BOLT_RUN : tag;
}

static int read_demand(const struct session *s, const struct buf *data, struct bolt_demand *d)
{
	return session_early(s) ? bolt_read_early_demand(data->data, data->len, d)
				: bolt_read_demand(data->data, data->len, d);
}

/* RUN or BEGIN. The transaction's message stays at the front until there is a link for it. */
static enum step begin(struct session *s)
{
	_cleanup_buf_ struct buf data = {0};

	s->demand = (struct bolt_demand){0};
	if (!s->in.ended && s->in.seen < LOOKAHEAD_MAX)
		return STEP_MORE;
	if (s->in.ended) {
		inbox_data(&s->in, &data);
		if (!buf_ok(&data) || read_demand(s, &data, &s->demand) < 0)
			return invalid(s);
		if (routing_is_call(s->demand.text)) {
			answer_routing_call(s, &s->demand);
			next_message(s);
			return STEP_ON;
		}
	} else if (tag_of(s) == BOLT_BEGIN) {
		return invalid(s);
	}
	s->demand.text = s->demand.parameters = (struct slice){0};
	s->explicit_tx = meaning(s) == BOLT_BEGIN;
	place_wait(s, SESSION_WAITING);
	return s->state == SESSION_WAITING ? STEP_STALL : STEP_ON;
}

static enum step ready(struct session *s)
{
	switch (tag_of(s)) {
	case BOLT_RUN:
	case BOLT_BEGIN:
		return begin(s);
	case BOLT_RESET:
		if (!s->in.ended)
			return STEP_MORE;
		bolt_put_success(&s->out.b);
		next_message(s);
		return STEP_ON;
	default:
		return invalid(s);
	}
}

static enum step local(struct session *s)
{
	struct routing_table same = {0};

	if (!s->in.ended)
		return STEP_MORE;
	routing_by_ports(&same, s->routing_address, NULL);
	switch (tag_of(s)) {
	case BOLT_PULL:
		routing_put_table(&s->out.b, &same);
		break;
	case BOLT_DISCARD:
	case BOLT_RESET:
		bolt_put_success(&s->out.b);
		break;
	default:
		return invalid(s);
	}
	free(s->routing_address);
	s->routing_address = NULL;
	session_enter(s, SESSION_READY);
	next_message(s);
	return STEP_ON;
}

static bool recovers(uint8_t tag)
{
	return tag == BOLT_RESET || tag == BOLT_ACK_FAILURE;
}

static enum step failed(struct session *s)
{
	if (recovers(tag_of(s))) {
		if (!s->in.ended)
			return STEP_MORE;
		bolt_put_success(&s->out.b);
		session_enter(s, SESSION_READY);
		next_message(s);
		return STEP_ON;
	}
	bolt_put_ignored(&s->out.b);
	s->fate = FATE_DROP;
	return STEP_ON;
}

/* --- in a transaction */

/* The member went away between two requests: the next one hears of it. */
static enum step tell_lost(struct session *s)
{
	s->lost = false;
	s->front->counters.failed_over++;
	session_enter(s, SESSION_FAILED);
	if (recovers(tag_of(s))) /* never a FAILURE: drivers give the connection up */
		return STEP_ON;
	session_fail(s, "Neo.TransientError.Transaction.InstanceStateChanged",
		"the member that carried this transaction is gone; it was rolled back");
	s->fate = FATE_DROP;
	return STEP_ON;
}

/* RUN, PULL and so on of the transaction that is open; or the first message of the next one. */
static bool belongs(const struct session *s, uint8_t tag)
{
	if (session_early(s) && s->failed && !s->recovering)
		return true; /* the member says IGNORED */
	return !s->ending || tag == BOLT_RESET || (tag != BOLT_RUN && tag != BOLT_BEGIN);
}

/* The early COMMIT and ROLLBACK end with a PULL_ALL, as any RUN without a transaction does. */
static void note_early(struct session *s, uint8_t tag)
{
	if (recovers(tag)) {
		s->recovering = true;
		s->ending |= !s->explicit_tx;
	} else if (tag == BOLT_COMMIT || tag == BOLT_ROLLBACK) {
		s->explicit_tx = false;
	}
}

static void note_request(struct session *s, uint8_t tag)
{
	bool last = s->explicit_tx ? tag == BOLT_COMMIT || tag == BOLT_ROLLBACK
				   : tag == BOLT_PULL || tag == BOLT_DISCARD;

	asked_push(&s->asked, tag);
	if (session_early(s)) {
		if (s->failed && !s->recovering && !recovers(tag))
			return; /* it will be IGNORED */
		note_early(s, tag);
		last = last && (tag == BOLT_PULL || tag == BOLT_DISCARD);
	}
	s->ending |= last || tag == BOLT_RESET;
	if (tag == BOLT_COMMIT || (!s->explicit_tx && last))
		s->committing = true;
}

static enum step bound(struct session *s)
{
	uint8_t tag = meaning(s);

	if (!tag)
		return STEP_MORE;
	if (tag == BOLT_HELLO)
		return invalid(s);
	if (!belongs(s, tag) || s->asked.n >= ASKED_MAX - 1)
		return STEP_STALL;
	note_request(s, tag);
	s->fate = FATE_FORWARD;
	return STEP_ON;
}

void session_bound(struct session *s)
{
	session_enter(s, SESSION_BOUND);
	s->ending = s->committing = s->wrote = s->failed = s->recovering = s->lost = false;
	s->asked = (struct asked){0};
	note_request(s, s->explicit_tx ? BOLT_BEGIN : BOLT_RUN);
	s->fate = FATE_FORWARD;
	session_run(s);
}

/* Is the last thing that lies in `in` a RESET? Drivers wait for its answer. */
static bool ends_with_reset(const struct session *s)
{
	static const uint8_t reset[] = {0, 2, 0xb0, BOLT_RESET, 0, 0};
	size_t n = stream_len(&s->in.bytes);

	return n >= sizeof(reset) &&
	       memcmp(stream_bytes(&s->in.bytes) + n - sizeof(reset), reset, sizeof(reset)) == 0;
}

/* How many messages lie in `in`, all whole; 0 if the last one is not. */
static size_t count_messages(const struct session *s)
{
	struct chunks c = {0};
	const uint8_t *p = stream_bytes(&s->in.bytes);
	size_t n = 0;
	bool end = true;

	for (size_t at = 0; at < stream_len(&s->in.bytes);) {
		struct chunk_piece piece = chunk_next(&c, p + at, stream_len(&s->in.bytes) - at);
		at += piece.used;
		end = piece.end || piece.noop;
		n += piece.end;
	}
	return end ? n : 0;
}

/*
 * RESET overtakes what waits at the front: that is never begun, and answered IGNORED in its turn.
 * A transaction that is under way gets the RESET at once.
 */
bool session_find_reset(struct session *s)
{
	bool overtakes = s->state == SESSION_WAITING || s->state == SESSION_BOUND;
	size_t n = overtakes && ends_with_reset(s) ? count_messages(s) : 0;

	if (!n || s->asked.n + n >= ASKED_MAX)
		return false;
	s->in.seen = stream_len(&s->in.bytes);
	next_message(s);
	if (s->state == SESSION_BOUND) {
		while (--n)
			asked_push(&s->asked, ASKED_IGNORED);
		asked_push(&s->asked, BOLT_RESET);
		s->ending = s->recovering = true;
		link_put_request(s->link, BOLT_RESET);
		return true;
	}
	if (s->link)
		link_close(s->link);
	while (--n)
		bolt_put_ignored(&s->out.b);
	bolt_put_success(&s->out.b);
	session_enter(s, SESSION_READY);
	return true;
}

/* --- all states */

static enum step decide(struct session *s)
{
	if (tag_of(s) == BOLT_GOODBYE) {
		session_close(s);
		return STEP_ON;
	}
	if (!bolt_tag_from_client(tag_of(s), s->version.major))
		return invalid(s);
	switch (s->state) {
	case SESSION_CONNECTED:
		return hello(s);
	case SESSION_READY:
		return ready(s);
	case SESSION_LOCAL:
		return local(s);
	case SESSION_FAILED:
		return failed(s);
	case SESSION_BOUND:
		return s->lost ? tell_lost(s) : bound(s);
	case SESSION_SNIFF:
	case SESSION_AUTH:
	case SESSION_WAITING:
	case SESSION_CLOSING:
	case SESSION_GONE:
		break;
	}
	return STEP_STALL;
}

/* What the member has of it is worth nothing; the rest is still taken from the client, and dropped.
 */
static void too_long(struct session *s)
{
	char why[64];

	snprintf(why, sizeof(why), "a message is longer than %u bytes", MESSAGE_MAX);
	s->front->counters.bad_messages++;
	link_close(s->link);
	session_end_transaction(s, INVALID, why);
}

/* For a member of an early version: the message as a whole, converted. */
static enum step convert(struct session *s)
{
	_cleanup_buf_ struct buf data = {0};

	if (!s->in.ended)
		return STEP_MORE;
	inbox_data(&s->in, &data);
	if (!buf_ok(&data) || link_convert(s->link, data.data, data.len) < 0)
		return invalid(s);
	next_message(s);
	return STEP_ON;
}

/* Bytes of a message whose fate is known leave `in` as they come. */
static enum step move(struct session *s)
{
	bool long_chunks = s->link && s->link->up && s->in.seen >= CONVERTED_MAX;

	if (s->fate == FATE_FORWARD && (s->in.chunks.bytes > MESSAGE_MAX || long_chunks)) {
		too_long(s);
		return STEP_ON;
	}
	if (s->fate == FATE_FORWARD && s->link) {
		if (stream_len(&s->link->out) >= STREAM_HIGH)
			return STEP_STALL;
		if (s->link->up)
			return convert(s);
		buf_add(&s->link->out.b, stream_bytes(&s->in.bytes), s->in.seen);
	}
	if (s->in.ended) {
		next_message(s);
		return STEP_ON;
	}
	inbox_take(&s->in);
	return STEP_MORE;
}

static enum step step(struct session *s)
{
	if (s->state == SESSION_SNIFF)
		return sniff(s);
	inbox_walk(&s->in);
	if (!s->in.seen)
		return STEP_MORE;
	if (s->fate != FATE_OPEN)
		return move(s);
	if (!inbox_has_tag(&s->in))
		return s->in.ended ? invalid(s) : STEP_MORE;
	return decide(s);
}

/* The driver tries again later; the rest of the message is dropped as it comes. */
static enum step refuse_starved(struct session *s)
{
	session_fail(s, "Neo.TransientError.General.OutOfMemoryError",
		"too much waits in this proxy: no message longer than %u bytes is taken for now",
		BUDGET_FREE - 1);
	session_enter(s, s->state == SESSION_CONNECTED ? SESSION_CLOSING : SESSION_FAILED);
	s->fate = FATE_DROP;
	return STEP_ON;
}

static void take_steps(struct session *s)
{
	enum step r = STEP_ON;

	while (r == STEP_ON && s->state != SESSION_GONE && s->state != SESSION_CLOSING) {
		r = step(s);
		if (r == STEP_MORE && s->fate == FATE_OPEN && session_starved(s))
			r = refuse_starved(s);
		if (r == STEP_STALL && s->fate == FATE_OPEN && session_find_reset(s))
			r = STEP_ON;
	}
}

static bool has_link(const struct session *s)
{
	return s->state == SESSION_BOUND && s->link;
}

static bool is_link_full(const struct session *s)
{
	return has_link(s) && stream_len(&s->link->out) >= STREAM_HIGH;
}

static void watch_link(struct session *s)
{
	if (has_link(s))
		link_watch(s->link);
}

/* A driver takes it well between two transactions, not after the login. */
static void leave_when_done(struct session *s)
{
	bool done = s->state == SESSION_FAILED || (s->state == SESSION_READY && s->begun);

	if (s->front->leaving && done)
		session_enter(s, SESSION_CLOSING);
}

/*
 * Of a link that was full and took all the rest when it was tried once more nobody will tell that
 * there is room: then what waits here goes on at once.
 */
void session_run(struct session *s)
{
	bool was_full;

	do {
		take_steps(s);
		leave_when_done(s);
		was_full = is_link_full(s);
		watch_link(s);
		session_watch(s);
		/* What the client has just taken may let the member go on, and nothing else may
		 * tell. */
		watch_link(s);
	} while (was_full && has_link(s) && !is_link_full(s));
}

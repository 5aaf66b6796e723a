/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What members answer: relayed as it is, matched with what was asked, and the transaction's end. */
#include <string.h>
#include "link.h"
#include "log.h"
#include "place.h"
#include "session.h"
#include "tally.h"

#define LOST "Neo.TransientError.Transaction.InstanceStateChanged"

/* Bytes of l->in that were walked over go to the client. */
static void pass_on(struct session *s, struct link *l)
{
	buf_add(&s->out.b, stream_bytes(&l->in), l->seen);
	stream_take(&l->in, l->seen);
	l->seen = 0;
}

static void answer_ignored_ones(struct session *s)
{
	while (s->asked.n && s->asked.tag[s->asked.first] == ASKED_IGNORED) {
		asked_pop(&s->asked);
		bolt_put_ignored(&s->out.b);
	}
}

static void note_success(struct session *s, uint8_t tag, const struct link *l)
{
	struct bolt_summary summary;

	if (tag == BOLT_RESET || tag == BOLT_ACK_FAILURE) {
		s->failed = s->recovering = false;
		return;
	}
	if (bolt_read_summary(buf_str(&l->summary), l->summary.len, &summary) < 0)
		return;
	s->wrote |= summary.wrote;
	place_note_bookmark(l->member, bolt_bookmark(summary.bookmark));
}

static void note_failure(struct session *s, uint8_t tag)
{
	s->failed = true;
	s->recovering = false;
	if (tag == BOLT_BEGIN) /* nothing was begun */
		s->explicit_tx = false;
}

/* One whole answer; -1 when nothing was asked. */
static int answered(struct session *s, struct link *l)
{
	uint8_t kind = l->chunks.head[1];

	if (!s->asked.n || l->chunks.nhead < 2)
		return -1;
	if (kind == BOLT_RECORD)
		return 0;
	pass_on(s, l);
	uint8_t tag = asked_pop(&s->asked);
	if (kind == BOLT_SUCCESS)
		note_success(s, tag, l);
	else if (kind == BOLT_FAILURE)
		note_failure(s, tag);
	else if (kind != BOLT_IGNORED)
		return -1;
	answer_ignored_ones(s);
	return 0;
}

/* Those at l->seen, at once: nothing in them is looked into. */
static bool pass_records(const struct session *s, struct link *l)
{
	size_t n = chunk_run(&l->chunks, stream_bytes(&l->in) + l->seen,
		stream_len(&l->in) - l->seen, BOLT_RECORD);

	if (!n || !s->asked.n) /* one that nobody asked for is for answered() to refuse */
		return false;
	l->seen += n;
	l->whole = l->seen;
	l->split = false;
	return true;
}

/* Walks over what has come; -1 when the member broke the protocol. */
static int walk(struct session *s, struct link *l)
{
	while (l->seen < stream_len(&l->in)) {
		if (pass_records(s, l))
			continue;
		struct chunk_piece piece = chunk_next(
			&l->chunks, stream_bytes(&l->in) + l->seen, stream_len(&l->in) - l->seen);
		bool record = l->chunks.nhead == 2 && l->chunks.head[1] == BOLT_RECORD;
		l->seen += piece.used;
		if (piece.n && !record && l->summary.len < SUMMARY_MAX)
			buf_add(&l->summary, piece.data, piece.n);
		if (!piece.end)
			continue;
		l->whole = l->seen;
		l->split = false;
		int r = answered(s, l);
		if (!l->seen)
			l->whole = 0;
		l->summary.len = 0;
		if (r < 0)
			return -1;
	}
	return 0;
}

/* Whole messages go on; one that is too long for that goes on as it comes. */
static void pass_whole(struct session *s, struct link *l)
{
	size_t behind = l->seen - l->whole;

	if (behind >= STREAM_READ || l->split) {
		l->split = behind > 0 || l->split;
		l->whole = l->seen;
	}
	buf_add(&s->out.b, stream_bytes(&l->in), l->whole);
	stream_take(&l->in, l->whole);
	l->seen -= l->whole;
	l->whole = 0;
}

/* Is the transaction over when nothing is asked any more? */
static bool over(const struct session *s)
{
	return session_early(s) ? s->ending && !s->failed : s->ending || s->failed;
}

/* The last answer came: the link goes back; after a failure it is reset first. */
static void unbind(struct session *s)
{
	bool failed = s->failed;

	if (s->asked.n || !over(s) || s->fate == FATE_FORWARD)
		return;
	tally_end(s, TALLY_DONE);
	link_release(s->link, failed || session_early(s));
	session_enter(s, failed ? SESSION_FAILED : SESSION_READY);
	if (s->front->proxy->draining)
		session_enter(s, SESSION_CLOSING);
}

int session_relay(struct session *s)
{
	struct link *l = s->link;

	if (walk(s, l) < 0)
		return -1;
	pass_whole(s, l);
	unbind(s);
	session_run(s);
	return 0;
}

/* --- the link's life */

void session_link_ready(struct session *s, const struct bolt_summary *hello)
{
	if (s->state == SESSION_AUTH) {
		bolt_put_hello_success(&s->out.b, s->principal->server ? s->principal->server : "",
			s->number, hello->credentials_expired);
		session_enter(s, SESSION_READY);
		session_run(s);
	} else {
		place_now(s);
	}
}

/* As the member said it: drivers tell a wrong password from other failures by the code. */
void session_link_refused(struct session *s, const struct bolt_summary *why)
{
	char code[128], message[256];

	snprintf(code, sizeof(code), "%.*s", (int)why->code.n, why->code.p);
	snprintf(message, sizeof(message), "%.*s", (int)why->message.n, why->message.p);
	s->front->counters.refused_logins++;
	session_fail(s, code, "%s", message);
	session_enter(s, s->state == SESSION_AUTH ? SESSION_CLOSING : SESSION_FAILED);
	if (s->state == SESSION_FAILED) {
		s->fate = FATE_DROP;
		session_run(s);
	} else {
		session_watch(s);
	}
}

void session_link_failed(struct session *s)
{
	place_again(s);
}

/* May what was lost have been carried out? Then nobody may say that it was not. */
static bool unknown(const struct session *s, bool split)
{
	/* The early COMMIT has an answer before the one to its PULL_ALL. */
	bool commits = s->committing && session_writes(s) && !s->failed;

	return split || (commits && (s->asked.n || session_early(s)));
}

void session_end_transaction(struct session *s, const char *code, const char *why)
{
	bool told = s->failed, reset = false;

	while (s->asked.n) {
		uint8_t tag = asked_pop(&s->asked);
		reset = tag == BOLT_RESET || tag == BOLT_ACK_FAILURE;
		if (reset)
			bolt_put_success(&s->out.b);
		else if (told)
			bolt_put_ignored(&s->out.b);
		else
			session_fail(s, code, "%s; the transaction was rolled back", why);
		told = !reset;
	}
	if (s->fate == FATE_FORWARD)
		s->fate = FATE_DROP;
	session_enter(s, reset ? SESSION_READY : SESSION_FAILED);
}

void session_link_lost(struct session *s, bool split, const char *why)
{
	log_info("a Bolt transaction was lost: %s", why);
	tally_end(s, TALLY_LOST);
	if (session_early(s) && s->failed) { /* only the member knew what was left of it */
		session_close(s);
		return;
	}
	if (unknown(s, split)) {
		s->front->counters.unknown++;
		session_close(s);
		return;
	}
	if (!s->asked.n) {
		s->lost = true;
		return;
	}
	s->front->counters.failed_over++;
	session_end_transaction(s, LOST, why);
	session_run(s);
}

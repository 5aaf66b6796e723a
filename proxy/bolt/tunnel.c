/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/socket.h>
#include "log.h"
#include "members/member.h"
#include "place.h"
#include "session.h"
#include "tally.h"
#include "tunnel.h"

#define ROUTING_TEXT_MAX 512 /* a longer statement is no routing call */
#define ROUTING_MAX 8192     /* bytes of one */

static void tunnel_run(struct tunnel *t);

void tunnels_sweep(struct front *f)
{
	while (f->gone_tunnels.first) {
		struct tunnel *t = container_of(f->gone_tunnels.first, struct tunnel, node);
		list_remove(&t->node);
		free(t);
	}
}

static void drop_member(struct tunnel *t)
{
	loop_del(&t->member);
	cleanup_close(&t->member.fd);
	t->member.fd = -1;
}

static void tunnel_close(struct tunnel *t, enum tally_end how)
{
	if (t->state == TUNNEL_GONE)
		return;
	tally_tunnel_end(t, how); /* unless it ended otherwise before */
	t->state = TUNNEL_GONE;
	loop_timer_del(&t->timer);
	loop_del(&t->client);
	close(t->client.fd);
	drop_member(t);
	stream_wipe(&t->in.bytes); /* a password may be on its way */
	stream_wipe(&t->up);
	stream_free(&t->down);
	buf_free(&t->summary);
	free(t->own_address);
	free(t->from);
	if (t->to)
		t->to->counters.tunnels--;
	list_append(&t->front->gone_tunnels, &t->node);
	(*yield_crowd(t->front->crowds, &t->address))--;
	front_left(t->front);
}

static bool idle(const struct tunnel *t)
{
	return t->state == TUNNEL_OPEN && !t->asked && !t->in_tx && !t->more && !t->local &&
	       !stream_len(&t->down);
}

static bool silent(const struct tunnel *t)
{
	const struct proxy *p = t->front->proxy;

	return loop_now_ms(p->loop) - t->heard_ms >= p->conf->client_ms;
}

/* Who waits for a member, or for its version, has a deadline. */
static bool may_end(const struct tunnel *t)
{
	return idle(t) && (t->begun || silent(t));
}

bool tunnel_owes_login(const struct tunnel *t)
{
	return t->state == TUNNEL_OPEN && !t->known && !t->asked && !t->parting;
}

void tunnel_refuse(struct tunnel *t)
{
	tunnel_close(t, TALLY_REFUSED);
}

/* Whoever leaves when it is owed nothing more has not left before its time. */
static enum tally_end client_left(const struct tunnel *t)
{
	return idle(t) ? TALLY_DONE : TALLY_LEFT;
}

/*
 * Neo4j itself closes after GOODBYE, after the FAILURE of a login or of a broken message, and when
 * there is no version of Bolt that both speak.
 */
static enum tally_end member_left(const struct tunnel *t)
{
	bool disagree = t->state == TUNNEL_OPEN && !t->version.major;

	return t->parting || t->failed || disagree ? TALLY_DONE : TALLY_LOST;
}

/* --- events */

/* A peer that takes nothing of what there is for it does not stay for ever. */
static void watch_progress(struct tunnel *t, size_t before)
{
	size_t left = stream_len(&t->down);

	if (t->state != TUNNEL_OPEN && t->state != TUNNEL_CLOSING)
		return;
	if (!left)
		loop_timer_del(&t->timer);
	else if (left < before || t->timer.heap_index < 0)
		(void)loop_timer_set(
			t->front->proxy->loop, &t->timer, t->front->proxy->conf->client_ms);
}

/* The client is read while there is room for what it says. */
static uint32_t client_wants(const struct tunnel *t)
{
	bool room = stream_len(&t->in.bytes) < STREAM_READ && stream_len(&t->up) < STREAM_HIGH;

	return EPOLLRDHUP | (t->state == TUNNEL_OPEN && room ? EPOLLIN : 0u) |
	       (stream_len(&t->down) ? EPOLLOUT : 0u);
}

/* Not its hang-up while there is no room: the rest of its answer is still to be read. */
static uint32_t member_wants(const struct tunnel *t)
{
	return (stream_len(&t->down) < STREAM_HIGH ? EPOLLIN | EPOLLRDHUP : 0u) |
	       (stream_len(&t->up) ? EPOLLOUT : 0u);
}

static int send_up(struct tunnel *t)
{
	return t->state == TUNNEL_SHAKING || t->state == TUNNEL_OPEN
		       ? stream_send(&t->up, t->member.fd, &t->to->counters.bytes_in)
		       : 0;
}

static void tunnel_watch(struct tunnel *t)
{
	size_t before = stream_len(&t->down);

	if (t->state == TUNNEL_GONE)
		return;
	if (stream_send(&t->down, t->client.fd, &t->front->counters.bytes_out) < 0) {
		tunnel_close(t, TALLY_LEFT);
		return;
	}
	if (send_up(t) < 0) {
		tunnel_close(t, member_left(t));
		return;
	}
	watch_progress(t, before);
	bool done = t->state == TUNNEL_CLOSING ? !stream_len(&t->down)
					       : t->front->proxy->draining && may_end(t);
	if (done) {
		tunnel_close(t, TALLY_DONE);
		return;
	}
	loop_mod(&t->client, client_wants(t));
	if (t->state != TUNNEL_CONNECTING)
		loop_mod(&t->member, member_wants(t));
}

/* --- the routing call */

static void find_table(const struct tunnel *t, const char *address, struct routing_table *table)
{
	char own[ROUTING_ADDRESS_MAX];

	if (!*address) {
		if (t->own_address)
			snprintf(own, sizeof(own), "%s", t->own_address);
		else
			place_own_address(t->client.fd, own);
		address = own;
	}
	routing_by_ports(table, address, t->front->proxy->conf);
}

/* Is it one, as far as its first bytes tell? 1: yes; 0: no; -1: more of it must come first. */
static int looks_like_routing(const struct tunnel *t, const struct buf *data)
{
	struct pack r = pack_of(buf_str(data), data->len);
	uint8_t tag = inbox_tag(&t->in);

	if (tag == BOLT_ROUTE)
		return 1;
	if (tag != BOLT_RUN)
		return 0;
	(void)pack_next(&r);
	struct pack_value text = pack_next(&r);
	if (text.type == PACK_STRING)
		return routing_is_call(text.s);
	return t->in.ended || data->len >= ROUTING_TEXT_MAX ? 0 : -1;
}

/* Answers the whole call in data. */
static void answer_call(struct tunnel *t, const struct buf *data)
{
	struct routing_call call;

	routing_read_call(buf_str(data), data->len, &call);
	t->front->counters.routing_calls++;
	find_table(t, call.address, &t->table);
	if (t->failed) {
		bolt_put_ignored(&t->down.b);
	} else if (inbox_tag(&t->in) == BOLT_ROUTE) {
		routing_put_rt(&t->down.b, &t->table, *call.database ? call.database : NULL);
	} else {
		routing_put_fields(&t->down.b);
		t->local = true;
	}
}

/* What it says is no Bolt, or comes where nothing of the kind may. */
static void refuse(struct tunnel *t)
{
	t->front->counters.bad_messages++;
	tunnel_close(t, TALLY_REFUSED);
}

/* PULL, in most cases, of our own answer. */
static void answer_local(struct tunnel *t)
{
	uint8_t tag = inbox_tag(&t->in);

	t->local = false;
	if (tag == BOLT_PULL)
		routing_put_table(&t->down.b, &t->table);
	else if (tag == BOLT_DISCARD || tag == BOLT_RESET)
		bolt_put_success(&t->down.b);
	else if (tag == BOLT_GOODBYE)
		tunnel_close(t, TALLY_DONE);
	else
		refuse(t);
}

/* --- the client's messages */

static void note_request(struct tunnel *t)
{
	uint8_t tag = inbox_tag(&t->in);

	t->fate = FATE_FORWARD;
	t->parting = tag == BOLT_GOODBYE;
	if (t->parting)
		return;
	t->asked++;
	t->begun |= tag == BOLT_RUN || tag == BOLT_BEGIN || tag == BOLT_RESET;
	t->recovering |= tag == BOLT_RESET || tag == BOLT_ACK_FAILURE;
	if (tag == BOLT_BEGIN)
		t->in_tx = true;
	if (tag == BOLT_COMMIT || tag == BOLT_ROLLBACK || tag == BOLT_RESET)
		t->in_tx = false;
}

/* May we speak now? Only between the member's answers, when it owes none. */
static bool may_answer(const struct tunnel *t)
{
	return !t->asked && !t->answers.begun && !t->answers.half;
}

/* False: it waits, for more of it or for its turn. */
static bool decide(struct tunnel *t)
{
	_cleanup_buf_ struct buf data = {0};

	if (t->local) {
		if (t->in.ended)
			answer_local(t);
		return t->in.ended;
	}
	inbox_data(&t->in, &data);
	int routing = buf_ok(&data) ? looks_like_routing(t, &data) : 0;
	if (routing < 0)
		return false;
	if (!routing || (!t->in.ended && data.len >= ROUTING_MAX)) {
		note_request(t);
		return true;
	}
	if (!t->in.ended || !may_answer(t))
		return false;
	answer_call(t, &data);
	return true;
}

/* False: nothing more to do until something comes. */
static bool step(struct tunnel *t)
{
	inbox_walk(&t->in);
	if (!t->in.seen)
		return false;
	if (t->fate == FATE_OPEN) {
		if (!inbox_has_tag(&t->in)) {
			if (t->in.ended)
				refuse(t);
			return false;
		}
		if (!decide(t))
			return false;
	}
	if (t->state == TUNNEL_GONE)
		return false;
	if (t->fate == FATE_FORWARD)
		buf_add(&t->up.b, stream_bytes(&t->in.bytes), t->in.seen);
	if (!t->in.ended) {
		inbox_take(&t->in);
		return false;
	}
	inbox_next(&t->in);
	t->fate = FATE_OPEN;
	return true;
}

static void tunnel_run(struct tunnel *t)
{
	bool more = true;

	while (more && t->state == TUNNEL_OPEN && stream_len(&t->up) < STREAM_HIGH) {
		while (more && t->state == TUNNEL_OPEN && stream_len(&t->up) < STREAM_HIGH)
			more = step(t);
		if (send_up(t) < 0) {
			tunnel_close(t, member_left(t));
			return;
		}
	}
	tunnel_watch(t);
}

/* --- the member's answers */

static bool is_record(const struct tunnel *t)
{
	return t->answers.nhead == sizeof(t->answers.head) && t->answers.head[1] == BOLT_RECORD;
}

/* What is too long to be read is the end of a result, with its plan. */
static bool leaves_more(const struct tunnel *t)
{
	struct bolt_summary s;

	return bolt_read_summary(buf_str(&t->summary), t->summary.len, &s) == 0 && s.more;
}

static void note_answer(struct tunnel *t)
{
	uint8_t tag = t->answers.head[1];

	if (t->answers.nhead < sizeof(t->answers.head) || tag == BOLT_RECORD)
		return;
	if (t->asked)
		t->asked--;
	t->known |= tag == BOLT_SUCCESS;
	t->more = tag == BOLT_SUCCESS && leaves_more(t);
	if (tag == BOLT_FAILURE) {
		t->failed = true;
		t->in_tx = false;
	}
	if (!t->asked && t->recovering)
		t->failed = t->recovering = false;
}

static void hear(struct tunnel *t, size_t from)
{
	const uint8_t *p = stream_bytes(&t->down) + from;
	size_t n = stream_len(&t->down) - from;

	while (n) {
		size_t records = chunk_run(&t->answers, p, n, BOLT_RECORD);
		p += records;
		n -= records;
		struct chunk_piece piece = chunk_next(&t->answers, p, n);
		p += piece.used;
		n -= piece.used;
		if (piece.n && !is_record(t) && t->summary.len < SUMMARY_MAX)
			buf_add(&t->summary, piece.data, piece.n);
		if (piece.end) {
			note_answer(t);
			t->summary.len = 0;
		}
	}
}

/* The version they agreed on; 0: none, and the member closes. */
static void shaken(struct tunnel *t)
{
	const uint8_t *v = stream_bytes(&t->down);

	if (stream_len(&t->down) < sizeof(uint32_t))
		return;
	stream_take(&t->in.bytes, HANDSHAKE_SIZE);
	t->version = (struct bolt_version){.major = v[3], .minor = v[2]};
	t->state = TUNNEL_OPEN;
	tally_tunnel_answered(t);
	loop_timer_del(&t->timer);
	hear(t, sizeof(uint32_t));
}

static void wait_for_member(struct tunnel *t)
{
	int64_t left = t->deadline_ms - boottime_ms();

	t->state = TUNNEL_WAITING;
	(void)loop_timer_set(t->front->proxy->loop, &t->timer, left > 0 ? left : 0);
}

/* Gives up the member: another one may do. Nothing of the client's has been sent yet. */
static void unplace(struct tunnel *t)
{
	member_suspect(t->to->member);
	t->to->counters.errors++;
	t->to->shunned_until_ms = boottime_ms() + SHUN_MS;
	t->to->counters.tunnels--;
	t->to = NULL;
	tally_tunnel_again(t);
	drop_member(t);
	stream_free(&t->up);
	stream_free(&t->down);
	wait_for_member(t);
	front_kick(t->front);
}

static void member_read(struct tunnel *t)
{
	size_t before = stream_len(&t->down);
	uint64_t had = t->bytes;
	int n = stream_recv(&t->down, t->member.fd, &t->bytes);

	t->heard_ms = loop_now_ms(t->front->proxy->loop);
	t->to->counters.bytes_out += t->bytes - had;
	if (n < 0 && t->state == TUNNEL_SHAKING) {
		unplace(t);
		return;
	}
	if (n < 0) { /* what it said last still goes to the client */
		tally_tunnel_end(t, member_left(t));
		t->state = TUNNEL_CLOSING;
		drop_member(t);
		tunnel_watch(t);
		return;
	}
	if (t->state == TUNNEL_SHAKING)
		shaken(t);
	else if (n > 0)
		hear(t, before);
	tunnel_run(t);
}

/*
 * The client's twenty bytes, but for the manifest: then the member's answer is four bytes, and all
 * that is said after it is messages. Drivers that offer a manifest offer the versions, too.
 */
static void greet(struct tunnel *t)
{
	uint8_t bytes[HANDSHAKE_SIZE];

	memcpy(bytes, stream_bytes(&t->in.bytes), sizeof(bytes));
	handshake_drop_manifest(bytes);
	buf_add(&t->up.b, bytes, sizeof(bytes));
	t->state = TUNNEL_SHAKING;
	tally_tunnel_connected(t);
	tunnel_watch(t);
}

static void member_ready(struct loop_source *source, uint32_t events)
{
	struct tunnel *t = container_of(source, struct tunnel, member);

	if (t->state == TUNNEL_CONNECTING) {
		if (net_error(t->member.fd))
			unplace(t);
		else
			greet(t);
		return;
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		member_read(t);
	else
		tunnel_run(t);
}

static void client_ready(struct loop_source *source, uint32_t events)
{
	struct tunnel *t = container_of(source, struct tunnel, client);
	int n = 0;

	if (events & EPOLLIN && t->client.events & EPOLLIN)
		n = stream_recv(&t->in.bytes, t->client.fd, &t->front->counters.bytes_in);
	if (n > 0)
		t->heard_ms = loop_now_ms(t->front->proxy->loop);
	if (n < 0 || (n == 0 && events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
		tunnel_close(t, client_left(t));
	else
		tunnel_run(t);
}

static void expired(struct loop_timer *timer)
{
	struct tunnel *t = container_of(timer, struct tunnel, timer);

	if (t->state == TUNNEL_CONNECTING || t->state == TUNNEL_SHAKING)
		unplace(t);
	else
		tunnel_close(t, t->state == TUNNEL_WAITING ? TALLY_WAITED : TALLY_SLOW);
}

/* --- its member */

static void count_placed(struct tunnel *t)
{
	struct bolt_member_counters *c = &t->to->counters;

	t->front->counters.tunnels += !t->attempts++;
	c->links++;
	c->tunnels_total++;
	if (++c->tunnels > c->tunnels_max)
		c->tunnels_max = c->tunnels;
	tally_tunnel_begin(t);
}

static void place(struct tunnel *t)
{
	struct bolt_member *m = place_tunnel(t->front, t->read);
	int fd = m ? net_connect(&m->member->conf->bolt) : -1;

	if (fd < 0)
		return;
	t->member = (struct loop_source){.fd = fd, .events = EPOLLOUT, .ready = member_ready};
	if (loop_add(t->front->proxy->loop, &t->member) < 0) {
		drop_member(t);
		return;
	}
	t->to = m;
	count_placed(t);
	t->state = TUNNEL_CONNECTING;
	(void)loop_timer_set(t->front->proxy->loop, &t->timer, t->front->proxy->conf->connect_ms);
}

void tunnels_place(struct front *f)
{
	for (struct list_node *n = f->tunnels.first; n; n = n->next) {
		struct tunnel *t = container_of(n, struct tunnel, node);
		if (t->state == TUNNEL_WAITING)
			place(t);
	}
}

void tunnel_take(struct session *s)
{
	struct front *f = s->front;
	struct tunnel *t = calloc(1, sizeof(*t));
	int fd = s->source.fd;

	loop_del(&s->source);
	s->source.fd = -1;
	if (t) {
		*t = (struct tunnel){
			.client = {.fd = fd, .events = EPOLLRDHUP, .ready = client_ready},
			.member = {.fd = -1},
			.front = f,
			.read = s->read_port,
			.own_address = s->own_address,
			.address = s->address,
			.from = s->from,
			.in = s->in,
		};
		s->in = (struct inbox){0};
		s->own_address = NULL;
		s->from = NULL;
		loop_timer_init(&t->timer, expired);
	}
	session_close(s);
	if (!t) {
		close(fd);
		return;
	}
	list_append(&f->tunnels, &t->node);
	(*yield_crowd(f->crowds, &t->address))++;
	if (loop_add(f->proxy->loop, &t->client) < 0) {
		tunnel_close(t, TALLY_REFUSED);
		return;
	}
	t->deadline_ms = boottime_ms() + f->proxy->conf->hold_ms;
	tally_tunnel_ask(t);
	wait_for_member(t);
	place(t);
	f->counters.held += !t->to;
}

/* --- their end */

void tunnels_cut(struct front *f, const struct bolt_member *m, bool writes_only, const char *why)
{
	size_t cut = 0;

	for (struct list_node *n = f->tunnels.first, *next; n; n = next) {
		struct tunnel *t = container_of(n, struct tunnel, node);
		next = n->next;
		if (t->to != m || (writes_only && t->read))
			continue;
		tunnel_close(t, TALLY_LOST);
		cut++;
	}
	if (cut)
		log_info("%s: %zu Bolt connections closed: %s", m->member->conf->name, cut, why);
}

void tunnels_drain(struct front *f)
{
	for (struct list_node *n = f->tunnels.first, *next; n; n = next) {
		struct tunnel *t = container_of(n, struct tunnel, node);
		next = n->next;
		if (may_end(t))
			tunnel_close(t, TALLY_DONE);
	}
}

void tunnels_stop(struct front *f)
{
	while (f->tunnels.first)
		tunnel_close(container_of(f->tunnels.first, struct tunnel, node), TALLY_REFUSED);
	tunnels_sweep(f);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "ask.h"
#include "cmd.h"
#include "io.h"
#include "net.h"
#include "remote.h"
#include "talk_line.h"
#include "view.h"

#define CONNECT_MS 5000
#define HELLO_MS 10000
#define WORD_MS 90000 /* longer than an agent lets a session idle */

static void add_key(struct remote *r, const char *hex)
{
	uint8_t secret[SEALED_SECRET], id[SEALED_CLUSTER_ID];

	if (hex_decode(secret, sizeof(secret), hex) == 0 && hex_decode(id, sizeof(id), r->id) == 0)
		sealed_key_derive(&r->keys.key[r->keys.n++], secret, id);
	sodium_memzero(secret, sizeof(secret));
}

void remote_use(struct remote *r, const struct state *s)
{
	memcpy(r->id, s->id, sizeof(r->id));
	r->keys.n = 0;
	add_key(r, s->secret);
	if (s->next[0])
		add_key(r, s->next);
}

int remote_open(struct remote *r, const char *conf, struct err *e)
{
	struct state s;

	*r = (struct remote){.cluster = cluster_load(conf, e)};
	if (!r->cluster || state_read(r->cluster, &s, e) < 0)
		return -1;
	remote_use(r, &s);
	sodium_memzero(&s, sizeof(s));
	return 0;
}

void remote_close(struct remote *r)
{
	cluster_free(r->cluster);
	sodium_memzero(r, sizeof(*r));
}

int remote_pause(unsigned ms, struct err *e)
{
	if (!interrupted)
		usleep(ms * 1000);
	return check_interrupted(e);
}

/* --- one connection */

int remote_address(const struct node *n, unsigned port, struct sockaddr_in *to)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
	_cleanup_free_ char *local = xasprintf("%s.local", n->name);

	*to = (struct sockaddr_in){.sin_family = AF_INET};
	if (inet_pton(AF_INET, n->address, &to->sin_addr) != 1) {
		if (getaddrinfo(local, NULL, &hints, &found) != 0) {
			errno = EADDRNOTAVAIL;
			return -1;
		}
		memcpy(to, found->ai_addr, sizeof(*to));
		freeaddrinfo(found);
	}
	to->sin_port = htons((uint16_t)port);
	return 0;
}

static int open_line(const struct node *n, int ms)
{
	struct sockaddr_in to;

	if (remote_address(n, CONTROL_PORT, &to) < 0)
		return -1;
	_cleanup_close_ int fd = net_connect(&to);
	if (fd < 0 || talk_line_wait(fd, POLLOUT, ms) < 0)
		return -1;
	errno = net_error(fd);
	return errno ? -1 : steal_fd(&fd);
}

bool remote_listens(const struct node *n)
{
	_cleanup_close_ int fd = open_line(n, 1000);

	return fd >= 0;
}

static int line_broke(const char *what, struct err *e)
{
	if (interrupted)
		return check_interrupted(e);
	return err_errno(e, "%s", what);
}

/* --- who is it that hangs up? */

/* An agent says nothing to whom it does not know; what it tells everybody may explain it. */
static int explain_silence(const struct remote *r, const struct node *n, struct err *e)
{
	_cleanup_buf_ struct buf body = {0};
	struct sockaddr_in to;
	struct err ignored;
	json_error_t je;

	if (remote_address(n, AGENT_PORT, &to) < 0 || ask_agent(&to, n->name, &body, &ignored) < 0)
		return err_set(e, "hangs up without a word: is this an agent of this cluster?");
	_cleanup_json_ json_t *json = json_loadb(buf_str(&body), body.len, 0, &je);
	const char *id = json_string_value(json_object_get(json, "id"));
	const char *name = json_string_value(json_object_get(json, "cluster"));
	if (!id || !json_object_get(json, "control"))
		return err_set(e, "its agent is older than this bramble and takes no commands; "
				  "flash its card anew");
	if (strcmp(id, r->id) == 0)
		return err_set(e, "the cluster has another secret than its state folder here; "
				  "bramble recover-state takes it from a card");
	char safe[64];
	view_text(safe, sizeof(safe), name ? name : "?");
	return err_set(
		e, "a node of another cluster (\"%s\", id %.32s) has that address", safe, id);
}

/* Until messages can be written. 1: it hangs up without a word. */
static int shake_hands(struct talk_line *l, const struct sealed_key *key, struct err *e)
{
	struct talk_word w;

	talk_begin(&l->talk, key);
	while (l->talk.sealed.phase == SEALED_WAITS_FOR_HELLO ||
		l->talk.sealed.phase == SEALED_WAITS_FOR_HEADER) {
		if (talk_line_send(l, WORD_MS) < 0)
			return line_broke("cannot be told anything", e);
		int got = talk_line_receive(l, HELLO_MS);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return 1;
		if (got < 0)
			return line_broke("gives no answer", e);
		if (talk_next(&l->talk, &w, e) < 0)
			return -1;
	}
	return 0;
}

void remote_collect(void *arg, const char *p, size_t n)
{
	buf_add(arg, p, n);
}

static int take_answer(json_t *json, json_t **answer, struct err *e)
{
	_cleanup_json_ json_t *mine = json;
	const char *why = json_string_value(json_object_get(json, "error"));
	const char *code = json_string_value(json_object_get(json, "code"));
	char safe[900];

	if (json_is_true(json_object_get(json, "ok"))) {
		if (answer)
			*answer = steal(&mine);
		return 0;
	}
	view_text(safe, sizeof(safe), why ? why : "it says no, and not why");
	return err_code(e, code && strcmp(code, "busy") == 0 ? EXIT_BUSY : EXIT_FAILED, "%s", safe);
}

static void take_progress(const struct remote_listener *l, const json_t *json)
{
	const char *text = json_string_value(json_object_get(json, "progress"));
	char safe[256];

	view_text(safe, sizeof(safe), text ? text : "");
	if (l && l->progress)
		l->progress(l->arg, safe);
}

/* 1: that was the answer, well or not (-1); 0: there is more to come. */
static int take_word(
	const struct remote_listener *l, struct talk_word *w, json_t **answer, struct err *e)
{
	if (w->kind == TALK_DATA) {
		if (l && l->data)
			l->data(l->arg, w->data, w->n);
		if (l && l->take && l->take(l->take_arg, w->data, w->n) < 0)
			return err_set(e, "what it sent cannot be kept");
		return 0;
	}
	if (json_object_get(w->json, "ok"))
		return take_answer(w->json, answer, e) < 0 ? -1 : 1;
	take_progress(l, w->json);
	json_decref(w->json);
	return 0;
}

/* The words that have come: 1 when the answer is among them, -1 also for a no, 0: more to come. */
static int take_words(
	struct talk_line *line, const struct remote_listener *l, json_t **answer, struct err *e)
{
	struct talk_word w;
	int r, taken = 0;

	while (!taken && (r = talk_next(&line->talk, &w, e)) != 0)
		taken = r < 0 ? -1 : take_word(l, &w, answer, e);
	return taken;
}

static int hear_answer(
	struct talk_line *line, const struct remote_listener *l, json_t **answer, struct err *e)
{
	for (;;) {
		int r = take_words(line, l, answer, e);
		if (r)
			return r < 0 ? -1 : 0;
		if (check_interrupted(e) < 0) /* while data flows no wait is cut short */
			return -1;
		r = talk_line_receive(line, WORD_MS);
		if (r == 0)
			return err_set(e, "hung up before it answered");
		if (r < 0)
			return line_broke("gives no answer", e);
	}
}

/* A line on which messages can be written, with the first key that is known there. */
static int call_node(
	const struct remote *r, const struct node *n, struct talk_line *line, struct err *e)
{
	for (size_t i = 0; i < r->keys.n; i++) {
		talk_line_close(line);
		*line = (struct talk_line){.fd = open_line(n, CONNECT_MS)};
		if (line->fd < 0)
			return line_broke("cannot be reached", e);
		int rc = shake_hands(line, &r->keys.key[i], e);
		if (rc <= 0)
			return rc;
	}
	return explain_silence(r, n, e);
}

static bool has_said(const struct talk_line *line)
{
	struct pollfd p = {.fd = line->fd, .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

#define PIECE (TALK_DATA_MAX / 2)

static int send_piece(struct talk_line *line, const struct buf *piece)
{
	for (size_t at = 0; at < piece->len; at += PIECE) {
		size_t n = piece->len - at;
		talk_data(&line->talk, piece->data + at, n < PIECE ? n : PIECE);
	}
	return buf_ok(&line->talk.out) ? talk_line_send(line, WORD_MS) : -1;
}

/*
 * 0: all is sent, or the line broke on the way: then it has an answer on it, or nothing, and
 * hear_answer tells. It may say no before it has all: 1 or -1 as of take_words, and nothing more is
 * sent.
 */
static int feed(
	struct talk_line *line, const struct remote_listener *l, json_t **answer, struct err *e)
{
	_cleanup_buf_ struct buf piece = {0};
	int more = 1;

	while (more > 0) {
		if (has_said(line)) {
			if (talk_line_receive(line, WORD_MS) <= 0)
				return 0;
			int r = take_words(line, l, answer, e);
			if (r)
				return r;
		}
		piece.len = 0;
		more = l->feed(l->feed_arg, &piece, e);
		if (more < 0 || check_interrupted(e) < 0)
			return -1;
		if (!buf_ok(&piece))
			return err_set(e, "out of memory");
		if (piece.len && send_piece(line, &piece) < 0)
			return 0;
	}
	return 0;
}

static int converse(struct talk_line *line, json_t *request, const struct remote_listener *l,
	json_t **answer, struct err *e)
{
	talk_json(&line->talk, json_incref(request));
	if (!buf_ok(&line->talk.out))
		return err_set(e, "out of memory");
	if (talk_line_send(line, WORD_MS) < 0)
		return line_broke("cannot be told", e);
	int r = l && l->feed ? feed(line, l, answer, e) : 0;
	return r ? (r < 0 ? -1 : 0) : hear_answer(line, l, answer, e);
}

static int name_node(const struct node *n, struct err *e)
{
	if (interrupted)
		return check_interrupted(e);
	return err_prefix(e, "%s (%s)", n->name, n->address[0] ? n->address : "by mDNS");
}

int remote_ask(const struct remote *r, const struct node *n, json_t *request,
	const struct remote_listener *l, json_t **answer, bool *reached, struct err *e)
{
	_cleanup_json_ json_t *mine = request;
	_cleanup_talk_line_ struct talk_line line = {.fd = -1};

	int rc = call_node(r, n, &line, e);
	if (reached)
		*reached = rc == 0;
	if (rc == 0)
		rc = converse(&line, request, l, answer, e);
	return rc == 0 ? 0 : name_node(n, e);
}

int remote_check_word(const char *what, const char *word, struct err *e)
{
	_cleanup_json_ json_t *json = json_string(word);

	return json ? 0 : err_code(e, EXIT_USAGE, "%s is not UTF-8", what);
}

/* A remote_file on its way. */
struct reading {
	const struct remote_file *file;
	int fd;
	uint64_t at;
};

static void reading_close(struct reading *r)
{
	cleanup_close(&r->fd);
}

static int feed_file(void *arg, struct buf *out, struct err *e)
{
	struct reading *r = arg;
	const struct remote_file *f = r->file;
	size_t n = f->size - r->at < PIECE ? (size_t)(f->size - r->at) : PIECE;
	char piece[PIECE];

	if (f->bytes) {
		buf_add(out, f->bytes + r->at, n);
	} else {
		if (r->fd < 0)
			r->fd = open(f->path, O_RDONLY | O_CLOEXEC);
		if (r->fd < 0 || io_pread_full(r->fd, piece, n, (off_t)r->at) < 0)
			return err_errno(e, "%s", f->path);
		buf_add(out, piece, n);
	}
	r->at += n;
	return r->at < f->size;
}

int remote_give(const struct remote *r, const struct node *n, json_t *request,
	const struct remote_file *file, json_t **answer, struct err *e)
{
	_cleanup_(reading_close) struct reading reading = {.file = file, .fd = -1};
	struct remote_listener l = {.feed = feed_file, .feed_arg = &reading};

	return remote_ask(r, n, request, &l, answer, NULL, e);
}

/* --- what many commands want */

static void copy_text(const json_t *json, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(json, key));

	view_text(to, size, text ? text : "");
}

int remote_status(
	const struct remote *r, const struct node *n, struct remote_status *s, struct err *e)
{
	_cleanup_json_ json_t *answer = NULL;

	*s = (struct remote_status){.last_tx = -1};
	if (remote_ask(r, n, json_pack("{s:s}", "verb", "status"), NULL, &answer, &s->reached, e) <
		0)
		return -1;
	copy_text(answer, "state", s->state, sizeof(s->state));
	copy_text(answer, "neo4j", s->neo4j, sizeof(s->neo4j));
	copy_text(answer, "why", s->why, sizeof(s->why));
	s->writable = json_is_true(json_object_get(answer, "writable"));
	s->generation = json_integer_value(json_object_get(answer, "generation"));
	s->decided = json_integer_value(json_object_get(answer, "decided"));
	s->goal = json_integer_value(json_object_get(answer, "goal"));
	s->owed = json_integer_value(json_object_get(answer, "owed"));
	const json_t *tx = json_object_get(answer, "last_tx");
	if (json_is_integer(tx))
		s->last_tx = json_integer_value(tx);
	return 0;
}

void remote_tell(void *arg, const char *text)
{
	struct remote_teller *t = arg;

	if (strcmp(t->last, text) == 0)
		return;
	snprintf(t->last, sizeof(t->last), "%s", text);
	printf("%s: %s\n", t->node, text);
	fflush(stdout);
}

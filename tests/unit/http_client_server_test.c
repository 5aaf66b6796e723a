/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The small HTTP client against the small HTTP server and against scripted peers, in one loop. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "http_client.h"
#include "http_server.h"
#include "tap.h"

static struct loop *loop;
static struct http_server *server;
static int requests;

struct outcome {
	int calls;
	unsigned status;
	int error;
	char body[4096], why[128];
};

static void on_request(void *arg, const struct http_head *h, struct http_answer *a)
{
	(void)arg;
	requests++;
	if (slice_eq(h->target, "/big")) {
		for (int i = 0; i < 20000; i++)
			buf_puts(&a->body, "0123456789");
		return;
	}
	if (slice_eq(h->target, "/secret") && !http_basic_auth_ok(h, "admin", "pa:ss")) {
		a->status = 401;
		buf_puts(&a->fields, "WWW-Authenticate: Basic realm=\"x\"\r\n");
	}
	buf_printf(&a->body, "%.*s %.*s", (int)h->method.n, h->method.p, (int)h->target.n,
		h->target.p);
}

static void on_done(void *arg, const struct http_result *r)
{
	struct outcome *o = arg;

	o->calls++;
	o->status = r->status;
	o->error = r->error;
	snprintf(o->body, sizeof(o->body), "%.*s", (int)r->body.n, r->body.p);
	snprintf(o->why, sizeof(o->why), "%s", r->why);
	loop_stop(loop);
}

static void run(void)
{
	struct err e;

	if (loop_run(loop, &e) < 0)
		printf("# %s\n", e.msg);
}

static struct outcome request(struct http_client *c, const char *method, const char *target,
	const char *fields, const char *body, int64_t timeout_ms)
{
	struct outcome o = {0};

	http_client_send(c, method, target, fields, body, timeout_ms, on_done, &o);
	run();
	return o;
}

static struct http_client *client_for(unsigned port, size_t max_body)
{
	char where[32];
	struct sockaddr_in to;

	snprintf(where, sizeof(where), "127.0.0.1:%u", port);
	return parse_inet(where, &to) < 0 ? NULL : http_client_new(loop, &to, max_body);
}

static void test_requests(void)
{
	struct http_client *c = client_for(http_server_port(server), 1000);
	struct outcome o = request(c, "GET", "/x", "", "", 20000);
	is_int(o.status, 200, "GET is answered");
	is_str(o.body, "GET /x", "the handler's body arrives");
	o = request(c, "GET", "/y", "", "", 20000);
	is_str(o.body, "GET /y", "a second request on the kept connection");
	o = request(c, "HEAD", "/y", "", "", 20000);
	ok(o.status == 200 && !o.body[0], "HEAD has no body");
	o = request(c, "POST", "/y", "", "{}", 20000);
	is_int(o.status, 413, "a body is refused");
	o = request(c, "POST", "/y", "", "", 20000);
	is_int(o.status, 405, "POST is refused");
	o = request(c, "GET", "/big", "", "", 20000);
	is_int(o.status, 0, "an answer beyond max_body is none");
	is_str(o.why, "answer too large", "it says why");
	o = request(c, "GET", "bad target", "", "", 20000);
	is_int(o.status, 400, "the server refuses a malformed request");
	http_client_free(c);

	c = client_for(http_server_port(server), 1 << 20);
	o = request(c, "GET", "/big", "", "", 20000);
	is_int(o.status, 200, "a large answer is taken when allowed");
	http_client_free(c);
}

static void test_auth(void)
{
	struct http_client *c = client_for(http_server_port(server), 1000);

	is_int(request(c, "GET", "/secret", "", "", 20000).status, 401, "no credentials: 401");
	is_int(request(c, "GET", "/secret", "Authorization: Basic YWRtaW46cGE6c3M=\r\n", "", 20000)
			.status,
		200, "admin:pa:ss is let in");
	is_int(request(c, "GET", "/secret", "Authorization: Basic YWRtaW46cGE6c3Q=\r\n", "", 20000)
			.status,
		401, "a wrong password is not");
	is_int(request(c, "GET", "/secret", "Authorization: Basic\r\n", "", 20000).status, 401,
		"empty credentials are not");
	http_client_free(c);
}

/* A peer that plays a script: for each connection, waits for a head, then sends the next text. */
struct peer {
	struct loop_source listener, conn;
	const char *const *script; /* NULL-terminated; "" closes the connection without a word */
	int heads, connections;
};

static struct peer peer;

static void peer_read(struct loop_source *s, uint32_t events)
{
	char in[4096];
	ssize_t n = recv(s->fd, in, sizeof(in), 0);
	const char *say = n > 0 ? *peer.script : NULL;

	(void)events;
	if (n < 0 && errno == EAGAIN)
		return;
	if (say)
		peer.script++;
	if (say && *say && *say != '!') {
		peer.heads++;
		(void)!send(s->fd, say, strlen(say), MSG_NOSIGNAL);
		return;
	}
	if (say && *say == '!') {
		(void)!send(s->fd, say + 1, strlen(say + 1), MSG_NOSIGNAL);
		peer.heads++;
	}
	if (!say && n > 0)
		return; /* silent */
	loop_del(s);
	close(s->fd);
	s->fd = -1;
}

static void peer_accept(struct loop_source *s, uint32_t events)
{
	struct sockaddr_storage from;
	int fd = net_accept(s->fd, &from);

	(void)events;
	if (fd < 0)
		return;
	peer.connections++;
	if (peer.conn.loop) {
		loop_del(&peer.conn);
		close(peer.conn.fd);
	}
	peer.conn = (struct loop_source){.fd = fd, .events = EPOLLIN, .ready = peer_read};
	if (loop_add(loop, &peer.conn) < 0)
		close(fd);
}

static struct http_client *peer_start(const char *const *script, size_t max_body)
{
	struct err e;

	peer = (struct peer){.script = script};
	peer.listener = (struct loop_source){
		.fd = net_listen("127.0.0.1:0", &e), .events = EPOLLIN, .ready = peer_accept};
	if (peer.listener.fd < 0 || loop_add(loop, &peer.listener) < 0)
		return NULL;
	return client_for(net_port(peer.listener.fd), max_body);
}

static void peer_stop(struct http_client *c)
{
	http_client_free(c);
	loop_del(&peer.listener);
	close(peer.listener.fd);
	if (peer.conn.loop) {
		loop_del(&peer.conn);
		close(peer.conn.fd);
	}
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static void test_framings(void)
{
	static const char *const script[] = {OK_HEAD
		"Transfer-Encoding: chunked\r\n\r\n3\r\nmas\r\n3;x=y\r\nter\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" OK_HEAD "Content-Length: 5\r\n\r\nslave",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n6\r\n123456\r\n0\r\n\r\n",
		"!" OK_HEAD "\r\nuntil close", "!" OK_HEAD "Content-Length: 9\r\n\r\nshort",
		"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", NULL};
	struct http_client *c = peer_start(script, 11);

	is_str(request(c, "GET", "/", "", "", 20000).body, "master", "chunked");
	is_str(request(c, "GET", "/", "", "", 20000).body, "slave", "100 first, then a length");
	is_str(request(c, "GET", "/", "", "", 20000).why, "answer too large",
		"chunks that are too large together");
	is_str(request(c, "GET", "/", "", "", 20000).body, "until close", "until close");
	is_int(request(c, "GET", "/", "", "", 20000).status, 0, "cut short");
	is_str(request(c, "GET", "/", "", "", 20000).why, "malformed answer", "bare LF");
	is_str(request(c, "GET", "/", "", "", 20000).why, "malformed answer", "bad chunk");
	peer_stop(c);
}

static void test_stale_connection(void)
{
	static const char *const script[] = {OK_HEAD "Content-Length: 1\r\n\r\na", "",
		OK_HEAD "Content-Length: 1\r\n\r\nb", "", "", NULL};
	struct http_client *c = peer_start(script, 11);

	is_str(request(c, "GET", "/", "", "", 20000).body, "a", "first");
	is_str(request(c, "GET", "/", "", "", 20000).body, "b",
		"a GET survives the close of the kept connection");
	is_int(peer.connections, 2, "on a second connection");
	struct outcome o = request(c, "POST", "/", "", "{}", 20000);
	ok(o.status == 0 && o.calls == 1, "a POST is not sent twice");
	is_str(o.why, "connection closed", "it says why");
	is_int(peer.connections, 3, "a POST has a connection of its own");
	peer_stop(c);
}

static void test_timeout_and_refusal(void)
{
	static const char *const script[] = {NULL};
	struct http_client *c = peer_start(script, 11);
	struct outcome o = request(c, "GET", "/", "", "", 30);

	is_str(o.why, "timeout", "a silent peer: timeout");
	is_int(o.calls, 1, "one outcome");
	http_client_send(c, "GET", "/", "", "", 10, on_done, &o);
	http_client_cancel(c);
	ok(!http_client_busy(c), "cancelled");
	unsigned port = net_port(peer.listener.fd);
	peer_stop(c);

	c = client_for(port, 1000);
	o = request(c, "GET", "/", "", "", 20000);
	ok(o.calls == 1 && o.status == 0 && o.why[0], "refused: %s", o.why);
	is_int(o.error, ECONNREFUSED, "with its errno");
	http_client_free(c);
}

/* Sends raw bytes to the server and collects what comes until it closes or falls silent. */
struct raw {
	struct loop_source source;
	struct buf got;
};

static void raw_read(struct loop_source *s, uint32_t events)
{
	struct raw *r = (struct raw *)s;
	char in[4096];
	ssize_t n = recv(s->fd, in, sizeof(in), 0);

	(void)events;
	if (n > 0) {
		buf_add(&r->got, in, (size_t)n);
		return;
	}
	loop_del(s);
	loop_stop(loop);
}

static struct buf exchange(const char *bytes)
{
	struct sockaddr_in to;
	char where[32];
	snprintf(where, sizeof(where), "127.0.0.1:%u", http_server_port(server));
	struct raw r = {.source = {.fd = -1, .events = EPOLLIN, .ready = raw_read}};

	if (parse_inet(where, &to) < 0 || (r.source.fd = net_connect(&to)) < 0)
		return r.got;
	struct pollfd p = {.fd = r.source.fd, .events = POLLOUT};
	if (poll(&p, 1, 10000) == 1 && send(r.source.fd, bytes, strlen(bytes), 0) > 0 &&
		loop_add(loop, &r.source) == 0)
		run();
	close(r.source.fd);
	return r.got;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

static void test_raw(void)
{
	struct buf b =
		exchange("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
			 "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	const char *t = buf_str(&b);
	ok(count(t, "HTTP/1.1 200") == 3 && strstr(t, "/1") && strstr(t, "/1") < strstr(t, "/2") &&
			strstr(t, "/2") < strstr(t, "/3"),
		"pipelined requests are answered in order");
	buf_free(&b);

	b = exchange("GET / HTTP/1.0\r\n\r\n");
	ok(strstr(buf_str(&b), "Connection: close\r\n"), "HTTP/1.0 closes");
	buf_free(&b);

	b = exchange("\x16\x03\x01 garbage\n\n");
	ok(str_starts(buf_str(&b), "HTTP/1.1 400 "), "garbage gets 400 and the close");
	buf_free(&b);
}

static void test_bounded(void)
{
	struct http_client *c[6];

	for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
		c[i] = client_for(http_server_port(server), 1000);
		is_int(request(c[i], "GET", "/", "", "", 20000).status, 200, "client %zu of 6", i);
	}
	is_int(request(c[0], "GET", "/", "", "", 20000).status, 200,
		"the first one's connection gave way and comes back");
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		http_client_free(c[i]);
}

static int without_descriptor, accepts;

/* libc's, but when descriptors are out. */
int accept4(int fd, struct sockaddr *from, socklen_t *n, int flags)
{
	accepts++;
	if (without_descriptor) {
		without_descriptor--;
		errno = EMFILE;
		return -1;
	}
	return (int)syscall(SYS_accept4, fd, from, n, flags);
}

/* With nobody to be closed for the newcomer, it waits until others gave one back. */
static void test_out_of_descriptors(void)
{
	struct err e = {0};
	struct http_server *own = http_server_new(loop, "127.0.0.1:0", 4, on_request, NULL, &e);
	struct http_client *c = own ? client_for(http_server_port(own), 1000) : NULL;
	int64_t started_ms = boottime_ms();

	if (!ok(c != NULL, "another server: %s", e.msg))
		return;
	without_descriptor = 2;
	accepts = 0;
	is_int(request(c, "GET", "/", "", "", 20000).status, 200,
		"no descriptor twice: the client is served all the same");
	is_int(accepts, 3, "by the third try");
	int64_t took_ms = boottime_ms() - started_ms;
	ok(took_ms >= 1000, "which are half a second apart: %lld ms", (long long)took_ms);
	without_descriptor = 1;
	struct http_client *second = client_for(http_server_port(own), 1000);
	is_int(request(second, "GET", "/", "", "", 20000).status, 200,
		"where there is a connection, it is closed for the newcomer");
	is_int(accepts, 5, "at once");
	http_server_free(own);
	http_client_free(c);
	http_client_free(second);
}

static void test_addresses(void)
{
	struct sockaddr_in to;
	struct err e;
	static const char *const bad[] = {"", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:70000",
		"1.2.3:80", "host:80", "1.2.3.4:8 0", "*:80", "1.2.3.4:123456"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		is_int(parse_inet(bad[i], &to), -1, "not an address: '%s'", bad[i]);
	is_int(parse_inet("192.168.2.7:7474", &to), 0, "an address");
	is_int(net_check_listen("*:8090", &e), 0, "*:8090");
	is_int(net_check_listen("[::1]:8090", &e), 0, "[::1]:8090");
	is_int(net_check_listen("127.0.0.1:8090", &e), 0, "127.0.0.1:8090");
	is_int(net_check_listen("8090", &e), -1, "not a place to listen: 8090");
	is_int(net_check_listen("[::1]", &e), -1, "not a place to listen: [::1]");
	is_int(net_check_listen("pi4:8090", &e), -1, "not a place to listen: pi4:8090");
	is_str(e.msg, "listen address \"pi4:8090\": not ADDRESS:PORT, [ADDRESS]:PORT or *:PORT",
		"it says what would be");
}

int main(void)
{
	struct err e = {0};

	loop = loop_new(&e);
	server = loop ? http_server_new(loop, "127.0.0.1:0", 4, on_request, NULL, &e) : NULL;
	if (!ok(server != NULL, "server: %s", e.msg))
		return done();
	test_requests();
	test_auth();
	test_framings();
	test_stale_connection();
	test_timeout_and_refusal();
	test_raw();
	test_bounded();
	test_out_of_descriptors();
	test_addresses();
	http_server_free(server);
	loop_free(loop);
	return done();
}

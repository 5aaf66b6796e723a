/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The PC's end of the control protocol, with a stand-in for the agent on a loopback address. */
// use: builder/live/remote.c builder/live/ask.c builder/live/view.c
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include "builder/cmd.h"
#include "builder/live/remote.h"
#include "net.h"
#include "talk_line.h"
#include "tap.h"

#define PIECES 2000 /* which the agent sends before it answers */

volatile int interrupted;

int check_interrupted(struct err *e)
{
	return interrupted ? err_code(e, EXIT_INTERRUPTED, "interrupted") : 0;
}

struct cluster *cluster_load(const char *path, struct err *e)
{
	err_set(e, "%s", path);
	return NULL;
}

void cluster_free(struct cluster *c)
{
	(void)c;
}

int state_read(const struct cluster *c, struct state *s, struct err *e)
{
	(void)c;
	(void)s;
	return err_set(e, "none");
}

static struct remote remote = {.keys.n = 1};
static char address[20];

static void send_pieces(struct talk_line *line)
{
	static const char piece[TALK_DATA_MAX];

	for (int i = 0; i < PIECES; i++) {
		talk_data(&line->talk, piece, sizeof(piece));
		if (talk_line_send(line, 5000) < 0)
			return;
	}
	talk_json(&line->talk, json_pack("{s:b}", "ok", 1));
	(void)!talk_line_send(line, 5000);
}

/* The agent: a request, whatever it is, is answered by much data. */
static void serve(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};
	struct sockaddr_storage from;
	struct talk_word w;
	struct err e;
	int got = 1;

	poll(&p, 1, 5000);
	_cleanup_talk_line_ struct talk_line line = {.fd = net_accept(listener, &from)};
	talk_accept(&line.talk, &remote.keys);
	while (got > 0) {
		int r = talk_next(&line.talk, &w, &e);
		if (r > 0) {
			json_decref(w.json);
			send_pieces(&line);
		}
		if (r || talk_line_send(&line, 5000) < 0)
			return;
		got = talk_line_receive(&line, 5000);
	}
}

static pid_t begin_agent(void)
{
	_cleanup_free_ char *listen = xasprintf("%s:%d", address, CONTROL_PORT);
	struct err e;
	_cleanup_close_ int fd = net_listen(listen, &e);

	if (fd < 0) {
		ok(false, "%s", e.msg);
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0) {
		serve(fd);
		_exit(0);
	}
	return pid;
}

/* Ctrl-C comes while data flows, so that no wait is cut short by it. */
static int take(void *arg, const char *p, size_t n)
{
	int *pieces = arg;

	(void)p;
	(void)n;
	if (++*pieces == 10)
		interrupted = SIGINT;
	return 0;
}

static void test_interrupted(void)
{
	int pieces = 0;
	struct remote_listener l = {.take = take, .take_arg = &pieces};
	struct node node = {.name = (char *)"pi1", .address = address};
	struct err e = {0};
	pid_t agent = begin_agent();

	if (agent < 0)
		return;
	is_int(remote_ask(&remote, &node, json_pack("{s:s}", "verb", "backup"), &l, NULL, NULL, &e),
		-1, "Ctrl-C ends a call whose data flow");
	is_int(e.code, EXIT_INTERRUPTED, "as what it is: %s", e.msg);
	ok(pieces < PIECES / 2, "at once, after %d of %d pieces", pieces, PIECES);
	waitpid(agent, NULL, 0);
	interrupted = 0;
}

static void test_words(void)
{
	struct err e = {0};

	is_int(remote_check_word("the name", "gr\xc3\xbcn", &e), 0, "UTF-8 can be asked for");
	is_int(remote_check_word("the name", "gr\xfcn", &e), -1, "Latin-1 cannot");
	is_int(e.code, EXIT_USAGE, "which the command line is to blame for");
	is_str(e.msg, "the name is not UTF-8", "and is told");
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	/* Other tests have other loopback addresses. */
	snprintf(
		address, sizeof(address), "127.%d.%d.9", 64 + getpid() % 128, getpid() / 128 % 256);
	randombytes_buf(&remote.keys.key[0], sizeof(remote.keys.key[0]));
	test_interrupted();
	test_words();
	return done();
}

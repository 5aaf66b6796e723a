/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include "forward.h"
#include "loop.h"
#include "net.h"
#include "record.h"

#define CHUNK 65536
#define PAIRS_MAX 256

static const struct wanted {
	const char *label;
	unsigned port;
	unsigned roles; /* of the node it leads to: the first that has one of them */
} wanted[] = {
	{"proxy", 8090, ROLE_PROXY},
	{"stats", 8080, ROLE_PROXY},
	{"agent", 7470, ROLE_DATA | ROLE_PROXY | ROLE_ARBITER},
};

static const struct machine *first_with(const struct rehearsal *r, unsigned roles)
{
	for (size_t i = 0; i < r->nmachines; i++) {
		if (r->machines[i].roles & roles)
			return &r->machines[i];
	}
	return NULL;
}

static int listen_near(unsigned port, struct err *e)
{
	const unsigned candidates[] = {port, 10000 + port, 20000 + port, 30000 + port, 0};
	int fd = -1;

	for (size_t i = 0; i < ARRAY_SIZE(candidates) && fd < 0; i++) {
		char where[32];
		snprintf(where, sizeof(where), "127.0.0.1:%u", candidates[i]);
		fd = net_listen(where, e);
	}
	return fd;
}

int forward_listen(struct rehearsal *r, struct forward_set *set, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const struct machine *m = first_with(r, wanted[i].roles);
		if (!m)
			continue;
		int fd = listen_near(wanted[i].port, e);
		if (fd < 0)
			return -1;
		struct forward *f = &r->forwards[r->nforwards];
		*f = (struct forward){
			.label = xstrdup(wanted[i].label),
			.node = xstrdup(m->node),
			.port = wanted[i].port,
			.host_port = net_port(fd),
		};
		inet_pton(AF_INET, m->address, &f->address);
		set->fds[r->nforwards++] = fd;
	}
	return 0;
}

/*
 * A pair of connections. Each end reads into its own buffer, which the other end writes out; an
 * end reads only while its buffer is empty, so a slow receiver slows the sender.
 */
struct pair;

struct end {
	struct loop_source source; /* first */
	struct pair *pair;
	struct end *peer;
	bool connecting, eof; /* eof: nothing more to read here */
	size_t from, to;      /* what of data is still the peer's to write */
	char data[CHUNK];
};

struct pair {
	struct end end[2];
};

struct relay {
	struct loop_source source; /* first; a listening socket */
	const struct rehearsal *r;
	const struct forward *forward;
};

static size_t pairs;

static void pair_free(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		loop_del(&p->end[i].source);
		close(p->end[i].source.fd);
	}
	free(p);
	pairs--;
}

static void ask_for_events(struct end *x)
{
	uint32_t events = 0;

	if (x->connecting || x->peer->from < x->peer->to)
		events |= EPOLLOUT;
	if (!x->connecting && !x->eof && x->from == x->to)
		events |= EPOLLIN;
	loop_mod(&x->source, events);
}

static bool again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* -1: the connection broke. */
static int take_in(struct end *x)
{
	if (x->connecting || x->eof || x->from < x->to)
		return 0;
	ssize_t n = read(x->source.fd, x->data, sizeof(x->data));
	if (n < 0)
		return again() ? 0 : -1;
	x->from = 0;
	x->to = (size_t)n;
	x->eof = n == 0;
	return 0;
}

/* Writes out what the peer read, and after that its end of file. */
static int pass_on(struct end *x)
{
	struct end *p = x->peer;

	if (x->connecting)
		return 0;
	if (p->from < p->to) {
		ssize_t n = write(x->source.fd, p->data + p->from, p->to - p->from);
		if (n < 0)
			return again() ? 0 : -1;
		p->from += (size_t)n;
	}
	if (p->eof && p->from == p->to)
		shutdown(x->source.fd, SHUT_WR);
	return 0;
}

static void end_ready(struct loop_source *s, uint32_t events)
{
	struct end *x = (struct end *)s;
	struct pair *p = x->pair;

	if (x->connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
		if (net_error(s->fd) != 0) {
			pair_free(p);
			return;
		}
		x->connecting = false;
	}
	if (take_in(x) < 0 || pass_on(x) < 0 || pass_on(x->peer) < 0 || (events & EPOLLERR) ||
		(x->eof && x->peer->eof && x->from == x->to && x->peer->from == x->peer->to)) {
		pair_free(p);
		return;
	}
	ask_for_events(x);
	ask_for_events(x->peer);
}

static struct pair *pair_new(int client, int server)
{
	struct pair *p = xcalloc(1, sizeof(*p));
	const int fds[] = {client, server};

	for (int i = 0; i < 2; i++) {
		struct end *x = &p->end[i];
		x->source = (struct loop_source){.fd = fds[i], .ready = end_ready};
		x->pair = p;
		x->peer = &p->end[1 - i];
		x->connecting = i == 1;
	}
	p->end[1].source.events = EPOLLOUT;
	pairs++;
	return p;
}

/* Where the network gives addresses, the supervisor's record has them: this is a copy of before. */
static struct in_addr find_node(const struct relay *r)
{
	struct in_addr a = r->forward->address;
	struct err e = {0};

	if (a.s_addr)
		return a;
	_cleanup_rehearsal_ struct rehearsal *now = record_load(r->r->cluster, &e);
	const struct machine *m = now ? rehearsal_machine(now, r->forward->node, &e) : NULL;
	return m && inet_pton(AF_INET, m->address, &a) == 1 ? a : (struct in_addr){0};
}

static int connect_node(const struct relay *r)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)r->forward->port),
		.sin_addr = find_node(r)};

	return to.sin_addr.s_addr ? net_connect(&to) : -1;
}

static void relay_ready(struct loop_source *s, uint32_t events)
{
	const struct relay *r = (struct relay *)s;
	struct sockaddr_storage from;
	int client = net_accept(s->fd, &from);

	(void)events;
	if (client < 0)
		return;
	int server = pairs < PAIRS_MAX ? connect_node(r) : -1;
	if (server < 0) {
		close(client);
		return;
	}
	struct pair *p = pair_new(client, server);
	if (loop_add(s->loop, &p->end[0].source) < 0 || loop_add(s->loop, &p->end[1].source) < 0) {
		pair_free(p);
		return;
	}
	ask_for_events(&p->end[0]);
}

static int run_relay(const struct rehearsal *r, const struct forward_set *set, struct err *e)
{
	static struct relay relays[FORWARDS_MAX];
	struct loop *l = loop_new(e);

	if (!l)
		return -1;
	for (size_t i = 0; i < r->nforwards; i++) {
		relays[i] = (struct relay){
			.source = {.fd = set->fds[i], .events = EPOLLIN, .ready = relay_ready},
			.r = r,
			.forward = &r->forwards[i],
		};
		if (loop_add(l, &relays[i].source) < 0)
			return err_errno(e, "relay");
	}
	return loop_run(l, e);
}

/*
 * The relay outlives the command that started it: were it to keep that one's standard output, a
 * shell that captures it would wait for the end of the rehearsal.
 */
static void let_go_of_stdio(void)
{
	int null = open("/dev/null", O_RDWR);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

pid_t forward_start(const struct rehearsal *r, struct forward_set *set, struct err *e)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		return err_errno(e, "relay");
	if (pid == 0) {
		struct err failed = {0};
		/* Ends with the supervisor, by its hand; a Ctrl-C is not for it. */
		signal(SIGINT, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		signal(SIGTERM, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "bramble-relay");
		let_go_of_stdio();
		_exit(getppid() == parent && run_relay(r, set, &failed) == 0 ? 0 : EXIT_FAILED);
	}
	for (size_t i = 0; i < r->nforwards; i++)
		close(set->fds[i]);
	return pid;
}

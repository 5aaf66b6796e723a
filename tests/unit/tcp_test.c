/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who listens, as this kernel says. */
// use: node-agent/tcp.c
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>
#include "node-agent/tcp.h"
#include "tap.h"

/* A socket on a port of the kernel's choice, which is left in *port. */
static int bound(int family, uint16_t *port)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_in four = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr *a = family == AF_INET ? (void *)&four : (void *)&six;
	socklen_t size = family == AF_INET ? sizeof(four) : sizeof(six);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, a, size) < 0 || getsockname(fd, a, &size) < 0)
		return -1;
	*port = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
	return fd;
}

static void test_family(int family, const char *name)
{
	uint16_t port;
	int fd = bound(family, &port);

	if (fd < 0) {
		ok(true, "%s # SKIP there is none here", name);
		return;
	}
	ok(!tcp_listens(port), "%s: a port that is only bound", name);
	listen(fd, 1);
	ok(tcp_listens(port), "%s: one that listens", name);
	close(fd);
	ok(!tcp_listens(port), "%s: and no more", name);
}

/* An end of a connection has the same port. */
static void test_connected(void)
{
	uint16_t port;
	int fd = bound(AF_INET, &port), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	listen(fd, 1);
	ok(connect(client, (void *)&a, sizeof(a)) == 0, "a client connects");
	int end = accept(fd, NULL, NULL);
	close(fd);
	ok(!tcp_listens(port), "who has a connection does not listen");
	close(end);
	close(client);
}

int main(void)
{
	test_family(AF_INET, "IPv4");
	test_family(AF_INET6, "IPv6");
	test_connected();
	return done();
}

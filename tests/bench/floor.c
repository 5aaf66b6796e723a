/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A relay that parses nothing: what it costs to move bytes between two sockets at all. Each client
 * gets a connection of its own to a server, taken in turns. Level-triggered, one buffer, one
 * recv() and one send() for what arrives: what it cannot send at once it drops the connection for,
 * which the benchmark's small messages never meet.
 *
 *	floor PORT SERVER-PORT...
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS 65536

static int peer[FDS];
static char bytes[1 << 16];

static struct sockaddr_in at(const char *port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void watch(int ep, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
		exit(1);
}

static void pair(int ep, int client, const char *port)
{
	struct sockaddr_in sa = at(port);
	int server = socket(AF_INET, SOCK_STREAM, 0);

	if (client < 0 || server < 0 || connect(server, (void *)&sa, sizeof(sa)) < 0)
		exit(1);
	peer[client] = server;
	peer[server] = client;
	watch(ep, client);
	watch(ep, server);
}

static void move(int fd)
{
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0 && send(peer[fd], bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n)
		return;
	close(peer[fd]);
	close(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa = at(argv[1]);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, ep = epoll_create1(0), turn = 0;
	struct epoll_event ev[256] = {{.events = EPOLLIN, .data.fd = listener}};

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (void *)&sa, sizeof(sa)) < 0 || listen(listener, 512) < 0 ||
		epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev[0]) < 0)
		return 1;
	for (;;) {
		int n = epoll_wait(ep, ev, 256, -1);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd == listener)
				pair(ep, accept(listener, NULL, NULL),
					argv[2 + turn++ % (argc - 2)]);
			else
				move(ev[i].data.fd);
		}
	}
}

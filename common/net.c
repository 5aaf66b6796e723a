/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "net.h"
#include "util.h"

#define BACKLOG 512

struct endpoint {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	bool any; /* "*" */
};

static socklen_t endpoint_len(const struct endpoint *ep)
{
	return ep->sa.sa_family == AF_INET6 ? sizeof(ep->in6) : sizeof(ep->in);
}

int parse_port(const char *text)
{
	size_t n = strspn(text, "0123456789");

	if (n < 1 || n > 5 || text[n])
		return -1;
	int port = atoi(text);
	return port <= 65535 ? port : -1;
}

/* Splits "HOST:PORT" at the last colon. -1 when there is none or HOST is too long. */
static int split_port(const char *text, char host[static NET_ADDRESS_MAX])
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!n || n >= NET_ADDRESS_MAX)
		return -1;
	memcpy(host, text, n);
	host[n] = '\0';
	return parse_port(colon + 1);
}

int parse_inet(const char *text, struct sockaddr_in *to)
{
	char host[NET_ADDRESS_MAX];
	int port = split_port(text, host);

	*to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	return port > 0 && inet_pton(AF_INET, host, &to->sin_addr) == 1 ? 0 : -1;
}

static int parse_listen(const char *where, struct endpoint *ep, struct err *e)
{
	char host[NET_ADDRESS_MAX];
	int port = split_port(where, host);
	size_t n = port < 0 ? 0 : strlen(host);

	*ep = (struct endpoint){0};
	ep->any = n && strcmp(host, "*") == 0;
	if (ep->any || (n > 2 && host[0] == '[' && host[n - 1] == ']')) {
		if (!ep->any)
			host[n - 1] = '\0';
		ep->in6 = (struct sockaddr_in6){
			.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
		if (ep->any || inet_pton(AF_INET6, host + 1, &ep->in6.sin6_addr) == 1)
			return 0;
	} else if (n) {
		ep->in = (struct sockaddr_in){
			.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
		if (inet_pton(AF_INET, host, &ep->in.sin_addr) == 1)
			return 0;
	}
	return err_code(e, EXIT_CONFIG,
		"listen address \"%s\": not ADDRESS:PORT, [ADDRESS]:PORT or *:PORT", where);
}

int net_check_listen(const char *where, struct err *e)
{
	struct endpoint ep;

	return parse_listen(where, &ep, e);
}

static int listen_on(const struct endpoint *ep)
{
	const int one = 1, v6only = !ep->any;
	_cleanup_close_ int fd =
		socket(ep->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -1;
	if (ep->sa.sa_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) < 0)
		return -1;
	if (bind(fd, &ep->sa, endpoint_len(ep)) < 0 || listen(fd, BACKLOG) < 0)
		return -1;
	return steal_fd(&fd);
}

int net_listen(const char *where, struct err *e)
{
	struct endpoint ep;

	if (parse_listen(where, &ep, e) < 0)
		return -1;
	int fd = listen_on(&ep);
	if (fd < 0 && ep.any && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		ep.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = ep.in6.sin6_port};
		fd = listen_on(&ep);
	}
	if (fd < 0)
		return err_errno(e, "cannot listen on %s", where);
	net_keep_alive(fd);
	return fd;
}

unsigned net_port(int fd)
{
	struct endpoint ep = {0};
	socklen_t len = sizeof(ep.in6);

	if (getsockname(fd, &ep.sa, &len) < 0)
		return 0;
	return ntohs(ep.sa.sa_family == AF_INET6 ? ep.in6.sin6_port : ep.in.sin_port);
}

static void no_delay(int fd)
{
	const int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void net_keep_alive(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 60},
		{IPPROTO_TCP, TCP_KEEPINTVL, 10},
		{IPPROTO_TCP, TCP_KEEPCNT, 6},
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			sizeof(options[i].value));
}

int net_accept(int fd, struct sockaddr_storage *from)
{
	socklen_t len = sizeof(*from);
	int conn = accept4(fd, (struct sockaddr *)from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (conn >= 0)
		no_delay(conn);
	return conn;
}

int net_connect(const struct sockaddr_in *to)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	no_delay(fd);
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 && errno != EINPROGRESS)
		return -1;
	return steal_fd(&fd);
}

int net_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

bool net_own_fault(int error)
{
	static const int own[] = {EMFILE, ENFILE, EADDRNOTAVAIL, ENOBUFS, ENOMEM, ENOSPC};

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		if (error == own[i])
			return true;
	}
	return false;
}

void net_address(const struct sockaddr_storage *ss, char text[static NET_ADDRESS_MAX])
{
	const struct sockaddr_in *in = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;

	memcpy(text, "?", 2);
	if (ss->ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, text, NET_ADDRESS_MAX);
	else if (ss->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], text, NET_ADDRESS_MAX);
	else if (ss->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &in6->sin6_addr, text, NET_ADDRESS_MAX);
}

int net_untaken(int fd)
{
	int n;

	return ioctl(fd, SIOCOUTQ, &n) < 0 ? -1 : n;
}

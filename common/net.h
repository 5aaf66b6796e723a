/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NET_H
#define BRAMBLE_NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include "err.h"

/* TCP by number: nothing here asks a resolver, so it is safe in static programs. */

/* 1 to 5 digits, at most 65535; -1 for anything else. */
int parse_port(const char *text);

/* "A.B.C.D:PORT" -> *to; -1 if it is anything else (port 0 included). */
int parse_inet(const char *text, struct sockaddr_in *to);

/*
 * A listening, non-blocking socket on "ADDR:PORT", "[V6ADDR]:PORT" or "*:PORT" (IPv6 and IPv4,
 * or IPv4 alone where the kernel has no IPv6). Port 0 lets the kernel choose (tests).
 */
MUST_CHECK int net_listen(const char *where, struct err *e);
/* Could net_listen take this text? For checking a configuration. */
MUST_CHECK int net_check_listen(const char *where, struct err *e);
/*
 * A peer that lost its power says nothing: the kernel asks after a minute's silence, and gives the
 * connection up a minute later. What net_listen's sockets accept has it from them (tcp(7)).
 */
void net_keep_alive(int fd);
/* The port a socket is bound to; 0 if it is not. */
unsigned net_port(int fd);

/* A new connection from fd, non-blocking and without Nagle's delay, or -1 with errno. */
int net_accept(int fd, struct sockaddr_storage *from);
/* A non-blocking socket that is connecting, or -1 with errno. Writable or in error when done. */
int net_connect(const struct sockaddr_in *to);
/* The outcome of net_connect once writable: 0 or an errno. */
int net_error(int fd);
/* Is it this machine that lacks something (descriptors, ports, memory), whoever the peer is? */
bool net_own_fault(int error);
/*
 * Bytes in fd's socket that its peer has not acknowledged (SIOCOUTQ); -1: not known. epoll tells of
 * a socket that was full when a third of it is free again, which may be a megabyte: minutes of a
 * slow peer, so this is looked at.
 */
int net_untaken(int fd);

/* The numeric address without the port; IPv4 in IPv6 is shown as IPv4. */
#define NET_ADDRESS_MAX INET6_ADDRSTRLEN
void net_address(const struct sockaddr_storage *ss, char text[static NET_ADDRESS_MAX]);

#endif

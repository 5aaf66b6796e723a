/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TCP_H
#define BRAMBLE_TCP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Does anything on this node listen on that port, of IPv4 or IPv6 (proc(5), net/tcp)? false also
 * where the kernel does not tell.
 */
bool tcp_listens(uint16_t port);

#endif

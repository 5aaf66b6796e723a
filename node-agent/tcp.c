/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include "tcp.h"
#include "util.h"

#define LISTENS 0x0a /* TCP_LISTEN, include/net/tcp_states.h */

static bool is_in(const char *path, uint16_t port)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char line[512];
	unsigned local, state;

	while (f && fgets(line, sizeof(line), f)) {
		/* The number; then address and port, local and of the peer, and the state. */
		if (sscanf(line, "%*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x", &local, &state) == 2 &&
			local == port && state == LISTENS)
			return true;
	}
	return false;
}

bool tcp_listens(uint16_t port)
{
	return is_in("/proc/net/tcp", port) || is_in("/proc/net/tcp6", port);
}

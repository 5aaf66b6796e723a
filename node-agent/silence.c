/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "silence.h"

static bool is_heard(const struct silence_peer *p, int64_t now_ms)
{
	return now_ms - p->heard_ms < SILENCE_MS;
}

void silence_mark(struct silence_peer *peer, size_t n, bool master, int64_t now_ms)
{
	size_t ndata = n + 1, serve = 1;

	for (size_t i = 0; i < n; i++)
		serve += is_heard(&peer[i], now_ms) && peer[i].slave;
	bool enough = master && serve > ndata / 2;
	for (size_t i = 0; i < n; i++)
		peer[i].silent = enough && !is_heard(&peer[i], now_ms);
}

bool silence_is_marked(const struct silence_peer *peer, size_t n, const struct member *m)
{
	for (size_t i = 0; i < n; i++) {
		if (peer[i].member == m)
			return peer[i].silent;
	}
	return false;
}

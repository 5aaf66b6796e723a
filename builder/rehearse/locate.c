/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include "io.h"
#include "locate.h"
#include "util.h"

#define TRIE_MAX (256u << 10)

static bool is_loopback(struct in_addr a)
{
	return ntohl(a.s_addr) >> 24 == 127;
}

/* "|-- 169.254.7.9" on a line of its own, and below it how that address is used. */
struct in_addr locate_parse(const char *text)
{
	struct in_addr a = {0};

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		char leaf[INET_ADDRSTRLEN];
		if (sscanf(line, " |-- %15s", leaf) == 1 && inet_pton(AF_INET, leaf, &a) != 1)
			a.s_addr = 0;
		size_t n = strcspn(line, "\n");
		if (a.s_addr && !is_loopback(a) && memmem(line, n, "/32 host LOCAL", 14))
			return a;
	}
	return (struct in_addr){0};
}

struct in_addr locate_process(pid_t pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/net/fib_trie", (int)pid);
	_cleanup_buf_ struct buf trie = {0};
	struct err e;

	if (io_read_file(path, TRIE_MAX, &trie, &e) < 0)
		return (struct in_addr){0};
	return locate_parse(buf_str(&trie));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_LOCATE_H
#define BRAMBLE_LOCATE_H

#include <netinet/in.h>
#include <sys/types.h>

/* Where a machine is whose address the network gives: its kernel says so, whatever runs there. */

/* Pure: text is /proc/net/fib_trie. The first local address but loopback's; 0: there is none. */
struct in_addr locate_parse(const char *text);

/* As the network of that process has it; 0: none, or it is gone. */
struct in_addr locate_process(pid_t pid);

#endif

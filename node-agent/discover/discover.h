/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DISCOVER_H
#define BRAMBLE_DISCOVER_H

#include "interfaces.h"
#include "loop.h"
#include "mdns.h"

/*
 * Looks for the other nodes while one is missing: asks by one-shot mDNS on every interface, and
 * names the seeds again and again. At once, after 1, 3 and 9 s, then twice a minute; and from the
 * beginning when this node's addresses have changed. What is found is only proposed.
 *
 * It answers such questions itself while no avahi-daemon runs, which else does it from
 * /etc/avahi/services/bramble.service.
 */
#define SEEDS_MAX 16

struct discover {
	struct mdns_node self; /* without addresses: they differ by interface */
	void (*propose)(void *arg, struct in_addr address);
	void *arg;
	struct loop *loop;
	const char *avahi_pid;     /* file with the pid of a running avahi-daemon */
	struct loop_source asking; /* a port of our own: questions go out, answers come in */
	struct loop_source asked;  /* 224.0.0.251, port 5353 */
	uint16_t question;         /* id of the last one */
	unsigned round;
	int64_t next_ms;
	size_t ninterfaces;
	struct interface interface[INTERFACES_MAX];
	size_t nseeds;
	struct in_addr seed[SEEDS_MAX];
	uint64_t questions, answers; /* sent so far */
};

/*
 * Never fails: without a socket (no multicast, port taken) it says so once and lives on seeds.
 * The string and the loop must outlive d; self is copied.
 */
void discover_open(struct discover *d, struct loop *l, const struct mdns_node *self,
	const char *avahi_pid, void (*propose)(void *arg, struct in_addr address), void *arg);
void discover_close(struct discover *d);

void discover_seed(struct discover *d, struct in_addr address);

/* To be called twice a second while a member is not heard (missing), else now and then. */
void discover_step(struct discover *d, bool missing);

/* Pure: how long after round n (0, 1, ...) the next one is due; jitter is any random number. */
int64_t discover_pause_ms(unsigned round, uint32_t jitter);

#endif

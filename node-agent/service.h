/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SERVICE_H
#define BRAMBLE_SERVICE_H

#include "buf.h"
#include "formation.h"
#include "loop.h"

/*
 * One systemd unit, watched and started through systemctl by argument vector: never a shell, one
 * child at a time, killed after CHILD_TIMEOUT_MS. The unit is asked about every POLL_MS. Nothing
 * is ever stopped: Neo4j outlives its agent, and at shutdown systemd stops the unit.
 */
#define CHILD_TIMEOUT_MS 15000
#define POLL_MS 5000

struct service {
	struct loop *loop;
	const char *manager; /* path of systemctl, or of what stands for it in tests */
	const char *unit;
	enum service_state state;
	long main_pid;     /* of the unit; 0: none */
	bool want_start;   /* asked for while a child was at work */
	bool child_starts; /* what the child does: start, or else show */
	pid_t child;       /* 0: none */
	struct loop_source output;
	struct buf text;
	struct loop_timer poll, timeout;
	void (*changed)(void *arg);
	void *arg;
};

/* Begins to watch; changed is called after every answer. Strings and the loop must outlive s. */
void service_watch(struct service *s, struct loop *l, const char *manager, const char *unit,
	void (*changed)(void *arg), void *arg);
void service_close(struct service *s);

/* systemctl start --no-block; the state follows by polling. */
void service_start(struct service *s);
/* Asks at once instead of at the next round. */
void service_poll_now(struct service *s);
/* To be called on SIGCHLD. */
void service_reap(struct service *s);

/* Pure: the state from the output of "systemctl show -p ActiveState,MainPID". */
enum service_state service_parse(const char *show, long *main_pid);

#endif

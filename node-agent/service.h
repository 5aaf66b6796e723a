/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SERVICE_H
#define BRAMBLE_SERVICE_H

#include "formation.h"
#include "helper/helper_client.h"

/*
 * neo4j.service, watched, started and ended through bramble-helper, one thing at a time. The unit
 * is asked about every POLL_MS. Neo4j outlives its agent, and at shutdown systemd stops the unit.
 */
#define POLL_MS 5000
#define ENDING_AGAIN_MS 500 /* until it is told once more to end in the same way */

enum service_action {
	SERVICE_SHOW,
	SERVICE_START,
	SERVICE_STOP,
	SERVICE_KILL,
};

struct service {
	struct loop *loop;
	struct helper_client helper;
	enum service_state state;
	long main_pid;              /* of the unit; 0: none */
	bool answered;              /* it has been known once how it is */
	enum service_action wanted; /* asked for while another was under way; SHOW: nothing */
	enum service_action doing;  /* what the helper does */
	enum service_action ending; /* how it was last told to end; SHOW: it was not */
	int64_t ending_ms;
	bool silent; /* the helper did not answer the last time */
	struct loop_timer poll;
	void (*changed)(void *arg);
	void *arg;
};

/* Begins to watch; changed is called after every answer. helper and the loop must outlive s. */
void service_watch(struct service *s, struct loop *l, const char *helper,
	void (*changed)(void *arg), void *arg);
void service_close(struct service *s);

/* The state follows by polling. */
void service_start(struct service *s);
/* In order, as at shutdown. */
void service_stop(struct service *s);
/* All its processes, at once. */
void service_kill(struct service *s);
/* Asks at once instead of at the next round. */
void service_poll_now(struct service *s);

/*
 * Pure: the state from the output of "systemctl show -p ActiveState,MainPID". failed: its last end
 * was by a signal, by a timeout or with an error.
 */
enum service_state service_parse(const char *show, long *main_pid, bool *failed);

#endif

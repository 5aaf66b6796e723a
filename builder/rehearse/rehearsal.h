/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_REHEARSAL_H
#define BRAMBLE_REHEARSAL_H

#include <sys/types.h>
#include "buf.h"
#include "cluster/cluster.h"

/*
 * A rehearsal: the machines of one cluster on this computer. One process, the supervisor, owns
 * it and alone changes this struct; after each change it writes it to
 *
 *	/run/bramble/rehearsal-NAME.json	(also .lock, held while the supervisor lives, and
 *.sock)
 *
 * which is how other invocations find the machines, and how what a crash left is cleared away.
 * Everything a rehearsal puts on the host is named here: the folder `dir`, the network namespace
 * and the control groups, both called `netns`. Mounts and loop devices live in the machines' own
 * mount namespaces and go with them.
 */
#define REHEARSAL_RUN_DIR "/run/bramble"
#define EVENTS_MAX 2048
#define FORWARDS_MAX 4
#define BRIDGE "bramble0"

struct machine {
	char *node;    /* as in cluster.conf */
	char *image;   /* what its card is copied from, without ".img" */
	char *serial;  /* of its board, as in cluster.conf; "": not said */
	char *address; /* "": not known yet, or no power so far */
	bool roams;    /* the network gives it */
	unsigned roles;
	char name[16]; /* systemd-nspawn's; "vb-" and it name the port on the bridge */
	pid_t pid;     /* of systemd-nspawn; 0: no power */
	int64_t on_ms, booted_ms, off_ms; /* boottime_ms(); 0: not yet */
	char off_why[80];
};

struct event {
	int64_t ms; /* boottime_ms() */
	char what[16];
	char node[64]; /* "" when it is about all */
};

/* host 127.0.0.1:host_port -> the node's port */
struct forward {
	char *label, *node;
	struct in_addr address; /* 0: the network gives it */
	unsigned port, host_port;
};

struct rehearsal {
	char *cluster, *conf, *dir, *netns;
	bool twin;
	pid_t supervisor;
	struct in_addr gateway; /* of the bridge */
	unsigned prefix;
	struct machine *machines;
	size_t nmachines;
	struct forward forwards[FORWARDS_MAX];
	size_t nforwards;
	struct event *events; /* the last EVENTS_MAX */
	size_t nevents;
};

/* All of it but dir, supervisor and forwards, from a cluster. Fails when no address is free. */
MUST_CHECK struct rehearsal *rehearsal_new(const struct cluster *c, bool twin, struct err *e);
void rehearsal_free(struct rehearsal *r);
static inline void cleanup_rehearsal(struct rehearsal **r)
{
	rehearsal_free(*r);
}
#define _cleanup_rehearsal_ _cleanup_(cleanup_rehearsal)

/* The machine of a node; -1 with EXIT_USAGE names those there are. */
MUST_CHECK struct machine *rehearsal_machine(struct rehearsal *r, const char *node, struct err *e);

void rehearsal_event(struct rehearsal *r, const char *what, const char *node);

/* "/run/bramble/rehearsal-NAME.SUFFIX", "DIR/NODE.SUFFIX". The caller frees. */
char *rehearsal_run_path(const char *cluster, const char *suffix);
char *machine_path(const struct rehearsal *r, const struct machine *m, const char *suffix);

/* What every screen of a twin says; "" when the images themselves run. */
void rehearsal_twin_text(const struct rehearsal *r, struct buf *out);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SUPERVISE_H
#define BRAMBLE_SUPERVISE_H

#include "rehearsal.h"

/* What a caller in the background waits for. */
enum goal {
	GOAL_NONE,
	GOAL_BOOTED, /* every machine's agent answers */
	GOAL_FORMED, /* all data nodes serve: one master, the rest slaves */
};

struct supervise_options {
	enum goal goal;
	int64_t goal_ms; /* how long it may take */
	int report_fd;   /* gets one answer (report.h) when the goal is met or missed; -1: none */
	pid_t relay;     /* 0: none */
};

/*
 * Switches the machines on and runs the rehearsal until somebody stops it, showing the table on
 * standard output: in place on a terminal, else a line per change. With a goal it is quiet after
 * the report. All machines are off when it returns.
 */
MUST_CHECK int supervise(struct rehearsal *r, const struct supervise_options *o, struct err *e);

/* Waits for the report: 0, or -1 with the supervisor's error. */
MUST_CHECK int supervise_wait_report(int fd, pid_t supervisor, struct err *e);

#endif

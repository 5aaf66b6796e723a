/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_SSH_H
#define BRAMBLE_SSH_H

#include "buf.h"

/*
 * Runs a command on a host by the user's own ssh, with the user's configuration, keys and agent;
 * what it writes is added to *out, at most max bytes. Its errors go where the user sees them, and a
 * passphrase is asked for at the terminal. host is what ssh takes: "pi@192.168.2.7".
 */
MUST_CHECK int ssh_run(
	const char *host, const char *command, size_t max, struct buf *out, struct err *e);

#endif

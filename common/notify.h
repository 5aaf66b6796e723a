/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_NOTIFY_H
#define BRAMBLE_NOTIFY_H

#include "err.h"

/*
 * sd_notify(3) without libsystemd: one datagram to $NOTIFY_SOCKET. Without that variable these
 * do nothing. Failures are ignored: the service manager is not worth dying for.
 */
void notify_ready(void);
void notify_stopping(void);
/* Between this and the next notify_ready the configuration is read anew. */
void notify_reloading(void);
/* From now on process pid is the service, and ready. */
void notify_main(int pid);
void notify_watchdog(void);
/* Sets the line `systemctl status` shows; sent only when it differs from the last one. */
void notify_status(const char *fmt, ...) PRINTF(1, 2);

/* Half of $WATCHDOG_USEC in milliseconds when it is meant for this process, else 0. */
int notify_watchdog_interval_ms(void);

#endif

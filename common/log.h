/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_LOG_H
#define BRAMBLE_LOG_H

#include "err.h"

/*
 * One line per event on stderr, prefixed "<N>" (sd-daemon(3)) when stderr is the journal
 * ($JOURNAL_STREAM is set), so journald keeps the level. A line names its subject first:
 * log_info("pi2: answers again after %d s", n). Never log a secret.
 */
enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Lines above this level are dropped. Default: LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
/* From now on a line is lost where stderr takes none, rather than waited for. */
void log_never_wait(void);
void log_at(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif

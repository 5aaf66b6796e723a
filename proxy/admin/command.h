/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_ADMIN_COMMAND_H
#define PROXY_ADMIN_COMMAND_H

#include "proxy.h"

/* Orders in the words of HAProxy's runtime API; `help` lists them. */

/* Carries out line (changed by it), several if ";" separates them; what to say about it into out.
 */
void command_run(struct proxy *p, char *line, const char *by, struct buf *out);

#endif

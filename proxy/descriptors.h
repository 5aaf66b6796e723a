/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_DESCRIPTORS_H
#define PROXY_DESCRIPTORS_H

#include "proxy_conf.h"

/*
 * The most descriptors that a proxy of this configuration, with so many members, can have open:
 * what wraps a client's bytes costs two more than the connection itself (bolt/bridge.h).
 */
size_t descriptors_needed(const struct proxy_conf *conf, size_t nmembers);
/* Raises the limit to that, as far as this process may, and says if it is not enough. */
void descriptors_raise(const struct proxy_conf *conf, size_t nmembers);

#endif

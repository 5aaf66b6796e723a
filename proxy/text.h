/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_TEXT_H
#define PROXY_TEXT_H

#include "buf.h"

/* Text made harmless for where it goes. Bytes that are no printable ASCII become '?' in all. */
void text_json(struct buf *out, const char *s); /* with its quotes */
void text_html(struct buf *out, const char *s);
void text_csv(struct buf *out, const char *s); /* commas and quotes become '_' */

#endif

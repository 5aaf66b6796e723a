/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TEMPLATE_H
#define BRAMBLE_TEMPLATE_H

#include "buf.h"

/*
 * ${NAME} in a text becomes a value; "$${" becomes "${"; every other "$" stays. There is nothing
 * else: no loops, no conditions.
 */

/* Appends the value of name to out, or says in e why there is none. */
typedef int template_fn(void *arg, const char *name, struct buf *out, struct err *e);

/* Errors begin with "FILE:LINE: " and carry EXIT_CONFIG. text may hold anything but NUL. */
MUST_CHECK int template_expand(const char *file, const char *text, template_fn *f, void *arg,
	struct buf *out, struct err *e);

/* Is it text, so that it may hold variables? Bytes with a NUL among them are not. */
bool template_is_text(const struct buf *b);

/*
 * A list's form, "host:5001,": one item of it, with the separator at its end. In it the words host,
 * name and id stand for the node's own; \n, \t and \\ are a newline, a tab and a backslash.
 */
struct template_item {
	const char *host, *name, *id;
};
/* Appends all items in that form. EXIT_CONFIG: the form has no item. */
MUST_CHECK int template_list(const char *form, const struct template_item *items, size_t n,
	struct buf *out, struct err *e);

#endif

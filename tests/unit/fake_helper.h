/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TEST_FAKE_HELPER_H
#define BRAMBLE_TEST_FAKE_HELPER_H

#include "node-agent/helper/helper_client.h"

/* In place of helper_client.c: what a helper does that is asked; NULL: it never answers. */
static void (*on_helper_asked)(helper_done_fn *fn, void *arg);

void helper_client_init(struct helper_client *c, struct loop *l, const char *path)
{
	(void)c;
	(void)l;
	(void)path;
}

void helper_client_cancel(struct helper_client *c)
{
	(void)c;
}

void helper_ask(
	struct helper_client *c, const struct helper_request *r, helper_done_fn *fn, void *arg)
{
	(void)c;
	(void)r;
	if (on_helper_asked)
		on_helper_asked(fn, arg);
}

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_INTAKE_H
#define PROXY_INTAKE_H

#include "proxy.h"

/* From a request's head to an exchange: what it is about, who may take it, how members get it. */
enum intake {
	INTAKE_OK,
	INTAKE_TRACE,    /* RFC 9110 9.3.8: it would show the fields that others added */
	INTAKE_ODD,      /* its path could be read in two ways (tx.h) */
	INTAKE_NOBODYS,  /* its transaction's id names no member */
	INTAKE_LAST,     /* an OPTIONS that may go no further: Max-Forwards (RFC 9110 7.6.2) */
	INTAKE_NO_LIMIT, /* one whose Max-Forwards is no number */
	INTAKE_NO_MEMORY,
};

/* Fills c->x from h, which begins c->in, and takes it out of there. c->x is valid in any case. */
enum intake intake_request(struct client *c, const struct http_head *h);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DOWNLOAD_H
#define BRAMBLE_DOWNLOAD_H

#include "fetch.h"
#include "meter.h"
#include "partial.h"

/* One entry on its way into a partial file. Zeroed but for these: */
struct download {
	const struct catalogue_entry *x;
	const struct fetch_options *o;
	struct partial part; /* open */
	struct meter meter;  /* begun */
	/* of download.c */
	const char *url, *shown; /* the latter for messages */
	uint64_t from;           /* what was asked for begins there */
	uint64_t total;          /* as said by the catalogue or the server; 0: not yet */
	bool ranges_wrong;       /* the server sends another part than is asked for */
};

/*
 * From one address until the file is whole and its SHA-256 right, over as many connections as that
 * takes while each brings something. After an error d->part has what came and was not found wrong.
 */
MUST_CHECK int download_from(struct download *d, const char *url, struct err *e);

#endif

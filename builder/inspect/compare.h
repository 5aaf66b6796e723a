/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_COMPARE_H
#define BRAMBLE_INSPECT_COMPARE_H

#include "card.h"

/*
 * What on a card is not as its cluster.conf would give it now: the node's image is built from it
 * into the cache, as `bramble build` would, the cluster's state untouched, and the places where
 * configuration lies are compared, owners and modes too. What a running card writes there itself is
 * passed over.
 */
struct difference {
	char *path;          /* "/etc/hosts", "boot: cmdline.txt", "partition table" */
	char *what;          /* "differs", "is missing", "has mode 0644, not 0600" */
	char *card, *wanted; /* the texts, when both may be shown */
};

struct differences {
	struct difference *list;
	size_t n;
	bool secret_changes; /* the card's secret is another one, of a change that is not finished
			      */
};

MUST_CHECK int compare_card(
	const struct card *c, const struct cluster *cluster, struct differences *d, struct err *e);
void differences_free(struct differences *d);
#define _cleanup_differences_ _cleanup_(differences_free)

/* Prints "-" and "+" lines for what has to change in the first text to become the second. */
void diff_print(const char *from, const char *to, FILE *f);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CARD_PATHS_H
#define BRAMBLE_CARD_PATHS_H

/*
 * Which files of a card are whose: what bramble writes itself no overlay may, and what a live card
 * must keep no generation may. Paths are absolute, and of the card.
 */

/* Why no overlay may have a file there, as the rest of a sentence; NULL: it may. */
const char *card_path_own(const char *path);

/*
 * Why no generation may (`bramble apply`): overlays' files, and those of bramble's own that it
 * renders from cluster.conf and that can change while the node lives; NULL: it may.
 */
const char *card_path_forbidden(const char *path);

/* What has to start anew when that file changes. */
enum card_path_needs {
	CARD_NEEDS_NOTHING, /* of bramble's */
	CARD_NEEDS_NEO4J,
	CARD_NEEDS_PROXY,
};
enum card_path_needs card_path_needs(const char *path);

#endif

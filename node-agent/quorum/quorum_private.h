/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_QUORUM_PRIVATE_H
#define BRAMBLE_QUORUM_PRIVATE_H

#include "quorum.h"

/* Heard within the last ms? This node itself always. */
bool quorum_near(const struct quorum *q, unsigned id, int64_t ms);
/* Is what it remembers of the decrees whole? */
bool quorum_votes(const struct quorum *q, unsigned id);
/* What id last said; of this node itself, what it would say. */
const struct word *quorum_said(const struct quorum *q, unsigned id);
/* How many must agree: in epoch 0 all, later a majority. */
unsigned quorum_needed(const struct quorum *q);
/*
 * The latest mastership that the store of somebody present follows, and those of a majority may:
 * only such a master was ever writable.
 */
struct mastership quorum_last(const struct quorum *q);
/* Does id's store follow an older one? */
bool quorum_behind(const struct quorum *q, unsigned id);
bool mastership_later(const struct mastership *a, const struct mastership *b);
/* Does its store count? As long as nobody was master there is nothing in any. */
bool quorum_whole(const struct quorum *q, unsigned id);

/* Begins, goes on with or gives up a proposal. *why is set when one would be needed but may not be.
 */
void quorum_propose(struct quorum *q, const char **why);
/* A phase may be complete. */
void quorum_count(struct quorum *q);
void quorum_adopt(struct quorum *q, const struct manifest *m);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CMDLINE_H
#define BRAMBLE_CMDLINE_H

#include "buf.h"

/*
 * Edits of cmdline.txt, the kernel's command line on p1: words with single spaces between them on
 * the first line, the only one the firmware reads. What follows that line stays as it is. Each
 * edit done twice is the edit done once.
 *
 * A "word" below is compared as a whole; one that ends in "=" stands for itself with any value.
 */

/* Refuses what is no command line: a NUL, no word at all, more than the kernel takes. */
MUST_CHECK int cmdline_check(const struct buf *b, struct err *e);

/* Is the word there? *value, when not NULL, is what follows its "=": the caller frees. */
bool cmdline_has(const struct buf *b, const char *word, char **value);

/* Drops the word wherever it stands. */
void cmdline_drop(struct buf *b, const char *word);

/* "key=" gets this value: the first one there is replaced, others go; else it is put at the end. */
void cmdline_set(struct buf *b, const char *key, const char *value);

/* Each PARTUUID of the disk with the old MBR id becomes the same partition's of the new one. */
void cmdline_set_disk(struct buf *b, uint32_t old_id, uint32_t new_id);

#endif

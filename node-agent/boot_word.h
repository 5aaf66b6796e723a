/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BOOT_WORD_H
#define BRAMBLE_BOOT_WORD_H

#include <stdbool.h>

/*
 * What a unit that runs once, as root and before the agent, could not do in this boot, and why:
 * left in /run/bramble-boot for the agent, which has an API and a console to tell it by.
 */
#define BOOT_WORD_SIZE 512
#define BOOT_WORD_ASSIGN "assign"     /* which node this card is (assign.h) */
#define BOOT_WORD_SETTINGS "settings" /* how much of bramble.txt was not taken over */

/* NULL: all is well. A word that cannot be left is logged. */
void boot_word_set(const char *root, const char *name, const char *why);

/* Printable ASCII. False: there is none, and to is "". */
bool boot_word_get(const char *root, const char *name, char to[BOOT_WORD_SIZE]);

#endif

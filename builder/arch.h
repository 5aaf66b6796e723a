/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ARCH_H
#define BRAMBLE_ARCH_H

#include <stddef.h>
#include "util.h"

/* The machines a card may be for. */
enum arch { ARCH_UNKNOWN, ARCH_AMD64, ARCH_ARM64, ARCH_ARMHF };

const char *arch_name(enum arch a); /* Debian's: "amd64", "arm64", "armhf" */

/*
 * Of an ELF program, by its first bytes. ARCH_UNKNOWN with *machine 0: it is no ELF program; with
 * another *machine: it is for none of ours.
 */
enum arch arch_of_elf(const void *p, size_t n, unsigned *machine);

#endif

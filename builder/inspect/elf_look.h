/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_ELF_LOOK_H
#define BRAMBLE_INSPECT_ELF_LOOK_H

#include "image/ext4.h"

/* What a program on a card is made for, by its ELF headers. */
struct elf_look {
	const char *arch; /* Debian's name: "amd64", "arm64", "armhf"; "unknown" */
	bool dynamic;     /* asks for an interpreter, ld.so */
};

MUST_CHECK int elf_look(struct ext4 *fs, const char *path, struct elf_look *l, struct err *e);

#endif

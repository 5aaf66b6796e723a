/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "arch.h"
#include <elf.h>
#include <string.h>

struct arch_row {
	enum arch arch;
	const char *name;
	unsigned char elf_class;
	uint16_t elf_machine;
};

static const struct arch_row arches[] = {
	{ARCH_AMD64, "amd64", ELFCLASS64, EM_X86_64},
	{ARCH_ARM64, "arm64", ELFCLASS64, EM_AARCH64},
	{ARCH_ARMHF, "armhf", ELFCLASS32, EM_ARM},
};

const char *arch_name(enum arch a)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (arches[i].arch == a)
			return arches[i].name;
	}
	return "unknown";
}

enum arch arch_of_elf(const void *p, size_t n, unsigned *machine)
{
	Elf32_Ehdr h; /* class and machine lie alike in both classes */

	*machine = 0;
	if (n < sizeof(h) || memcmp(p, ELFMAG, SELFMAG) != 0)
		return ARCH_UNKNOWN;
	memcpy(&h, p, sizeof(h));
	*machine = h.e_machine;
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (h.e_ident[EI_CLASS] == arches[i].elf_class &&
			h.e_machine == arches[i].elf_machine)
			return arches[i].arch;
	}
	return ARCH_UNKNOWN;
}

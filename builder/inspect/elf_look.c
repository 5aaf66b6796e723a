/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>
#include <string.h>
#include "elf_look.h"

struct machine {
	unsigned char elf_class;
	uint16_t number;
	const char *arch;
};

static const struct machine machines[] = {
	{ELFCLASS64, EM_X86_64, "amd64"},
	{ELFCLASS64, EM_AARCH64, "arm64"},
	{ELFCLASS32, EM_ARM, "armhf"},
};

static const char *arch_of(unsigned char elf_class, uint16_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		if (machines[i].elf_class == elf_class && machines[i].number == number)
			return machines[i].arch;
	}
	return "unknown";
}

/* Where the i-th program header's type lies, or NULL past the last one or the end of the file. */
static const char *program_header(const struct buf *b, size_t i)
{
	Elf32_Ehdr h32;
	Elf64_Ehdr h64;
	uint64_t at, size, n;

	if (b->data[EI_CLASS] == ELFCLASS64) {
		memcpy(&h64, b->data, sizeof(h64));
		at = h64.e_phoff, size = h64.e_phentsize, n = h64.e_phnum;
	} else {
		memcpy(&h32, b->data, sizeof(h32));
		at = h32.e_phoff, size = h32.e_phentsize, n = h32.e_phnum;
	}
	if (i >= n || at > b->len || (i + 1) * size > b->len - at || size < sizeof(uint32_t))
		return NULL;
	return b->data + at + i * size;
}

/* Both classes begin alike: identification, type, machine; and a program header with its type. */
int elf_look(struct ext4 *fs, const char *path, struct elf_look *l, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};
	Elf64_Ehdr h;
	const char *ph;

	if (ext4_read(fs, path, &b, e) < 0)
		return -1;
	if (b.len < sizeof(h) || memcmp(b.data, ELFMAG, SELFMAG) != 0)
		return err_code(e, EXIT_INPUT, "%s: no program", path);
	memcpy(&h, b.data, sizeof(h));
	*l = (struct elf_look){.arch = arch_of(h.e_ident[EI_CLASS], h.e_machine)};
	for (size_t i = 0; (ph = program_header(&b, i)); i++) {
		uint32_t type;
		memcpy(&type, ph, sizeof(type));
		l->dynamic |= type == PT_INTERP;
	}
	return 0;
}

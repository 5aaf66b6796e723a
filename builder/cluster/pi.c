/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the makers' product pages and release notes: processor, memory, and the first image a board
 * was sold with. The very first Pis have ARMv6 processors: Debian's armhf, for which the cards'
 * programs are compiled, begins with ARMv7.
 */
#include "pi.h"
#include <string.h>
#include "buf.h"

#define A32 (1u << ARCH_ARMHF)
#define A64 (A32 | 1u << ARCH_ARM64)

static const struct pi boards[] = {
	{"1b", "Raspberry Pi 1 B", 0, {256, 512}, 7, "wheezy", true, false},
	{"1b+", "Raspberry Pi 1 B+", 0, {512}, 7, "wheezy", true, false},
	{"zero", "Raspberry Pi Zero", 0, {512}, 8, "jessie", false, false},
	{"zerow", "Raspberry Pi Zero W", 0, {512}, 8, "jessie", false, true},
	{"2b", "Raspberry Pi 2 B", A32, {1024}, 7, "wheezy", true, false},
	{"2b-1.2", "Raspberry Pi 2 B v1.2", A64, {1024}, 8, "jessie", true, false},
	{"3b", "Raspberry Pi 3 B", A64, {1024}, 8, "jessie", true, true},
	{"3b+", "Raspberry Pi 3 B+", A64, {1024}, 9, "stretch", true, true},
	{"3a+", "Raspberry Pi 3 A+", A64, {512}, 9, "stretch", false, true},
	{"zero2w", "Raspberry Pi Zero 2 W", A64, {512}, 11, "bullseye", false, true},
	{"4b", "Raspberry Pi 4 B", A64, {1024, 2048, 4096, 8192}, 10, "buster", true, true},
	{"400", "Raspberry Pi 400", A64, {4096}, 10, "buster", true, true},
	{"cm4", "Compute Module 4", A64, {1024, 2048, 4096, 8192}, 10, "buster", true, true},
	{"5", "Raspberry Pi 5", A64, {1024, 2048, 4096, 8192, 16384}, 12, "bookworm", true, true},
	{"500", "Raspberry Pi 500", A64, {8192, 16384}, 12, "bookworm", true, true},
	{"cm5", "Compute Module 5", A64, {2048, 4096, 8192, 16384}, 12, "bookworm", true, true},
};

const struct pi *pi_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(boards); i++) {
		if (strcmp(boards[i].name, name) == 0)
			return &boards[i];
	}
	return NULL;
}

const char *pi_names(void)
{
	static char text[128];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(boards); i++) {
		if (boards[i].arches)
			n += (size_t)snprintf(
				text + n, sizeof(text) - n, "%s%s", n ? ", " : "", boards[i].name);
	}
	return text;
}

int pi_check_memory(const struct pi *p, unsigned mb, struct err *e)
{
	_cleanup_buf_ struct buf choices = {0};

	for (size_t i = 0; i < PI_MEMORIES && p->memory_mb[i]; i++) {
		if (p->memory_mb[i] == mb)
			return 0;
		buf_printf(&choices, "%s%u", i ? ", " : "", p->memory_mb[i]);
	}
	return err_code(
		e, EXIT_CONFIG, "memory_mb = %u: a %s has %s", mb, p->title, buf_str(&choices));
}

int pi_check_base(const struct pi *p, enum arch arch, unsigned release, const char *release_name,
	struct err *e)
{
	if (!p->arches)
		return err_code(e, EXIT_CONFIG,
			"a %s has an ARMv6 processor; bramble's programs need ARMv7, which begins "
			"with the Raspberry Pi 2",
			p->title);
	if (arch == ARCH_AMD64)
		return err_code(e, EXIT_CONFIG,
			"a %s does not boot an amd64 base; take an %s one, or build with --twin "
			"to rehearse",
			p->title, p->arches == A32 ? "armhf" : "arm64 or armhf");
	if (!(p->arches & 1u << arch))
		return err_code(e, EXIT_CONFIG,
			"a %s does not boot an %s base, its processor has 32 bits; take an armhf "
			"one",
			p->title, arch_name(arch));
	if (release < p->release)
		return err_code(e, EXIT_CONFIG, "a %s does not boot %s; it needs %s or later",
			p->title, release_name, p->release_name);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far the last partition may grow. */
// use: node-agent/mbr.c
#include <endian.h>
#include "node-agent/mbr.h"
#include "tap.h"
#include "util.h"

#define MIB 2048ull /* sectors */
#define GIB (1024 * MIB)

/* A card as bramble lays it out: p1 at 4 MiB, p2 behind it, p3 of 512 MiB at 2 GiB. */
static struct mbr card(void)
{
	struct mbr m = {.signature = {0x55, 0xaa}};

	m.entry[0] = (struct mbr_entry){
		.type = 0x0c, .start_le = htole32(4 * MIB), .sectors_le = htole32(64 * MIB)};
	m.entry[1] = (struct mbr_entry){
		.type = 0x83, .start_le = htole32(68 * MIB), .sectors_le = htole32(1980 * MIB)};
	m.entry[2] = (struct mbr_entry){
		.type = 0x83, .start_le = htole32(2 * GIB), .sectors_le = htole32(512 * MIB)};
	return m;
}

struct a_case {
	const char *what;
	uint64_t disk, want, reserved;
};

static const struct a_case cases[] = {
	{"an image as built", 2 * GIB + 512 * MIB, 512 * MIB, 0},
	{"less than 1 MiB to win", 2 * GIB + 513 * MIB - 1, 512 * MIB, 0},
	{"exactly 1 MiB to win", 2 * GIB + 513 * MIB, 513 * MIB, 0},
	{"a 16 GB card", 31116288, 31116288 / MIB *MIB - 2 * GIB, 0},
	{"an odd end is rounded down", 4 * GIB + 2047, 2 * GIB, 0},
	{"a card past 2 TiB", 8192 * GIB, UINT32_MAX / MIB *MIB, 0},
	{"its end kept free", 16 * GIB, 13 * GIB, GIB},
	{"an odd part of its end", 4 * GIB, 2 * GIB - 2 * MIB, MIB + 1},
	{"more kept free than there is to win", 4 * GIB, 512 * MIB, 2 * GIB},
	{"more kept free than there is", 4 * GIB, 512 * MIB, 8 * GIB},
};

static void test_growth(void)
{
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mbr m = card();
		uint32_t sectors = 0;
		is_int(mbr_target(&m, 3, 2 * GIB, cases[i].disk, cases[i].reserved, &sectors, &e),
			0, "%s: fits", cases[i].what);
		is_int(sectors, (long long)cases[i].want, "%s: sectors", cases[i].what);
		mbr_resize(&m, 3, sectors);
		uint32_t again = 0;
		is_int(mbr_target(&m, 3, 2 * GIB, cases[i].disk, cases[i].reserved, &again, &e), 0,
			"%s: again", cases[i].what);
		is_int(again, sectors, "%s: a second time changes nothing", cases[i].what);
	}
}

/* Rounding must not take a few sectors for a reason to write. */
static void test_odd_length(void)
{
	struct mbr m = card();
	struct err e = {0};
	uint32_t sectors = 0;

	mbr_resize(&m, 3, 512 * MIB - 100);
	is_int(mbr_target(&m, 3, 2 * GIB, 2 * GIB + 512 * MIB, 0, &sectors, &e), 0, "odd length");
	is_int(sectors, 512 * MIB - 100, "100 sectors are not worth it");
}

static int target(const struct mbr *m, unsigned number, uint64_t start, uint64_t disk)
{
	struct err e = {0};
	uint32_t sectors;
	int r = mbr_target(m, number, start, disk, 0, &sectors, &e);

	printf("# %s\n", e.msg);
	return r;
}

static void test_refusals(void)
{
	struct mbr good = card(), m = good;

	is_int(target(&good, 2, 68 * MIB, 16 * GIB), -1, "not the last partition");
	is_int(target(&good, 3, 2 * GIB + 8, 16 * GIB), -1, "the kernel knows another start");
	is_int(target(&good, 5, 2 * GIB, 16 * GIB), -1, "a logical partition");
	is_int(target(&good, 0, 2 * GIB, 16 * GIB), -1, "no partition");
	is_int(target(&good, 1, 4 * MIB, 16 * GIB), -1, "not Linux");
	is_int(target(&good, 3, 2 * GIB, 2 * GIB + 511 * MIB), -1, "a card too small");
	m.signature[0] = 0;
	is_int(target(&m, 3, 2 * GIB, 16 * GIB), -1, "no table");
	m = good;
	m.entry[0].type = 0xee;
	is_int(target(&m, 3, 2 * GIB, 16 * GIB), -1, "GPT");
	m = good;
	m.entry[3] = (struct mbr_entry){.type = 0x83, .start_le = htole32(3 * GIB)};
	is_int(target(&m, 3, 2 * GIB, 16 * GIB), -1, "a fourth partition behind it");
}

static void test_bytes(void)
{
	struct mbr before = card(), after = before;
	int changed = 0;

	mbr_resize(&after, 3, 0x01020304);
	for (size_t i = 0; i < sizeof(before); i++)
		changed += ((uint8_t *)&before)[i] != ((uint8_t *)&after)[i];
	is_int(changed, 7, "length and last CHS change, nothing else");
	ok(memcmp((uint8_t *)&after + 446 + 32 + 12, "\4\3\2\1", 4) == 0,
		"little-endian, in place");
}

int main(void)
{
	test_growth();
	test_odd_length();
	test_refusals();
	test_bytes();
	return done();
}

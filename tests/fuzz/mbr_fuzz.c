/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a card's first sectors. What must hold: partitions that table_read accepts lie
 * within the card and apart, and the agent's arithmetic never lets one grow past the end.
 */
// use: builder/image/table.c node-agent/mbr.c
// mutations: 300
#include "builder/image/table.h"
#include "fuzz.h"
#include "node-agent/mbr.h"

#define SIZE (64u << 20)

static void must_fit(const struct table *t, size_t n)
{
	uint64_t end = 0;

	for (size_t i = 0; i < n; i++) {
		must(t->part[i].size && t->part[i].start >= end);
		end = t->part[i].start + t->part[i].size;
		must(end <= t->image_size && end >= t->part[i].start);
	}
}

static void try_growth(const uint8_t *data, size_t size)
{
	struct mbr m = {0};
	struct err e;
	uint32_t sectors = 0;

	memcpy(&m, data, size < sizeof(m) ? size : sizeof(m));
	for (unsigned i = 0; i < 6; i++) {
		uint64_t start = i >= 1 && i <= 4 ? m.entry[i - 1].start_le : 0;
		if (mbr_target(&m, i, start, SIZE / MBR_SECTOR, i, &sectors, &e) == 0)
			must(start + sectors <= SIZE / MBR_SECTOR && sectors >= mbr_sectors(&m, i));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size, SIZE);
	struct table_view view;
	struct table t;
	struct err e;

	if (table_look(path, &view, &e) == 0)
		must(view.size == (size > SIZE ? size : SIZE) / SECTOR * SECTOR);
	if (table_read_base(path, &t, &e) == 0)
		must_fit(&t, 2);
	if (table_read(path, &t, &e) == 0)
		must_fit(&t, 3);
	try_growth(data, size);
	return 0;
}

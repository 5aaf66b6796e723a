/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <endian.h>
#include <stdbool.h>
#include <string.h>
#include "mbr.h"

#define TYPE_LINUX 0x83
#define TYPE_GPT 0xee

static int check_table(const struct mbr *m, unsigned number, uint64_t start, struct err *e)
{
	if (m->signature[0] != 0x55 || m->signature[1] != 0xaa)
		return err_set(e, "no MBR partition table");
	if (m->entry[0].type == TYPE_GPT)
		return err_set(e, "a GPT partition table; only MBR is supported");
	if (number < 1 || number > 4)
		return err_set(e, "partition %u is not a primary one", number);
	const struct mbr_entry *p = &m->entry[number - 1];
	if (p->type != TYPE_LINUX || le32toh(p->start_le) != start)
		return err_set(e, "entry %u is not the Linux partition at sector %llu", number,
			(unsigned long long)start);
	return 0;
}

static bool is_last(const struct mbr *m, unsigned number)
{
	uint32_t start = le32toh(m->entry[number - 1].start_le);

	for (unsigned i = 0; i < 4; i++) {
		if (m->entry[i].type && le32toh(m->entry[i].start_le) > start)
			return false;
	}
	return true;
}

int mbr_target(const struct mbr *m, unsigned number, uint64_t start, uint64_t disk_sectors,
	uint64_t reserved, uint32_t *sectors, struct err *e)
{
	if (check_table(m, number, start, e) < 0)
		return -1;
	if (!is_last(m, number))
		return err_set(e, "partition %u is not the last one", number);
	uint64_t now = mbr_sectors(m, number);
	if (start + now > disk_sectors)
		return err_set(e, "partition %u ends behind the end of the card", number);
	uint64_t usable = disk_sectors > reserved ? disk_sectors - reserved : 0;
	uint64_t end = usable / MBR_ALIGN * MBR_ALIGN;
	uint64_t most = end > start ? end - start : 0;
	if (most > UINT32_MAX)
		most = UINT32_MAX / MBR_ALIGN * MBR_ALIGN;
	*sectors = (uint32_t)(most >= now + MBR_ALIGN ? most : now);
	return 0;
}

/* Cylinders, heads and sectors cannot name places this far out: all bits set say so. */
void mbr_resize(struct mbr *m, unsigned number, uint32_t sectors)
{
	struct mbr_entry *p = &m->entry[number - 1];

	p->sectors_le = htole32(sectors);
	memcpy(p->last_chs, "\xfe\xff\xff", sizeof(p->last_chs));
}

uint32_t mbr_sectors(const struct mbr *m, unsigned number)
{
	return le32toh(m->entry[number - 1].sectors_le);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TABLE_H
#define BRAMBLE_TABLE_H

#include <stdint.h>
#include "err.h"

/*
 * The partition table of an image file: MBR with p1 FAT and p2 ext4, as every Raspberry Pi OS
 * image has it; bramble adds p3. Through libfdisk; nothing but the table is touched.
 */
#define SECTOR 512u

struct extent {
	uint64_t start, size; /* bytes */
};

struct table {
	uint32_t disk_id;      /* PARTUUID of partition N is "%08x-%02x" of disk_id, N */
	struct extent part[4]; /* size 0: not there */
	uint64_t image_size;
};

/* A table as it is, judged by nobody. */
struct table_view {
	uint32_t disk_id;
	uint64_t size; /* of the image or the device */
	struct {
		struct extent at; /* size 0: not there */
		uint8_t type;
	} part[4];
};

/* Any MBR with any primary partitions; what lies in an extended one is not looked at. */
MUST_CHECK int table_look(const char *path, struct table_view *v, struct err *e);

/* Refuses anything that is no MBR with FAT in p1 and Linux in p2, p2 last. */
MUST_CHECK int table_read_base(const char *path, struct table *t, struct err *e);

/* Reads a table bramble wrote: p1, p2 and p3. */
MUST_CHECK int table_read(const char *path, struct table *t, struct err *e);

/* Makes the file's table equal to t: p2's size, p3, the disk id. p1 and p2's start stay. */
MUST_CHECK int table_write(const char *path, const struct table *t, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include "grow.h"
#include "io.h"
#include "log.h"
#include "mbr.h"
#include "util.h"

#ifndef EXT4_IOC_RESIZE_FS /* linux/ext4.h is missing before 6.11 */
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)
#endif
#define EXT4_MAGIC 0xef53

/* A partition as the kernel knows it; sectors of 512 bytes, as everywhere in sysfs. */
struct partition {
	unsigned number;
	uint64_t start, sectors;
	char disk[64]; /* "/dev/mmcblk0" */
};

static int read_number(const char *dir, const char *name, uint64_t *value, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	_cleanup_buf_ struct buf text = {0};
	char *end;

	if (io_read_file(path, 64, &text, e) < 0)
		return -1;
	*value = strtoull(buf_str(&text), &end, 10);
	if (end == buf_str(&text))
		return err_set(e, "%s: not a number", path);
	return 0;
}

/* The disk's directory is the parent of the partition's: .../block/mmcblk0/mmcblk0p3. */
static int find_disk(const char *sys, struct partition *p, struct err *e)
{
	_cleanup_free_ char *real = realpath(sys, NULL);

	if (!real)
		return err_errno(e, "%s", sys);
	char *slash = strrchr(real, '/');
	if (slash)
		*slash = '\0';
	const char *disk = strrchr(real, '/');
	if (!disk || snprintf(p->disk, sizeof(p->disk), "/dev%s", disk) >= (int)sizeof(p->disk))
		return err_set(e, "%s: cannot tell the disk", sys);
	return 0;
}

static int find_partition(const char *dir, struct partition *p, struct err *e)
{
	struct stat st;
	uint64_t number;

	if (stat(dir, &st) < 0)
		return err_errno(e, "%s", dir);
	_cleanup_free_ char *sys =
		xasprintf("/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	if (read_number(sys, "partition", &number, e) < 0)
		return err_prefix(e, "%s is not on a partition", dir);
	if (read_number(sys, "start", &p->start, e) < 0)
		return -1;
	if (read_number(sys, "size", &p->sectors, e) < 0)
		return -1;
	p->number = (unsigned)number;
	return find_disk(sys, p, e);
}

static int grow_table(
	int fd, const struct partition *p, uint64_t reserved, uint32_t *sectors, struct err *e)
{
	struct mbr m;
	uint64_t bytes;

	if (ioctl(fd, BLKGETSIZE64, &bytes) < 0 || io_pread_full(fd, &m, sizeof(m), 0) < 0)
		return err_errno(e, "%s", p->disk);
	if (mbr_target(&m, p->number, p->start, bytes / MBR_SECTOR,
		    (reserved + MBR_SECTOR - 1) / MBR_SECTOR, sectors, e) < 0)
		return err_prefix(e, "%s", p->disk);
	if (mbr_sectors(&m, p->number) == *sectors)
		return 0;
	mbr_resize(&m, p->number, *sectors);
	if (io_pwrite_full(fd, &m, sizeof(m), 0) < 0 || fsync(fd) < 0)
		return err_errno(e, "%s: cannot write the partition table", p->disk);
	log_info("%s: partition %u may now have %u MiB", p->disk, p->number, *sectors / 2048);
	return 0;
}

static int grow_partition(int fd, const struct partition *p, uint32_t sectors, struct err *e)
{
	struct blkpg_partition part = {
		.start = (long long)(p->start * MBR_SECTOR),
		.length = (long long)sectors * MBR_SECTOR,
		.pno = (int)p->number,
	};
	struct blkpg_ioctl_arg arg = {
		.op = BLKPG_RESIZE_PARTITION, .datalen = sizeof(part), .data = &part};

	if (sectors <= p->sectors)
		return 0;
	if (ioctl(fd, BLKPG, &arg) < 0)
		return err_errno(e, "%s: cannot resize partition %u", p->disk, p->number);
	log_info("%s: partition %u grew from %llu to %u MiB", p->disk, p->number,
		(unsigned long long)(p->sectors / 2048), sectors / 2048);
	return 0;
}

/* Repeating it with the size it has costs 4 ms: no need to find out that size first. */
static int grow_filesystem(const char *dir, uint64_t bytes, struct err *e)
{
	struct statfs before, after;
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstatfs(fd, &before) < 0)
		return err_errno(e, "%s", dir);
	if (before.f_type != EXT4_MAGIC)
		return err_set(e, "%s: not ext4", dir);
	uint64_t blocks = bytes / (uint64_t)before.f_bsize;
	if (ioctl(fd, EXT4_IOC_RESIZE_FS, &blocks) < 0)
		return err_errno(e, "%s: cannot grow the filesystem", dir);
	if (fstatfs(fd, &after) == 0 && after.f_blocks != before.f_blocks)
		log_info("%s: grew to %llu MiB", dir, (unsigned long long)(bytes >> 20));
	return 0;
}

int grow_mounted(const char *dir, uint64_t reserved, struct err *e)
{
	struct partition p;
	uint32_t sectors;

	if (find_partition(dir, &p, e) < 0)
		return -1;
	/* Not O_EXCL: that is refused while a partition of the disk is mounted. */
	_cleanup_close_ int fd = open(p.disk, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "%s", p.disk);
	if (grow_table(fd, &p, reserved, &sectors, e) < 0 || grow_partition(fd, &p, sectors, e) < 0)
		return -1;
	return grow_filesystem(dir, (uint64_t)sectors * MBR_SECTOR, e);
}

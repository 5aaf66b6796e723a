/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "device.h"
#include "util.h"

#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, uint64_t)
#endif

/* What tells one card from the next in a reader. */
struct medium_id {
	uint64_t size, sequence;
};

static int read_id(int fd, struct medium_id *id)
{
	*id = (struct medium_id){0};
	if (ioctl(fd, BLKGETDISKSEQ, &id->sequence) < 0)
		id->sequence = 0;
	return ioctl(fd, BLKGETSIZE64, &id->size);
}

/* sysfs tells these as well; the device's own word counts where it may be opened. */
static int look_block(struct device *d, struct err *e)
{
	_cleanup_close_ int fd = open(d->path, O_RDONLY | O_CLOEXEC);
	struct medium_id id;
	int sector;

	if (device_look_kernel(d, &kernel_places, e) < 0)
		return -1;
	if (fd >= 0 && read_id(fd, &id) == 0) {
		d->facts.size = id.size;
		d->sequence = id.sequence;
	}
	if (fd >= 0 && ioctl(fd, BLKSSZGET, &sector) == 0)
		d->facts.sector = (unsigned)sector;
	return 0;
}

static bool is_same_file(const struct stat *st, const char *path)
{
	struct stat other;

	return stat(path, &other) == 0 && st->st_dev == other.st_dev && st->st_ino == other.st_ino;
}

int device_look(struct device *d, const char *path, const char *image, struct err *e)
{
	struct stat st;

	*d = (struct device){.path = xstrdup(path), .model = xstrdup(""), .serial = xstrdup("")};
	d->facts.path = d->path;
	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, "%s", path);
	d->dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	d->inode = S_ISBLK(st.st_mode) ? 0 : st.st_ino;
	d->facts.is_image = is_same_file(&st, image);
	d->facts.kind = S_ISREG(st.st_mode) ? DEVICE_FILE : DEVICE_OTHER;
	d->facts.size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	return S_ISBLK(st.st_mode) ? look_block(d, e) : 0;
}

void device_free(struct device *d)
{
	char *strings[] = {d->path, d->disk, d->system, d->holder, d->model, d->serial};

	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(strings[i]);
	for (size_t i = 0; i < d->nmounts; i++)
		free(d->mounts[i]);
	free(d->mounts);
	*d = (struct device){0};
}

bool device_same(const struct device *a, const struct device *b)
{
	return a->dev == b->dev && a->inode == b->inode;
}

int device_unmount(const struct device *d, struct err *e)
{
	for (size_t i = d->nmounts; i-- > 0;) {
		if (umount2(d->mounts[i], UMOUNT_NOFOLLOW) < 0)
			return err_errno(e, "%s: cannot unmount %s", d->path, d->mounts[i]);
	}
	return 0;
}

static int explain_open(const struct device *d, struct err *e)
{
	if (errno == EBUSY || errno == EWOULDBLOCK)
		return err_code(e, EXIT_BUSY,
			"%s is in use by another program, or mounted in a container", d->path);
	if (errno == EACCES || errno == EPERM)
		return err_code(e, EXIT_FAILED, "%s: %s; run with sudo, or join the group disk",
			d->path, strerror(errno));
	return err_errno(e, "%s", d->path);
}

static bool is_other_card(const struct device *d, int fd)
{
	struct medium_id id;

	return d->facts.kind != DEVICE_FILE &&
	       (read_id(fd, &id) < 0 || id.size != d->facts.size || id.sequence != d->sequence);
}

/* O_EXCL: open(2), "block device ... in use by the system (e.g., mounted)". */
int device_open(const struct device *d, struct err *e)
{
	struct stat st;
	int excl = d->facts.kind == DEVICE_FILE ? 0 : O_EXCL;
	_cleanup_close_ int fd = open(d->path, O_RDWR | O_CLOEXEC | excl);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return explain_open(d, e);
	if (fstat(fd, &st) < 0)
		return err_errno(e, "%s", d->path);
	if ((d->facts.kind == DEVICE_FILE ? st.st_dev : st.st_rdev) != d->dev ||
		is_other_card(d, fd))
		return err_code(e, EXIT_BUSY, "%s is another card than a moment ago", d->path);
	return steal_fd(&fd);
}

char *device_describe(const struct device *d)
{
	double gb = (double)d->facts.size / 1e9;

	return xasprintf("%.1f GB%s%s%s%s", gb, *d->model ? ", " : "", d->model,
		*d->serial ? ", serial " : "", d->serial);
}

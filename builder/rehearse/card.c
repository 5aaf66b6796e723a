/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include "card.h"
#include "image/ext4.h"
#include "image/sparse.h"
#include "image/table.h"
#include "io.h"

/* Any small program every Debian has. */
#define PROBE "/usr/bin/true"

/* e_machine; 0 when it is no ELF file. Both byte orders we meet are little. */
static unsigned elf_machine(const unsigned char *p, size_t n)
{
	if (n < sizeof(Elf32_Ehdr) || memcmp(p, ELFMAG, SELFMAG) != 0)
		return 0;
	return p[offsetof(Elf32_Ehdr, e_machine)] | (unsigned)p[offsetof(Elf32_Ehdr, e_machine) + 1]
							    << 8;
}

static int read_probe(const char *image, struct buf *b, struct err *e)
{
	struct table t;

	if (table_read(image, &t, e) < 0)
		return -1;
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(image, t.part[1].start, e);
	if (!fs || ext4_read(fs, PROBE, b, e) < 0)
		return err_prefix(e, "%s", image);
	return 0;
}

int card_runs_here(const char *image, struct err *e)
{
	unsigned char self[sizeof(Elf32_Ehdr)];
	_cleanup_buf_ struct buf probe = {0};
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || io_pread_full(fd, self, sizeof(self), 0) < 0)
		return err_errno(e, "/proc/self/exe");
	if (read_probe(image, &probe, e) < 0)
		return -1;
	return elf_machine((const unsigned char *)probe.data, probe.len) ==
	       elf_machine(self, sizeof(self));
}

static int copy_part(int image, const struct extent *x, const char *to, struct err *e)
{
	_cleanup_close_ int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)x->size) < 0)
		return err_errno(e, "%s", to);
	if (sparse_copy_range(image, (off_t)x->start, fd, 0, x->size, e) < 0)
		return err_prefix(e, "%s", to);
	return 0;
}

int card_copy(const struct rehearsal *r, const struct machine *m, const char *image, struct err *e)
{
	_cleanup_free_ char *root = machine_path(r, m, "root");
	_cleanup_free_ char *data = machine_path(r, m, "data");
	_cleanup_close_ int fd = open(image, O_RDONLY | O_CLOEXEC);
	struct table t;

	if (fd < 0)
		return err_errno(e, "%s", image);
	if (table_read(image, &t, e) < 0)
		return -1;
	if (copy_part(fd, &t.part[1], root, e) < 0)
		return -1;
	return copy_part(fd, &t.part[2], data, e);
}

/* LOOP_CTL_GET_FREE reserves nothing: another process may take the device first. */
static int loop_attach(int file, bool readonly, char *path, size_t size, struct err *e)
{
	struct loop_config config = {
		.fd = (uint32_t)file,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | (readonly ? LO_FLAGS_READ_ONLY : 0),
	};
	_cleanup_close_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	for (int i = 0; control >= 0 && i < 64; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);
		if (n < 0)
			break;
		snprintf(path, size, "/dev/loop%d", n);
		_cleanup_close_ int fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			return steal_fd(&fd);
		if (errno != EBUSY)
			break;
	}
	return err_errno(e, "no loop device");
}

int card_mount(const char *file, const char *dir, bool readonly, struct err *e)
{
	char device[32];
	_cleanup_close_ int fd = open(file, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "%s", file);
	/* Held open until it is mounted: the last close would clear it. */
	_cleanup_close_ int loop = loop_attach(fd, readonly, device, sizeof(device), e);
	if (loop < 0)
		return err_prefix(e, "%s", file);
	/* noload: what is not to be written to cannot have its journal replayed. */
	if (mount(device, dir, "ext4", readonly ? MS_RDONLY : MS_NOATIME,
		    readonly ? "noload" : NULL) < 0)
		return err_errno(e, "%s: cannot be mounted as ext4", file);
	return 0;
}

static bool has_loop(const char *file)
{
	glob_t found;
	bool has = false;

	if (glob("/sys/block/loop*/loop/backing_file", 0, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc && !has; i++) {
		_cleanup_buf_ struct buf name = {0};
		struct err gone;
		if (io_read_file(found.gl_pathv[i], PATH_MAX, &name, &gone) == 0)
			has = strcspn(buf_str(&name), "\n") == strlen(file) &&
			      str_starts(buf_str(&name), file);
	}
	globfree(&found);
	return has;
}

int card_wait_free(const char *file, struct err *e)
{
	for (int i = 0; i < 500; i++) {
		if (!has_loop(file))
			return 0;
		usleep(10000);
	}
	return err_set(e, "%s: is still mounted", file);
}

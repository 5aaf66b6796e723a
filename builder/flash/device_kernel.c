/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What sysfs, mountinfo and swaps tell about a disk: Documentation/ABI/testing/sysfs-block,
 * proc(5). A disk is in use when it, a partition of it or anything on top of these (holders: LVM,
 * RAID, encryption, in any depth) is mounted or swapped to.
 */
#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/sysmacros.h>
#include "device.h"
#include "io.h"

#define ATTRIBUTE_MAX 4096
#define TABLE_MAX (4u << 20)
#define DEPTH_MAX 16 /* of holders on holders */

const struct kernel_places kernel_places = {"/sys", "/proc"};

struct look {
	struct device *d;
	struct buf mounts, swaps; /* the files */
};

/* An attribute without the spaces around it, unprintable bytes as '?'; "" if there is none. */
static char *attribute(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	_cleanup_buf_ struct buf b = {0};
	struct err ignored;

	if (io_read_file(path, ATTRIBUTE_MAX, &b, &ignored) < 0)
		return xstrdup("");
	const char *s = buf_str(&b);
	while (isspace((unsigned char)*s))
		s++;
	char *value = xstrdup(s);
	for (size_t n = strlen(value); n && isspace((unsigned char)value[n - 1]);)
		value[--n] = '\0';
	for (char *c = value; *c; c++)
		*c = isprint((unsigned char)*c) ? *c : '?';
	return value;
}

static uint64_t number(const char *dir, const char *name)
{
	_cleanup_free_ char *value = attribute(dir, name);

	return strtoull(value, NULL, 10);
}

static bool has(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);

	return access(path, F_OK) == 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* mountinfo writes space, tab, newline and backslash as \040 and so on. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static bool is_system_mount(const char *where)
{
	static const char *const below[] = {
		"/boot", "/efi", "/etc", "/home", "/nix", "/opt", "/srv", "/usr", "/var"};

	for (size_t i = 0; i < ARRAY_SIZE(below); i++) {
		size_t n = strlen(below[i]);
		if (strncmp(where, below[i], n) == 0 && (!where[n] || where[n] == '/'))
			return true;
	}
	return strcmp(where, "/") == 0;
}

static void add_mount(struct device *d, const char *where)
{
	d->mounts = xreallocarray(d->mounts, d->nmounts + 1, sizeof(*d->mounts));
	d->mounts[d->nmounts++] = xstrdup(where);
	if (is_system_mount(where) && !d->system)
		d->system = xstrdup(where);
}

/*
 * "36 35 98:0 / /mnt rw ... - ext3 /dev/sdb1 rw": the third field is the device, but btrfs and
 * overlays number their own there and name it at the end.
 */
static void find_mounts(struct look *l, const char *dev, const char *node)
{
	_cleanup_free_ char *text = xstrdup(buf_str(&l->mounts));
	char *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char number_of[32], where[PATH_MAX], source[PATH_MAX] = "";
		const char *tail = strstr(line, " - ");
		if (sscanf(line, "%*s %*s %31s %*s %4095s", number_of, where) != 2)
			continue;
		if (tail)
			sscanf(tail + 3, "%*s %4095s", source);
		unescape(where);
		if (strcmp(number_of, dev) == 0 || strcmp(source, node) == 0)
			add_mount(l->d, where);
	}
}

static void find_swap(struct look *l, const char *node)
{
	_cleanup_free_ char *word = xasprintf("%s ", node);
	_cleanup_free_ char *tab = xasprintf("%s\t", node);

	if (l->d->system)
		return;
	for (const char *s = buf_str(&l->swaps); s; s = strchr(s, '\n'), s = s ? s + 1 : NULL) {
		if (str_starts(s, word) || str_starts(s, tab))
			l->d->system = xstrdup("swap");
	}
}

static void find_uses(struct look *l, const char *dir, unsigned depth);

static void find_holders(struct look *l, const char *dir, unsigned depth)
{
	_cleanup_free_ char *holders = xasprintf("%s/holders", dir);
	DIR *list = opendir(holders);
	const struct dirent *entry;

	while (list && (entry = readdir(list))) {
		if (entry->d_name[0] == '.')
			continue;
		_cleanup_free_ char *holder = xasprintf("%s/%s", holders, entry->d_name);
		if (!l->d->holder)
			l->d->holder = xstrdup(entry->d_name);
		if (depth < DEPTH_MAX)
			find_uses(l, holder, depth + 1);
	}
	if (list)
		closedir(list);
}

/* What this disk, partition or volume is used for; partitions are its subfolders. */
static void find_uses(struct look *l, const char *dir, unsigned depth)
{
	_cleanup_free_ char *dev = attribute(dir, "dev");
	_cleanup_free_ char *node = xasprintf("/dev/%s", base_name(dir));
	DIR *list = opendir(dir);
	const struct dirent *entry;

	find_mounts(l, dev, node);
	find_swap(l, node);
	find_holders(l, dir, depth);
	while (list && (entry = readdir(list))) {
		_cleanup_free_ char *part = xasprintf("%s/%s", dir, entry->d_name);
		if (entry->d_name[0] != '.' && has(part, "partition"))
			find_uses(l, part, depth);
	}
	if (list)
		closedir(list);
}

/*
 * Built-in readers of laptops and the Pi itself say removable=0 of SD cards, and so do many USB
 * disks: rpi-imager#606. A soldered eMMC is on the same bus, of type "MMC".
 */
static bool can_be_taken_out(const char *dir)
{
	_cleanup_free_ char *type = attribute(dir, "device/type");

	if (number(dir, "removable") == 1 || strstr(dir, "/usb"))
		return true;
	return strstr(dir, "/mmc_host/") && strcmp(type, "SD") == 0;
}

/* A USB disk's serial number is that of the USB device, some folders up. */
static char *find_serial(const char *dir)
{
	_cleanup_free_ char *up = xstrdup(dir);

	if (has(dir, "device/serial"))
		return attribute(dir, "device/serial");
	for (char *slash; strstr(up, "/usb") && (slash = strrchr(up, '/')) != up; *slash = '\0') {
		if (has(up, "idVendor"))
			return attribute(up, "serial");
	}
	return xstrdup("");
}

/* "SanDisk Ultra"; an SD card has a name only. */
static char *find_model(const char *dir)
{
	_cleanup_free_ char *vendor = attribute(dir, "device/vendor");
	_cleanup_free_ char *model = attribute(dir, "device/model");
	_cleanup_free_ char *name = attribute(dir, "device/name");

	if (!*model)
		return steal(&name);
	return xasprintf("%s%s%s", vendor, *vendor ? " " : "", model);
}

static void describe(struct device *d, const char *dir)
{
	free(d->model);
	free(d->serial);
	d->model = find_model(dir);
	d->serial = find_serial(dir);
	d->facts.size = number(dir, "size") * 512; /* whatever its sectors are */
	d->facts.sector = (unsigned)number(dir, "queue/logical_block_size");
	d->facts.read_only = number(dir, "ro") == 1;
	d->facts.removable = can_be_taken_out(dir);
	d->facts.kind =
		has(dir, "loop") || str_starts(base_name(dir), "loop") ? DEVICE_LOOP : DEVICE_DISK;
}

static int read_tables(struct look *l, const struct kernel_places *at, struct err *e)
{
	_cleanup_free_ char *mounts = xasprintf("%s/self/mountinfo", at->proc);
	_cleanup_free_ char *swaps = xasprintf("%s/swaps", at->proc);

	if (io_read_file(mounts, TABLE_MAX, &l->mounts, e) < 0)
		return -1;
	if (!has(at->proc, "swaps"))
		return 0; /* a kernel without swap */
	return io_read_file(swaps, TABLE_MAX, &l->swaps, e);
}

/* The folder of the whole disk; a partition lies in its disk's. */
static void to_disk(struct device *d, char *dir, bool *partition)
{
	*partition = has(dir, "partition");
	if (!*partition)
		return;
	*strrchr(dir, '/') = '\0';
	d->disk = xasprintf("/dev/%s", base_name(dir));
}

int device_look_kernel(struct device *d, const struct kernel_places *at, struct err *e)
{
	struct look l = {.d = d};
	_cleanup_free_ char *link =
		xasprintf("%s/dev/block/%u:%u", at->sys, major(d->dev), minor(d->dev));
	_cleanup_free_ char *dir = realpath(link, NULL);
	bool partition;

	if (!dir)
		return err_errno(e, "%s: the kernel does not tell what it is: %s", d->path, link);
	int rc = read_tables(&l, at, e);
	if (rc == 0) {
		to_disk(d, dir, &partition);
		describe(d, dir);
		find_uses(&l, dir, 0);
		if (partition)
			d->facts.kind = DEVICE_PARTITION;
	}
	buf_free(&l.mounts);
	buf_free(&l.swaps);
	d->facts.disk = d->disk;
	d->facts.system = d->system;
	d->facts.holder = d->holder;
	d->facts.mount = d->nmounts ? d->mounts[0] : NULL;
	return rc;
}

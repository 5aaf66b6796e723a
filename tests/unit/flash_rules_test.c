/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which devices may be written: the decision, and what it is told by a kernel made of files. */
// use: builder/flash/rules.c builder/flash/device.c builder/flash/device_kernel.c
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "builder/flash/device.h"
#include "io.h"
#include "tap.h"

#define GB UINT64_C(1000000000)
#define CARD .path = "/dev/sdb", .kind = DEVICE_DISK, .size = 16 * GB, .removable = true

struct verdict {
	struct device_facts facts;
	bool allow_fixed, unmount;
	int code; /* 0: may be written */
	const char *words;
};

static const struct verdict verdicts[] = {
	{{CARD}, .words = ""},
	{{.path = "card.img", .kind = DEVICE_FILE, .size = 16 * GB}, .words = ""},
	{{.path = "/dev/loop0", .kind = DEVICE_LOOP, .size = 4 * GB}, .words = ""},
	{{.path = "/dev/sdx"}, .code = EXIT_INPUT, .words = "is not there"},
	{{.path = "/dev/tty", .kind = DEVICE_OTHER}, .code = EXIT_INPUT, .words = "neither a disk"},
	{{.path = "x.img", .kind = DEVICE_FILE, .size = 4 * GB, .is_image = true},
		.code = EXIT_INPUT, .words = "is the image itself"},
	{{CARD, .system = "/boot"}, true, true, EXIT_INPUT, "has on it: /boot"},
	{{CARD, .system = "swap", .mount = "/media/x", .holder = "dm-0"}, .code = EXIT_INPUT,
		.words = "has on it: swap"},
	{{.path = "/dev/sdb1", .kind = DEVICE_PARTITION, .disk = "/dev/sdb", .size = 16 * GB},
		.code = EXIT_INPUT, .words = "is a partition of /dev/sdb"},
	{{CARD, .holder = "md127"}, true, true, EXIT_BUSY, "in use by md127"},
	{{CARD, .mount = "/media/me/bootfs"}, .code = EXIT_BUSY, .words = "at /media/me/bootfs"},
	{{CARD, .mount = "/media/me/bootfs"}, .unmount = true, .words = ""},
	{{.path = "/dev/sdc", .kind = DEVICE_DISK, .removable = true}, .code = EXIT_INPUT,
		.words = "is empty"},
	{{.path = "/dev/sda", .kind = DEVICE_DISK, .size = 16 * GB}, .code = EXIT_INPUT,
		.words = "cannot be taken out"},
	{{.path = "/dev/sda", .kind = DEVICE_DISK, .size = 16 * GB}, .allow_fixed = true,
		.words = ""},
	{{CARD, .read_only = true}, .code = EXIT_INPUT, .words = "is read-only"},
	{{CARD, .sector = 512}, .words = ""},
	{{CARD, .sector = 4096}, true, true, EXIT_INPUT, "has sectors of 4096 bytes"},
	{{.path = "/dev/sdb", .kind = DEVICE_DISK, .removable = true, .size = 4 * GB - 1},
		.code = EXIT_INPUT, .words = "too small: 3999999999 bytes, the image 4000000000"},
	{{.path = "/dev/sdb", .kind = DEVICE_DISK, .removable = true, .size = 4 * GB}, .words = ""},
	{{.path = "garden.conf", .kind = DEVICE_FILE, .size = 800}, .code = EXIT_INPUT,
		.words = "too small"},
};

static void test_rules(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
		const struct verdict *v = &verdicts[i];
		struct flash_rules r = {4 * GB, v->allow_fixed, v->unmount};
		struct err e = {0};
		int rc = device_refuse(&v->facts, &r, &e);
		ok(rc == (v->code ? -1 : 0) && e.code == v->code && strstr(e.msg, v->words),
			"%zu: %s", i, e.msg[0] ? e.msg : "may be written");
	}
}

/* --- a kernel made of files */

static char scratch[] = "/tmp/bramble-flash-XXXXXX";

static void put(const char *path, const char *text)
{
	_cleanup_free_ char *full = xasprintf("%s/%s", scratch, path);
	_cleanup_free_ char *dir = xstrndup(full, (size_t)(strrchr(full, '/') - full));
	struct err e = {0};

	if (io_mkdir_p(dir, 0700, &e) < 0 ||
		io_write_atomic(full, text, strlen(text), 0600, &e) < 0)
		ok(false, "%s", e.msg);
}

static void put_link(const char *path, const char *to)
{
	_cleanup_free_ char *full = xasprintf("%s/%s", scratch, path);

	if (symlink(to, full) < 0)
		perror(full);
}

#define USB "sys/devices/pci0/usb1/1-1"
#define SDB USB "/1-1:1.0/host6/block/sdb"
#define VDA "sys/devices/pci0/virtio0/block/vda"
#define MMC "sys/devices/platform/mmc_host/mmc0/mmc0:1/block/mmcblk0"
#define EMMC "sys/devices/platform/mmc_host/mmc1/mmc1:1/block/mmcblk1"
#define DM "sys/devices/virtual/block/dm-0"

static void make_kernel(void)
{
	put(USB "/idVendor", "0781\n");
	put(USB "/serial", "4C530001\n");
	put(SDB "/dev", "8:16\n");
	put(SDB "/size", "31116288\n");
	put(SDB "/queue/logical_block_size", "4096\n");
	put(SDB "/removable", "0\n");
	put(SDB "/device/vendor", "SanDisk \n");
	put(SDB "/device/model", "Ultra\x1b[2J\n");
	put(SDB "/sdb1/dev", "8:17\n");
	put(SDB "/sdb1/partition", "1\n");
	put(SDB "/sdb2/dev", "8:18\n");
	put(SDB "/sdb2/partition", "2\n");
	put(VDA "/dev", "254:0\n");
	put(VDA "/size", "31116288\n");
	put(VDA "/ro", "1\n");
	put(VDA "/vda1/dev", "254:1\n");
	put(VDA "/vda1/partition", "1\n");
	put(DM "/dev", "253:0\n");
	put(VDA "/vda1/holders/.keep", "");
	put_link(VDA "/vda1/holders/dm-0", "../../../../../../virtual/block/dm-0");
	put(MMC "/dev", "179:0\n");
	put(MMC "/device/type", "SD\n");
	put(MMC "/device/name", "SU16G\n");
	put(EMMC "/dev", "179:8\n");
	put(EMMC "/device/type", "MMC\n");
	put("sys/dev/block/.keep", "");
	put_link("sys/dev/block/8:16", "../../devices/pci0/usb1/1-1/1-1:1.0/host6/block/sdb");
	put_link("sys/dev/block/8:17", "../../devices/pci0/usb1/1-1/1-1:1.0/host6/block/sdb/sdb1");
	put_link("sys/dev/block/254:0", "../../devices/pci0/virtio0/block/vda");
	put_link(
		"sys/dev/block/179:0", "../../devices/platform/mmc_host/mmc0/mmc0:1/block/mmcblk0");
	put_link(
		"sys/dev/block/179:8", "../../devices/platform/mmc_host/mmc1/mmc1:1/block/mmcblk1");
}

static void put_tables(const char *mounts, const char *swaps)
{
	_cleanup_free_ char *swap = xasprintf("Filename\tType\tSize\tUsed\tPriority\n%s", swaps);

	put("proc/self/mountinfo", mounts);
	put("proc/swaps", swap);
}

static struct device look(unsigned ma, unsigned mi)
{
	_cleanup_free_ char *sys = xasprintf("%s/sys", scratch);
	_cleanup_free_ char *proc = xasprintf("%s/proc", scratch);
	struct device d = {.path = xstrdup("/dev/x"),
		.model = xstrdup(""),
		.serial = xstrdup(""),
		.dev = makedev(ma, mi)};
	struct err e = {0};

	d.facts.path = d.path;
	ok(device_look_kernel(&d, &(struct kernel_places){sys, proc}, &e) == 0,
		"%u:%u is looked at: %s", ma, mi, e.msg);
	return d;
}

static void test_card(void)
{
	put_tables("22 1 254:1 / / rw - ext4 /dev/vda1 rw\n", "");
	_cleanup_device_ struct device d = look(8, 16);

	is_int(d.facts.kind, DEVICE_DISK, "a USB reader is a disk");
	ok(d.facts.removable, "on USB it can be taken out, whatever the disk says");
	is_int((long long)d.facts.size, 31116288LL * 512, "its size");
	is_int(d.facts.sector, 4096, "and that of its sectors");
	is_str(d.model, "SanDisk Ultra?[2J", "its model, without what moves a cursor");
	is_str(d.serial, "4C530001", "its serial number is the USB device's");
	ok(!d.facts.mount && !d.facts.system && !d.facts.holder, "and nobody uses it");
	_cleanup_device_ struct device sd = look(179, 0);
	ok(sd.facts.removable, "an SD card in a built-in reader");
	_cleanup_device_ struct device emmc = look(179, 8);
	ok(!emmc.facts.removable, "a soldered eMMC is none");
}

static void test_uses(void)
{
	put_tables("22 1 0:33 /@ /media/me/a\\040b rw shared:1 - btrfs /dev/sdb2 rw\n"
		   "23 1 8:17 / /media/me/boot rw - vfat /dev/sdb1 rw\n",
		"");
	_cleanup_device_ struct device d = look(8, 16);
	is_int((long long)d.nmounts, 2, "two partitions are mounted");
	bool spaced = false;
	for (size_t i = 0; i < d.nmounts; i++)
		spaced |= strcmp(d.mounts[i], "/media/me/a b") == 0;
	ok(spaced, "one with a device number of its own, at a name with a space");
	_cleanup_device_ struct device part = look(8, 17);
	is_int(part.facts.kind, DEVICE_PARTITION, "a partition");
	is_str(part.facts.disk, "/dev/sdb", "belongs to its disk");

	put_tables("22 1 0:5 / / rw - tmpfs tmpfs rw\n", "/dev/sdb2 partition 1 0 -2\n");
	_cleanup_device_ struct device swap = look(8, 16);
	is_str(swap.facts.system, "swap", "swap on a partition of it");
	put_tables("22 1 0:5 / / rw - tmpfs tmpfs rw\n", "/dev/sdb22 partition 1 0 -2\n");
	_cleanup_device_ struct device other = look(8, 16);
	ok(!other.facts.system, "but not on one whose name only begins alike");
}

static void test_holders(void)
{
	put_tables("22 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n", "");
	_cleanup_device_ struct device root = look(254, 0);
	is_str(root.facts.holder, "dm-0", "a volume on a partition");
	is_str(root.facts.system, "/", "and the system's root on it");
	ok(root.facts.read_only, "read-only is told");
	put_tables("22 1 0:5 / / rw - tmpfs tmpfs rw\n", "/dev/dm-0 partition 1 0 -2\n");
	_cleanup_device_ struct device swap = look(254, 0);
	is_str(swap.facts.system, "swap", "or its swap");
}

int main(void)
{
	struct err e = {0};

	if (!mkdtemp(scratch))
		return 1;
	test_rules();
	make_kernel();
	test_card();
	test_uses();
	test_holders();
	return io_remove_tree(scratch, &e) < 0 ? 1 : done();
}

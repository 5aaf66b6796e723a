/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sources, all under github.com/RPi-Distro: raspi-config init_resize.sh, pi-gen
 * stage2/01-sys-tweaks/files/resize2fs_once, raspberrypi-sys-mods firstboot, resize_early and
 * rpi-resize.service, userconf-pi cancel-rename; raspberrypi/rpi-imager firstrun.sh; cloud-init's
 * own ds-identify. p2 is grown by the builder, so no card misses what these do.
 *
 * The initramfs of bookworm and trixie look for `firstboot` and ` resize` anywhere in
 * /proc/cmdline: no word of ours may hold them.
 */
#include <string.h>
#include "firstboot.h"
#include "cmdline.h"

#define ETC_UNITS "/etc/systemd/system"

/* init_resize.sh and firstboot take `quiet` (and a debug quirk) away when they are done: so do we.
 */
const struct first_boot first_boots[] = {
	{
		.name = "init_resize",
		.words = {"init=/usr/lib/raspi-config/init_resize.sh", "quiet",
			"sdhci.debug_quirks2=4"},
	},
	{
		.name = "firstboot",
		.words = {"init=/usr/lib/raspberrypi-sys-mods/firstboot", "quiet"},
		.boot_file = "custom.toml",
	},
	{
		.name = "initramfs resize",
		.words = {"resize"},
	},
	{
		.name = "firstrun.sh",
		.words = {"systemd.run=", "systemd.run_success_action=",
			"systemd.unit=kernel-command-line.target"},
		.boot_file = "firstrun.sh",
	},
	{
		.name = "resize2fs_once",
		.file = "/etc/init.d/resize2fs_once",
		.mask = {"resize2fs_once.service"},
		.remove = {"/etc/init.d/resize2fs_once"},
	},
	{
		.name = "rpi-resize",
		.file = "/usr/lib/systemd/system/rpi-resize.service",
		.mask = {"rpi-resize.service"},
	},
	{
		.name = "userconfig",
		.file = "/lib/systemd/system/userconfig.service",
		.boot_file = "userconf.txt",
		.mask = {"userconfig.service"},
		.remove = {"/etc/ssh/sshd_config.d/rename_user.conf",
			"/var/lib/userconf-pi/autologin"},
		.enable = {"getty@tty1.service", "getty.target"},
	},
	{
		.name = "piwiz",
		.file = "/etc/xdg/autostart/piwiz.desktop",
		.remove = {"/etc/xdg/autostart/piwiz.desktop"},
	},
	{
		.name = "cloud-init",
		.words = {"ds=", "cloud-init="},
		.file = "/usr/bin/cloud-init",
		.create = "/etc/cloud/cloud-init.disabled",
	},
	{0},
};

int first_boot_detect(struct ext4 *root, const struct buf *cmdline, const struct buf *boot_names,
	unsigned *found, struct err *e)
{
	if (cmdline_check(cmdline, e) < 0)
		return -1;
	*found = 0;
	for (unsigned i = 0; first_boots[i].name; i++) {
		const struct first_boot *f = &first_boots[i];
		bool word = f->words[0] && cmdline_has(cmdline, f->words[0], NULL);
		bool file = f->file && ext4_exists(root, f->file);
		bool boot = f->boot_file && fat_listed(boot_names, f->boot_file);
		if (word || file || boot)
			*found |= 1u << i;
	}
	return 0;
}

static bool unit_is_masked(struct ext4 *root, const char *unit)
{
	_cleanup_free_ char *path = xasprintf(ETC_UNITS "/%s", unit);

	return ext4_kind(root, path) == EXT4_LINK;
}

/* Its own file may still lie there: a mask or the file that stops it disarms it too. */
static bool file_is_armed(struct ext4 *root, const struct first_boot *f)
{
	if (!f->file || !ext4_exists(root, f->file))
		return false;
	if (f->create)
		return !ext4_exists(root, f->create);
	return !f->mask[0] || !unit_is_masked(root, f->mask[0]);
}

const char *first_boot_armed(
	struct ext4 *root, const struct buf *cmdline, const struct buf *boot_names)
{
	for (const struct first_boot *f = first_boots; f->name; f++) {
		if ((f->words[0] && cmdline_has(cmdline, f->words[0], NULL)) ||
			(f->boot_file && fat_listed(boot_names, f->boot_file)) ||
			file_is_armed(root, f))
			return f->name;
	}
	return NULL;
}

/* Is it a word of some row? */
static bool is_known(const char *key, const char *value)
{
	_cleanup_free_ char *whole = xasprintf("%s%s", key, value);

	for (const struct first_boot *f = first_boots; f->name; f++) {
		for (size_t i = 0; i < ARRAY_SIZE(f->words) && f->words[i]; i++) {
			if (strcmp(f->words[i], key) == 0 || strcmp(f->words[i], whole) == 0)
				return true;
		}
	}
	return false;
}

char *first_boot_unknown(const struct buf *cmdline)
{
	static const char *const starters[] = {
		"init=", "rdinit=", "systemd.run=", "systemd.unit=", "systemd.wants="};

	for (size_t i = 0; i < ARRAY_SIZE(starters); i++) {
		_cleanup_free_ char *value = NULL;
		if (cmdline_has(cmdline, starters[i], &value) && !is_known(starters[i], value))
			return xasprintf("%s%s", starters[i], value);
	}
	return NULL;
}

int unit_mask(struct ext4 *root, const char *unit, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(ETC_UNITS "/%s", unit);

	if (ext4_remove(root, path, e) < 0)
		return -1;
	return ext4_symlink(root, path, "/dev/null", e);
}

int unit_enable(
	struct ext4 *root, const char *target, const char *unit, const char *path, struct err *e)
{
	_cleanup_free_ char *link = xasprintf(ETC_UNITS "/%s.wants/%s", target, unit);

	return ext4_symlink(root, link, path, e);
}

static int enable_again(struct ext4 *root, const struct first_boot *f, struct err *e)
{
	_cleanup_free_ char *path = release_unit_path(root, "getty@.service");

	if (!f->enable[0] || !path)
		return 0;
	return unit_enable(root, f->enable[1], f->enable[0], path, e);
}

static int disarm_root(struct ext4 *root, const struct first_boot *f, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(f->mask) && f->mask[i]; i++) {
		if (unit_mask(root, f->mask[i], e) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(f->remove) && f->remove[i]; i++) {
		if (ext4_exists(root, f->remove[i]) && ext4_remove(root, f->remove[i], e) < 0)
			return -1;
	}
	if (f->create && ext4_write(root, f->create, "", 0, EXT4_ROOT(0644), e) < 0)
		return -1;
	return enable_again(root, f, e);
}

int first_boot_disarm(struct ext4 *root, const struct boot *boot, unsigned found,
	struct buf *cmdline, struct err *e)
{
	for (unsigned i = 0; first_boots[i].name; i++) {
		const struct first_boot *f = &first_boots[i];
		if (!(found & 1u << i))
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(f->words) && f->words[k]; k++)
			cmdline_drop(cmdline, f->words[k]);
		if (disarm_root(root, f, e) < 0)
			return err_prefix(e, "disarming %s", f->name);
		if (f->boot_file && fat_remove(boot->image, boot->offset, f->boot_file, e) < 0)
			return -1;
	}
	return 0;
}

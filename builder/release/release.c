/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>
#include "firstboot.h"
#include "cmdline.h"
#include "fstab.h"

struct generation {
	const char *name;
	unsigned version; /* VERSION_ID of os-release */
	unsigned systemd; /* what Debian shipped with it; 0: sysvinit */
};

static const struct generation generations[] = {
	{"wheezy", 7, 0},
	{"jessie", 8, 215},
	{"stretch", 9, 232},
	{"buster", 10, 241},
	{"bullseye", 11, 247},
	{"bookworm", 12, 252},
	{"trixie", 13, 257},
};
#define KNOWN_NAMES "jessie, stretch, buster, bullseye, bookworm, trixie"

static const char *const network_units[] = {
	[NETWORK_MANAGER] = "NetworkManager.service",
	[NETWORK_DHCPCD] = "dhcpcd.service",
	[NETWORK_NETWORKD] = "systemd-networkd.service",
};

const char *network_name(enum network n)
{
	static const char *const names[] = {"NetworkManager", "dhcpcd", "systemd-networkd", "none"};

	return names[n];
}

const char *swap_name(enum swap s)
{
	static const char *const names[] = {"none", "dphys-swapfile", "rpi-swap"};

	return names[s];
}

const char *user_mechanism_name(enum user_mechanism u)
{
	static const char *const names[] = {"present", "userconf", "cloud-init"};

	return names[u];
}

void release_free(struct release *r)
{
	free(r->boot_dir);
	*r = (struct release){0};
}

bool release_unit_enabled(struct ext4 *root, const char *unit)
{
	static const char *const targets[] = {
		"multi-user.target", "sysinit.target", "network-online.target", "local-fs.target"};

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		_cleanup_free_ char *link =
			xasprintf("/etc/systemd/system/%s.wants/%s", targets[i], unit);
		if (ext4_exists(root, link))
			return true;
	}
	return false;
}

char *release_unit_path(struct ext4 *root, const char *unit)
{
	static const char *const dirs[] = {
		"/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dirs[i], unit);
		if (ext4_kind(root, path) == EXT4_FILE)
			return steal(&path);
	}
	return NULL;
}

/* The file's bytes; none when it is not there. */
static int read_optional(struct ext4 *root, const char *path, struct buf *b, struct err *e)
{
	return ext4_exists(root, path) ? ext4_read(root, path, b, e) : 0;
}

/* The value of NAME=value or NAME="value" in os-release(5), or NULL; the caller frees. */
static char *os_release_value(const struct buf *b, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = buf_str(b); *line; line += *line == '\n') {
		size_t len = strcspn(line, "\n");
		if (strncmp(line, name, n) == 0 && line[n] == '=') {
			const char *v = line + n + 1;
			v += *v == '"';
			return xstrndup(v, strcspn(v, "\"\n"));
		}
		line += len;
	}
	return NULL;
}

/* What a file says about itself goes into messages: one line, nothing that moves a cursor. */
static void printable(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	while (src[n] && src[n] != '\n' && n + 1 < size) {
		dst[n] = isprint((unsigned char)src[n]) ? src[n] : '?';
		n++;
	}
	dst[n] = '\0';
}

static const struct generation *generation_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(generations); i++) {
		if (strcmp(generations[i].name, name) == 0)
			return &generations[i];
	}
	return NULL;
}

static const struct generation *generation_of(const char *version)
{
	for (size_t i = 0; version && i < ARRAY_SIZE(generations); i++) {
		if ((unsigned long)generations[i].version == strtoul(version, NULL, 10))
			return &generations[i];
	}
	return NULL;
}

struct found {
	struct buf os_release, cmdline, boot_names, fstab, issue;
};

static void found_free(struct found *f)
{
	buf_free(&f->os_release);
	buf_free(&f->cmdline);
	buf_free(&f->boot_names);
	buf_free(&f->fstab);
	buf_free(&f->issue);
}
#define _cleanup_found_ _cleanup_(found_free)

static int read_all(struct ext4 *root, const struct boot *boot, struct found *f, struct err *e)
{
	if (read_optional(root, "/etc/os-release", &f->os_release, e) < 0 ||
		read_optional(root, "/etc/rpi-issue", &f->issue, e) < 0 ||
		ext4_read(root, "/etc/fstab", &f->fstab, e) < 0 ||
		fat_list(boot->image, boot->offset, &f->boot_names, e) < 0)
		return -1;
	return fat_read(boot->image, boot->offset, "cmdline.txt", &f->cmdline, e);
}

/* Everything somebody needs who wants to know why, or which name to force. */
static int refuse(const struct found *f, const char *why, struct err *e)
{
	char name[64] = "nothing", issue[64] = "not there", cmdline[160];
	_cleanup_free_ char *pretty = os_release_value(&f->os_release, "PRETTY_NAME");

	if (pretty)
		printable(name, sizeof(name), pretty);
	if (f->issue.len)
		printable(issue, sizeof(issue), f->issue.data);
	printable(cmdline, sizeof(cmdline), buf_str(&f->cmdline));
	return err_code(e, EXIT_INPUT,
		"%s (os-release says: %s; rpi-issue: %s; cmdline.txt: %s); bramble knows "
		"Raspberry Pi OS " KNOWN_NAMES "; --force-release NAME, or force_release in "
		"cluster.conf, takes it for one of these",
		why, name, issue, cmdline);
}

static int check_generation(const struct generation *g, struct err *e)
{
	if (g->systemd)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s has no systemd; the oldest release a card can be made of is jessie", g->name);
}

static const struct generation *choose(const struct found *f, struct err *e)
{
	_cleanup_free_ char *version = os_release_value(&f->os_release, "VERSION_ID");
	_cleanup_free_ char *word = first_boot_unknown(&f->cmdline);
	const struct generation *g = generation_of(version);

	if (g && check_generation(g, e) < 0)
		return NULL;
	if (!f->issue.len)
		refuse(f, "no Raspberry Pi OS: /etc/rpi-issue is missing", e);
	else if (!g)
		refuse(f, "an unknown release", e);
	else if (word)
		refuse(f, "cmdline.txt starts something unknown at boot", e);
	else
		return g;
	return NULL;
}

static const struct generation *choose_forced(const char *name, struct err *e)
{
	const struct generation *g = generation_named(name);

	if (!g || !g->systemd) {
		err_code(e, EXIT_USAGE, "force_release \"%s\": none of " KNOWN_NAMES, name);
		return NULL;
	}
	return g;
}

/* "\nPackage: systemd\n...\nVersion: 252.39-1": 252. Not every base has dpkg's books. */
static int read_systemd_version(struct ext4 *root, unsigned *version, struct err *e)
{
	_cleanup_buf_ struct buf status = {0};

	if (read_optional(root, "/var/lib/dpkg/status", &status, e) < 0)
		return -1;
	const char *p = strstr(buf_str(&status), "Package: systemd\n");
	const char *end = p ? strstr(p, "\n\n") : NULL;
	const char *v = p ? strstr(p, "\nVersion: ") : NULL;
	unsigned n;
	if (v && (!end || v < end) && sscanf(v, "\nVersion: %4u", &n) == 1)
		*version = n;
	return 0;
}

static enum network find_network(struct ext4 *root)
{
	for (unsigned i = 0; i < ARRAY_SIZE(network_units); i++) {
		if (release_unit_enabled(root, network_units[i]))
			return i;
	}
	return NETWORK_NONE;
}

static enum swap find_swap(struct ext4 *root)
{
	if (ext4_exists(root, "/etc/rpi/swap.conf") ||
		ext4_exists(root, "/usr/lib/systemd/system-generators/rpi-swap-generator"))
		return SWAP_RPI;
	return ext4_exists(root, "/etc/dphys-swapfile") ||
			       ext4_exists(root, "/etc/init.d/dphys-swapfile")
		       ? SWAP_DPHYS
		       : SWAP_NONE;
}

static enum user_mechanism find_user(struct ext4 *root)
{
	if (ext4_exists(root, "/usr/bin/cloud-init"))
		return USER_CLOUD_INIT;
	return ext4_exists(root, "/lib/systemd/system/userconfig.service") ? USER_USERCONF
									   : USER_PRESENT;
}

static bool finds_host_keys_service(struct ext4 *root)
{
	_cleanup_free_ char *own = release_unit_path(root, "regenerate_ssh_host_keys.service");
	_cleanup_free_ char *debian = release_unit_path(root, "sshd-keygen.service");

	return own || debian;
}

static void find_traits(struct ext4 *root, struct release *r)
{
	r->usr_merged = ext4_kind(root, "/lib") == EXT4_LINK;
	r->unit_dir = r->usr_merged ? "/usr/lib/systemd/system" : "/lib/systemd/system";
	r->network = find_network(root);
	r->user = find_user(root);
	r->swap = find_swap(root);
	r->host_keys_service = finds_host_keys_service(root);
	r->wifi = ext4_exists(root, "/sbin/wpa_supplicant") ||
		  ext4_exists(root, "/usr/sbin/wpa_supplicant");
}

static int find_boot_dir(const struct found *f, uint32_t disk_id, struct release *r, struct err *e)
{
	r->boot_dir = fstab_mount_point(&f->fstab, disk_id, 1);
	if (r->boot_dir)
		return 0;
	return err_code(e, EXIT_INPUT,
		"/etc/fstab does not mount the boot partition: neither PARTUUID=%08x-01 nor "
		"/dev/mmcblk0p1 is there",
		disk_id);
}

int release_detect(struct ext4 *root, const struct boot *boot, uint32_t disk_id, const char *force,
	struct release *r, struct err *e)
{
	_cleanup_found_ struct found f = {0};

	if (read_all(root, boot, &f, e) < 0)
		return -1;
	if (first_boot_detect(root, &f.cmdline, &f.boot_names, &r->first_boot, e) < 0)
		return -1;
	const struct generation *g = force ? choose_forced(force, e) : choose(&f, e);
	if (!g)
		return -1;
	r->name = g->name;
	r->version = g->version;
	r->systemd = g->systemd;
	printable(r->issue, sizeof(r->issue), buf_str(&f.issue));
	find_traits(root, r);
	if (read_systemd_version(root, &r->systemd, e) < 0)
		return -1;
	if (r->network == NETWORK_NONE)
		return refuse(
			&f, "none of NetworkManager, dhcpcd and systemd-networkd is enabled", e);
	return find_boot_dir(&f, disk_id, r, e);
}

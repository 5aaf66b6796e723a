/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_RELEASE_H
#define BRAMBLE_RELEASE_H

#include "image/ext4.h"
#include "image/fat.h"

/*
 * Which Raspberry Pi OS a base image holds, read from the image itself: os-release says the
 * generation, everything else about it is looked for where it lies ("files decide, not names":
 * point releases moved mechanisms between images of one generation).
 *
 * What cannot be told for sure is refused with what was found: a generation that is not in the
 * table, a base without /etc/rpi-issue, a first-boot mechanism nobody wrote a patch for. A name
 * given by the user (--force-release) overrides these three.
 */

/* p1 of the image. */
struct boot {
	const char *image;
	uint64_t offset;
};

/* What brings the interfaces up: the enabled one, several may be installed. */
enum network { NETWORK_MANAGER, NETWORK_DHCPCD, NETWORK_NETWORKD, NETWORK_NONE };

/* How the base makes its first user. */
enum user_mechanism {
	USER_PRESENT,    /* there from the start */
	USER_USERCONF,   /* userconfig.service asks on the console, or reads userconf.txt on p1 */
	USER_CLOUD_INIT, /* cloud-init makes or renames it */
};

enum swap { SWAP_NONE, SWAP_DPHYS, SWAP_RPI };

struct release {
	const char *name;     /* "jessie" to "trixie"; static */
	unsigned version;     /* 8 to 13 */
	char issue[96];       /* first line of rpi-issue, for people */
	unsigned systemd;     /* its version */
	bool usr_merged;      /* /lib is a link to usr/lib */
	const char *unit_dir; /* of the base's own units; static */
	char *boot_dir;       /* where p1 is mounted: "/boot" or "/boot/firmware" */
	enum network network;
	enum user_mechanism user;
	enum swap swap;
	unsigned first_boot;    /* bit N: mechanism N of firstboot.h's table was found */
	bool host_keys_service; /* the base makes ssh host keys by itself */
	bool wifi;              /* it has what a Wi-Fi connection takes */
};

/*
 * force: NULL, or the name the user gave. disk_id: the base's, by which fstab names p1. EXIT_INPUT
 * for a base that is refused, EXIT_USAGE for a forced name that is none.
 */
MUST_CHECK int release_detect(struct ext4 *root, const struct boot *boot, uint32_t disk_id,
	const char *force, struct release *r, struct err *e);
void release_free(struct release *r);

const char *network_name(enum network n);
const char *swap_name(enum swap s);
const char *user_mechanism_name(enum user_mechanism u);

/* Is a unit of the base enabled, by a link in some target's .wants? */
bool release_unit_enabled(struct ext4 *root, const char *unit);
/* Where the base's own unit lies: "/lib/systemd/system/ssh.service"; NULL: nowhere. Caller frees.
 */
char *release_unit_path(struct ext4 *root, const char *unit);

#endif

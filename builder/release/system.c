/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What wears a card out, and what an old systemd makes of bramble's units. */
#include <string.h>
#include "firstboot.h"
#include "patch.h"

/* zram stays: it swaps into memory. rpi-swap's own default also writes idle pages to the card. */
static int swap_rpi(struct edit *x, struct err *e)
{
	static const char text[] = "# Written by bramble: no swap on the card.\n"
				   "[Main]\nMechanism=zram\n";

	return ext4_write(x->root, "/etc/rpi/swap.conf.d/50-bramble.conf", text, strlen(text),
		EXT4_ROOT(0644), e);
}

static int swap_dphys(struct edit *x, struct err *e)
{
	if (ext4_exists(x->root, "/var/swap") && ext4_remove(x->root, "/var/swap", e) < 0)
		return -1;
	return unit_mask(x->root, "dphys-swapfile.service", e);
}

int patch_swap(struct edit *x, struct err *e)
{
	static int (*const off[])(struct edit * x, struct err * e) = {
		[SWAP_DPHYS] = swap_dphys,
		[SWAP_RPI] = swap_rpi,
	};
	enum swap s = x->release->swap;

	return x->cluster->swap_on_card || s == SWAP_NONE ? 0 : off[s](x, e);
}

/* journald.conf.d is read since systemd 218; before, the same lines go into journald.conf. */
static int limit_journal(struct edit *x, struct err *e)
{
	_cleanup_buf_ struct buf lines = {0};

	if (x->release->systemd >= 218 || !ext4_exists(x->root, "/etc/systemd/journald.conf"))
		return 0;
	if (ext4_read(x->root, "/etc/systemd/journald.conf.d/bramble.conf", &lines, e) < 0)
		return -1;
	return patch_block(x, "/etc/systemd/journald.conf", buf_str(&lines), false, e);
}

/* rsyslog's files, until bullseye: logrotate.conf's first lines hold for what it includes. */
int patch_logs(struct edit *x, struct err *e)
{
	if (limit_journal(x, e) < 0)
		return -1;
	if (ext4_kind(x->root, "/etc/logrotate.conf") != EXT4_FILE)
		return 0;
	return patch_block(x, "/etc/logrotate.conf", "maxsize 8M\n", true, e);
}

/*
 * Directives of the units in overlays/ whose absence is not just a protection less. An unknown
 * directive costs a line in the journal; these cost the service.
 */
struct old_directive {
	unsigned below;    /* the systemd that has no trouble with it */
	const char *unit;  /* NULL: every one */
	const char *lines; /* of [Service] */
};

static const struct old_directive old_directives[] = {
	/*
	 * WatchdogSignal= is 240's. SIGABRT, which it was from 217 on, is as good; the SIGTERM of
	 * before does not reach one that hangs, and by SIGKILL it must be gone before its lease of
	 * 7 s.
	 */
	{217, "bramble-agent.service", "TimeoutStopSec=1\n"},
	/*
	 * "infinity" is 229's. 215 does not know the word, but then a oneshot, which has no limit
	 * where nothing is said, gets the manager's 90 s; others before 229 add it to the time, and
	 * that is over at once. 0 is none to all of them.
	 */
	{229, "bramble-install.service", "TimeoutStartSec=0\n"},
	{229, "bramble-unpack.service", "TimeoutStartSec=0\n"},
	{229, "bramble-upgrade-copy.service", "TimeoutStartSec=0\n"},
	{229, "bramble-upgrade.service", "TimeoutStartSec=0\n"},
	/* StartLimitIntervalSec= in [Unit] is 230's: after five quick ends it would stay down. */
	{230, NULL, "StartLimitInterval=0\n"},
	/*
	 * A line of Exec with "+" is 231's: before, all of it is ignored. With
	 * PermissionsStartOnly= every line but ExecStart is root's, though still in the unit's
	 * namespace; who is to be another comes by runuser, which jessie's util-linux has. The
	 * lists of the unit are emptied first.
	 */
	{231, "bramble-agent.service",
		"PermissionsStartOnly=yes\n"
		"ExecStartPre=\n"
		"ExecStartPre=-/usr/lib/bramble/bramble-agent adopt\n"},
	/* That namespace has a read-only /etc, by ProtectSystem=full. */
	{231, "bramble-upgrade.service",
		"PermissionsStartOnly=yes\n"
		"ReadWriteDirectories=/etc/bramble\n"
		"ExecStartPost=\n"
		"ExecStartPost=/usr/lib/bramble/bramble-agent upgraded\n"
		"ExecStartPost=/bin/rm -rf /etc/bramble/upgrade\n"},
	{231, "neo4j.service",
		"PermissionsStartOnly=yes\n"
		"ExecStartPre=\n"
		"ExecStartPre=/usr/lib/bramble/bramble-agent hosts\n"
		"ExecStartPre=/sbin/runuser -u neo4j -- /usr/lib/bramble/bramble-agent prepare\n"},
	/* MemoryMax= is 231's. */
	{231, "bramble-proxy.service", "MemoryLimit=128M\n"},
	/*
	 * RuntimeDirectoryPreserve= is 235's: before, the folder goes with its service, and with it
	 * the lease, or how it went. run_folders makes it instead; that it can be written to in
	 * spite of ProtectSystem=strict, which 232 has, is then to be said. bramble-helper's two
	 * may go: no agetty or pam_motd as old as that looks there.
	 */
	{235, "bramble-agent.service", "RuntimeDirectory=\nReadWritePaths=-/run/bramble\n"},
	{235, "bramble-enact.service", "RuntimeDirectory=\n"},
	/*
	 * @system-service is 239's: before, the unknown group is left out, and what remains of the
	 * list allows execve and exit (load-fragment.c of 215 and 232). 241 with buster's
	 * libseccomp 2.3 does not know clock_gettime64 and its like, which a 32-bit program uses.
	 */
	{247, NULL, "SystemCallFilter=\n"},
};

/* Those with such a directive. */
static const char *const own_units[] = {
	"bramble-addresses.service",
	"bramble-agent.service",
	"bramble-enact.service",
	"bramble-grow.service",
	"bramble-guard.service",
	"bramble-helper.service",
	"bramble-install.service",
	"bramble-proxy.service",
	"bramble-unpack.service",
	"bramble-upgrade-copy.service",
	"bramble-upgrade.service",
	"neo4j.service",
};

/* With the owners and modes that RuntimeDirectory= gives them. */
static const char run_folders[] = "# Written by bramble: these outlive their services.\n"
				  "d /run/bramble 0755 bramble-agent bramble-agent\n"
				  "d /run/bramble-enact 0755 root root\n";

static int put_run_folders(struct edit *x, struct err *e)
{
	if (x->release->systemd >= 235)
		return 0;
	return ext4_write(x->root, "/etc/tmpfiles.d/bramble.conf", run_folders, strlen(run_folders),
		EXT4_ROOT(0644), e);
}

static int put_drop_in(struct edit *x, const char *unit, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("/etc/systemd/system/%s.d/50-bramble.conf", unit);
	_cleanup_buf_ struct buf b = {0};
	bool any = false;

	buf_printf(&b, "# Written by bramble for systemd %u.\n[Service]\n", x->release->systemd);
	for (size_t i = 0; i < ARRAY_SIZE(old_directives); i++) {
		const struct old_directive *d = &old_directives[i];
		if (x->release->systemd >= d->below || (d->unit && strcmp(d->unit, unit) != 0))
			continue;
		buf_puts(&b, d->lines);
		any = true;
	}
	return any ? patch_put(x, path, &b, 0644, e) : 0;
}

/*
 * The units themselves lie in /usr/lib/systemd/system: Debian's systemd looks there too where
 * /lib is no link to usr/lib (path-lookup.c, HAVE_SPLIT_USR).
 */
int patch_units(struct edit *x, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(own_units); i++) {
		_cleanup_free_ char *path = xasprintf("/usr/lib/systemd/system/%s", own_units[i]);
		if (ext4_exists(x->root, path) && put_drop_in(x, own_units[i], e) < 0)
			return -1;
	}
	return put_run_folders(x, e);
}

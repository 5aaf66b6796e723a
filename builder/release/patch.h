/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_PATCH_H
#define BRAMBLE_PATCH_H

#include "cluster/cluster.h"
#include "image/account.h"
#include "release.h"

/*
 * What turns a Raspberry Pi OS into one node's system, as one table of named patches. A patch
 * looks at what the release has, not at its name, and applied twice leaves what it left the first
 * time. docs/RELEASES.md has the same table with what each does where.
 */
struct edit {
	struct ext4 *root;  /* p2, open for writing, bramble's own files already in it */
	struct boot boot;   /* p1 */
	struct buf cmdline; /* cmdline.txt: read before the first patch, written after the last */
	const struct release *release;
	const struct cluster *cluster;
	const struct node *node;
	const char *cluster_id;         /* what the node's ids are derived from */
	uint32_t base_disk_id, disk_id; /* of the base's MBR and of this card's */
	const struct account *login;    /* whose key it is */
	const struct buf *ssh_key;      /* empty: nobody's */
	const struct wifi *wifi;        /* NULL: wired */
};

struct patch {
	const char *name;
	int (*run)(struct edit *x, struct err *e);
	bool own; /* what it leaves differs from node to node of one cluster and one disk id */
};

/* In the order they run, up to one without a name. */
extern const struct patch patches[];

/* Runs them all. x->cmdline is the callee's to fill and to free. */
MUST_CHECK int patch_all(struct edit *x, struct err *e);
/* Those that are a node's own, on what all of them have left for another. cmdline.txt stays. */
MUST_CHECK int patch_own(struct edit *x, struct err *e);

/* disk.c */
MUST_CHECK int patch_first_boot(struct edit *x, struct err *e);
MUST_CHECK int patch_cmdline(struct edit *x, struct err *e);
MUST_CHECK int patch_fstab(struct edit *x, struct err *e);
/* identity.c */
MUST_CHECK int patch_hostname(struct edit *x, struct err *e);
MUST_CHECK int patch_hosts(struct edit *x, struct err *e); /* a live node's, too (apply) */
MUST_CHECK int patch_machine_id(struct edit *x, struct err *e);
/* network.c, wifi.c */
MUST_CHECK int patch_network(struct edit *x, struct err *e);
MUST_CHECK int patch_wifi(struct edit *x, struct err *e);
/* login.c */
MUST_CHECK int patch_password(struct edit *x, struct err *e);
MUST_CHECK int patch_user(struct edit *x, struct err *e);
MUST_CHECK int patch_ssh_key(struct edit *x, struct err *e);
MUST_CHECK int patch_ssh(struct edit *x, struct err *e);
MUST_CHECK int patch_host_keys(struct edit *x, struct err *e);
/* system.c */
MUST_CHECK int patch_swap(struct edit *x, struct err *e);
MUST_CHECK int patch_logs(struct edit *x, struct err *e);
MUST_CHECK int patch_units(struct edit *x, struct err *e);

/* For the patches: writes a whole file of root's. */
MUST_CHECK int patch_put(
	struct edit *x, const char *path, const struct buf *text, mode_t mode, struct err *e);
/*
 * Puts lines into a file that is the base's own, between two marks, at its start or its end; what
 * stood between the marks before is replaced.
 */
MUST_CHECK int patch_block(
	struct edit *x, const char *path, const char *lines, bool at_start, struct err *e);

#endif

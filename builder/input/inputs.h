/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INPUTS_H
#define BRAMBLE_INPUTS_H

#include "arch.h"
#include "cluster/authority.h"
#include "deb_set.h"
#include "image/account.h"
#include "image/table.h"
#include "java_archive.h"
#include "look.h"
#include "neo4j_profile.h"
#include "release/release.h"

/* The inputs a cluster.conf names, found (look.h) and looked into. */
struct inputs {
	bool twin; /* for a rehearsal: the base is amd64, whatever the boards are */
	char *base, *neo4j;
	char *java; /* a folder of .deb files, or an archive; NULL: java = "base" */
	bool java_is_archive;
	char **packages; /* as many as the cluster has, and its overlays' folders */
	char **overlays;
	char **plugins;
	enum arch arch;                       /* of the base image */
	unsigned java_major;                  /* 0 until known */
	char java_version[JAVA_VERSION_SIZE]; /* of an archive */
	char *neo4j_version;
	bool neo4j_community;
	struct neo4j_profile profile;
	const char *force_release; /* what the user says the base is; NULL: it says so itself */
	struct release release;    /* of the base */
	struct buf ssh_key;        /* empty: no login */
	struct account login;      /* whose it is, when there is one */
	struct buf passphrase;     /* of the Wi-Fi, when there is one; no newline */
	struct credentials tls;    /* of the proxies; of mode "own" once there is a state */
};

/*
 * Finds base, archive and ssh key and reads the Neo4j version. With twin the base is the amd64 one
 * of the inputs folder, whatever cluster.conf says.
 */
MUST_CHECK int inputs_find(const struct cluster *c, bool twin, struct inputs *in, struct err *e);

/*
 * Is the base's ext4 whole? For the decompressed image of `base`, before it is used at all; takes
 * a while, so once is enough for an image that does not change any more.
 */
MUST_CHECK int inputs_check_root(
	const char *base, const char *image, const struct extent *root, struct err *e);

/*
 * The second half, once the base is decompressed: release, architecture, Java set for it, whether
 * Java and Neo4j fit, who logs in. root: p2 of the decompressed image.
 */
MUST_CHECK int inputs_look_into(const struct cluster *c, const char *image,
	const struct extent *root, struct inputs *in, struct err *e);

/* Reads what `packages` names and checks it against a card's root. */
MUST_CHECK int inputs_packages(const struct cluster *c, const struct inputs *in, struct ext4 *fs,
	struct deb_set *set, struct err *e);

void inputs_free(struct inputs *in);
#define _cleanup_inputs_ _cleanup_(inputs_free)

#endif

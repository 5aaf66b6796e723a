/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_CARD_H
#define BRAMBLE_INSPECT_CARD_H

#include "cluster/cluster.h"
#include "image/ext4_look.h"
#include "image/fat_read.h"
#include "image/table.h"

/*
 * What is on a card, as an image, a compressed image or a device: read once, printed, compared and
 * judged by others. Reading never writes to it, not even a journal's replay, and goes on past what
 * it cannot read: that part says why (`trouble`). Texts are as they lie on the card and may be
 * hostile: show.c makes them printable. NULL: not there.
 */
enum fs_kind { FS_NONE, FS_FAT, FS_EXT4 };

struct card_fs {
	enum fs_kind kind;
	char type[8]; /* "FAT32", "ext4"; "" when it is neither */
	char label[17], uuid[37];
	char *features; /* of ext4 */
	uint64_t size, free;
	const char *dirt; /* why it is not clean; NULL: clean */
	char *trouble;    /* why it could not be read */
};

struct card_release {
	char *name;           /* "Debian GNU/Linux 12 (bookworm)": os-release PRETTY_NAME */
	char *id;             /* "debian" or "raspbian" */
	char *version;        /* "12" */
	char *image;          /* rpi-issue's first line: when the image was made */
	char *arch;           /* Debian's name, by the shell's ELF header */
	const char *known_as; /* as release/ knows it: "bookworm"; NULL: it does not */
	const char *network;  /* and what brings its interfaces up: "NetworkManager" */
};

/* Of node.conf and what the system itself goes by. */
struct card_identity {
	char *hostname, *machine_id;
	char *cluster, *cluster_id, *node, *address;
	char *neo4j_version, *neo4j_profile;
	unsigned roles;
	unsigned server_id;
	long generation; /* 0: unknown */
	size_t of_all;   /* of identical images: how many nodes it can become; it is none then */
	char *trouble;
};

struct card_software {
	char *neo4j; /* of the folder /opt/neo4j leads to: "3.5.0-beta03" */
	char *java;  /* package and version, or a JRE's own words */
	char *bramble;
};

/* p3's marker and store. */
struct card_data {
	char *cluster_id, *node, *state;
	char *neo4j; /* the version last started on the store; NULL: none, or not told */
	long layout;
	uint64_t store_size;
	char *store_format; /* "v0.A.9" of a store of Neo4j 3.x; NULL: none or unknown */
	char *trouble;
};

struct card {
	char *name;  /* as the user calls it */
	char *image; /* what is read: the same, or the decompressed copy */
	bool device;
	struct table_view table;
	struct card_fs fs[4];
	struct card_release release;
	struct card_identity identity;
	struct card_software software;
	struct card_data data;
};

#define CARD_BOOT 0
#define CARD_ROOT 1
#define CARD_DATA 2

/*
 * Reads the card. What is no card at all (not readable, no partition table) is an error; image is
 * the file to read, name what to call it.
 */
MUST_CHECK int card_read(struct card *c, const char *name, const char *image, struct err *e);
void card_free(struct card *c);
#define _cleanup_card_ _cleanup_(card_free)

/* Does node.conf say that this is a node of a bramble cluster? */
bool card_is_node(const struct card *c);
/* Is it for all nodes, and none yet (common/identical.h)? */
static inline bool card_is_for_all(const struct card *c)
{
	return !c->identity.node && c->identity.of_all;
}

/* The filesystems, for whoever wants to read more; NULL and the error when they cannot be read. */
struct ext4 *card_open_ext4(const struct card *c, size_t part, struct err *e);
struct fat *card_open_fat(const struct card *c, struct err *e);

/* The parts of card_read that have files of their own. */
void card_read_root(struct card *c, struct ext4 *fs);
void card_read_data(struct card *c, struct ext4 *fs);
void card_read_node_conf(struct card_identity *id, const char *text);
void card_read_identical(struct card_identity *id, const char *text);
void card_read_marker(struct card_data *d, const char *text);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_BUILD_H
#define BRAMBLE_BUILD_H

#include <jansson.h>
#include "backup/backup_file.h"
#include "cache.h"
#include "card_users.h"
#include "cluster/state.h"
#include "hash.h"
#include "image/ext4.h"
#include "image/table.h"
#include "input/inputs.h"
#include "output/outputs.h"
#include "progress.h"
#include "workers.h"

/*
 * The pipeline:
 *
 *	base -> os -> java -> neo4j -> one image per node
 *
 * base is the decompressed input. Each stage after it is a file of the cache, made from the one
 * before, under a key that is the hash of its recipe (recipe.h): the key of the stage before, the
 * version of the stage's own code, and everything else the stage reads, the embedded programs and
 * overlays it puts on the card included. A stage runs only when something it depends on changed. A
 * node that is only a proxy is made from os, a data node from neo4j.
 *
 * Images appear by rename and as a set (publish.c); one build at a time works in an images folder
 * (flock), any number share the cache. A build that was killed goes on where it was: finished
 * stages are in the cache, finished nodes in out/.build.
 */
struct stage;

/* A stage as this build has it. */
struct step {
	const struct stage *stage;
	struct recipe recipe;
	char key[HASH_HEX];
	char *image; /* in the cache */
	bool cached; /* it was there before this build */
};
#define STEPS 4 /* base and the stages after it */

struct build {
	const struct cluster *cluster;
	struct state state;
	struct inputs inputs;
	bool twin;
	const char *only;           /* the one node to build; NULL: all */
	const char *restore;        /* the backup whose store the cards begin with; NULL: none */
	struct backup_about backup; /* ... what it is */
	struct cache cache;
	char *out;     /* the images folder */
	char *work;    /* out/.build: gone at the end */
	int lock;      /* of out */
	unsigned jobs; /* nodes made at the same time */
	struct step step[STEPS];
	struct workers ahead; /* ahead.c */
	char *decoded;
	struct table base_table;
	struct table table; /* of every stage's image: base's with p2 grown and p3 added */
	struct progress progress;
};

#define ROOT_DEFAULT (UINT64_C(3) << 30)
#define ROOT_HEADROOM (UINT64_C(1) << 30)
#define ROOT_TIGHT (UINT64_C(512) << 20) /* headroom on a card that has no room for that */

/* A secret of the agent's: whoever owns cluster.secret is the agent's user to its helper, too. */
#define AGENT_ONLY ((struct ext4_owner){.uid = AGENT_UID, .gid = AGENT_UID, .mode = 0600})

/* What is Neo4j's own on p3. */
#define NEO4J_ONLY(m) ((struct ext4_owner){.uid = NEO4J_UID, .gid = NEO4J_UID, .mode = (m)})

/* Where Neo4j keeps its store and logs: on p3. */
#define DATA_DIR "/srv/bramble/neo4j"

struct build_options {
	const char *out;           /* NULL: beside the cluster.conf */
	bool twin;                 /* amd64 images of the same cluster, for rehearsals */
	const char *force_release; /* NULL, or what the base is to be taken for */
	bool quiet;
	const char *only;             /* of all nodes only this one's image; NULL: all */
	bool peek;                    /* for a comparison: the cluster's state stays as it is */
	unsigned jobs;                /* nodes made at the same time; 0: one per processor */
	bool prune;                   /* remove images of nodes that have left the cluster */
	const char *restore;          /* a backup file, whose store the cards begin with */
	struct output_options output; /* what is made besides the images */
};

/*
 * The first half of a build: finds the inputs, looks into them and lays the card out, so that it
 * fails wherever the other half would for what cluster.conf names. It leaves nothing but the
 * decompressed base in the cache, where a build finds it.
 */
MUST_CHECK int build_plan(
	struct build *b, const struct cluster *c, const struct build_options *o, struct err *e);
void build_free(struct build *b);
#define _cleanup_build_ _cleanup_(build_free)

/* Builds all nodes' images. */
MUST_CHECK int build_cluster(const struct cluster *c, const struct build_options *o, struct err *e);

/*
 * The archive of Neo4j decoded by ahead.c, for its stage, once that is done; *decoded NULL: there
 * is none, read the archive. ahead_end removes it.
 */
MUST_CHECK int ahead_finish(struct build *b, const char **decoded, struct err *e);
void ahead_end(struct build *b);

/* Says on standard output which stages and nodes a build would make, and why; makes none. */
MUST_CHECK int build_explain(const struct cluster *c, const struct build_options *o, struct err *e);

/*
 * Puts a node's overlays onto its card's root. EXIT_CONFIG, with the file (and line, for a
 * variable): what is neither file, folder nor link, what is bramble's own to write, unknown
 * variables, users and groups.
 */
#define OVERLAY_HOPS_MAX 40 /* links on the way to a file */
MUST_CHECK int overlay_put(
	const struct build *b, const struct node *n, struct ext4 *fs, struct err *e);
/* Where the folder at path really lies on the card; the caller frees. NULL: links without end. */
char *overlay_resolve(struct ext4 *fs, const char *path, unsigned hops);
/* The same of a file: its folder is led through links, its own name stays. */
char *overlay_real_path(struct ext4 *fs, const char *path);
/* Would it, on cards made from this decompressed base? Writes nothing. */
MUST_CHECK int overlay_check(const struct build *b, const char *base, struct err *e);

/* Renders a data node's configuration of Neo4j into its card's root. */
MUST_CHECK int neo4j_conf_put(
	const struct build *b, const struct node *n, struct ext4 *fs, struct err *e);
/* A line for each of the user's own settings that this Neo4j is not known to have. */
void neo4j_conf_notes(const struct build *b, FILE *out);

/*
 * With neo4j_auth = "password": the password where root and the agent find it on p2, and the user
 * neo4j that has it where Neo4j looks for it on p3.
 */
MUST_CHECK int neo4j_auth_put_root(const struct build *b, struct ext4 *root, struct err *e);
MUST_CHECK int neo4j_auth_put_data(
	const struct build *b, const struct node *n, struct ext4 *data, struct err *e);

/*
 * With a backup to begin with: is it whole, is it for this Neo4j, has p3 room for it? And its store
 * onto a data node's p3, for which the marker must say "restore".
 */
MUST_CHECK int restore_store_look(struct build *b, struct err *e);
MUST_CHECK int restore_store_put(const struct build *b, struct ext4 *data, struct err *e);

/* The stages, in order: each edits a copy of the image before it, in place. */
struct stage {
	const char *name;
	/*
	 * Counts up when the code makes something else from the same ingredients: it is one of
	 * them. tests/golden/stages_test.sh has a sample of what each version makes.
	 */
	unsigned version;
	bool whole;     /* makes its image from nothing: it gets no copy to edit */
	unsigned roles; /* nodes that need it; a node is made from the last stage it needs */
	/* Adds what the stage reads besides the image before it. */
	int (*ingredients)(const struct build *b, struct recipe *r, struct err *e);
	int (*run)(struct build *b, const char *image, struct err *e);
};

extern const struct stage stage_base, stage_os, stage_java, stage_neo4j;

/* Turns a copy of a stage's image into the node's own. */
#define NODE_VERSION 3 /* as a stage's */
MUST_CHECK int node_finish(struct build *b, const struct node *n, const char *image, struct err *e);

/* What node_finish puts onto p2, by what it is for. */
enum painting {
	PAINT_CARD = 1 << 0, /* all, onto a node's own image */
	PAINT_ALL = 1 << 1,  /* what all nodes have, onto the image for all */
	PAINT_NODE = 1 << 2, /* what makes a card of that one a node's */
	PAINT_LIVE = 1 << 3, /* only what a live node can take over (`bramble apply`) */
};

/*
 * Puts PAINT_LIVE onto p2 of a copy of a stage's image, or PAINT_NODE onto one of the image for
 * all, as node_finish does; fn hears of each path.
 */
MUST_CHECK int node_render(struct build *b, const struct node *n, struct ext4 *fs,
	enum painting what, ext4_watch_fn *fn, void *arg, struct err *e);

/*
 * Puts the files of all nodes into the image for all (common/identical.h), which has PAINT_ALL
 * already.
 */
MUST_CHECK int identical_put(struct build *b, const char *image, struct err *e);

/*
 * What cluster.conf says of a node that cannot change while it lives, by the names live/fixed.c has
 * words for; it lies on the card as FIXED_PATH.
 */
#define FIXED_PATH "/etc/bramble/fixed.json"
json_t *node_fixed(const struct build *b, const struct node *n);

/* The folder of Neo4j's plugins on a card, as its files go by; the caller frees. */
char *neo4j_plugins_dir(const struct build *b);

#endif

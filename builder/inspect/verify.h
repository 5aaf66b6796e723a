/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_INSPECT_VERIFY_H
#define BRAMBLE_INSPECT_VERIFY_H

#include "card.h"

/*
 * Judges a card: a table of checks, each of which looks at one thing and says one line. A check
 * that cannot say anything because another one failed (no filesystem, no files in it) is "not
 * checked", so that one fault is one failure. Nothing is written to the card.
 */
enum verdict { VERDICT_OK, VERDICT_FAILED, VERDICT_NOT_CHECKED };

struct verify {
	const struct card *card;
	const struct cluster *cluster; /* to compare with; NULL: none was named */
	struct ext4 *root;             /* NULL: cannot be read */
	struct buf why; /* of the present check: a failure's or an omission's reason, or a note */
};

struct check {
	const char *name;
	enum verdict (*run)(struct verify *v);
};

struct verify_count {
	unsigned ok, failed, not_checked;
};

/* Runs all checks on a card and prints a line for each. */
void verify_card(const struct card *c, const struct cluster *cluster, struct verify_count *count);

/* For the checks: sets the reason, or the note of one that is ok, and returns the verdict. */
enum verdict verify_noted(struct verify *v, const char *fmt, ...) PRINTF(2, 3);
enum verdict verify_failed(struct verify *v, const char *fmt, ...) PRINTF(2, 3);
enum verdict verify_not_checked(struct verify *v, const char *fmt, ...) PRINTF(2, 3);

/* Has the card been in a Pi? Then what a first boot makes is there, and a cut of power shows. */
bool card_has_run(const struct card *c);

enum verdict check_partitions(struct verify *v);
enum verdict check_bounds(struct verify *v);
enum verdict check_alignment(struct verify *v);
enum verdict check_boot(struct verify *v);
enum verdict check_root(struct verify *v);
enum verdict check_data(struct verify *v);
enum verdict check_manifest(struct verify *v);

enum verdict check_partuuids(struct verify *v);
enum verdict check_first_boot(struct verify *v);
enum verdict check_identity(struct verify *v);
enum verdict check_marker(struct verify *v);
enum verdict check_neo4j(struct verify *v);
enum verdict check_units(struct verify *v);
enum verdict check_programs(struct verify *v);

enum verdict check_secrets(struct verify *v);
enum verdict check_host_keys(struct verify *v);
enum verdict check_passwords(struct verify *v);

enum verdict check_cluster(struct verify *v);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_ACCOUNT_H
#define BRAMBLE_ACCOUNT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "buf.h"

/*
 * Neo4j's users and roles, as all data nodes are to have them: until 4.0 Neo4j keeps them in files
 * of each node's own, and HA replicates none. Pure.
 *
 * Each user and each role is a register of its own. Who sees that its own file has another value
 * than the register counts `change` up and signs it; of two registers the one with more changes is
 * the later one, of two as many the higher server id's. Merging takes the later of each, so in
 * whatever order, however often and after whatever partition nodes hear each other, they end with
 * the same; two changes at once of different users are both kept, of one user one of them. One that
 * is removed stays, as not there, or a card that was away would bring it back.
 *
 * Change 0 is what a card came with: it counts only where nobody has anything else, for the first
 * password has another salt on each.
 */
#define ACCOUNTS_MAX 192
#define ACCOUNT_NAME_MAX 64
#define ACCOUNT_AUTH_MAX 255
#define ACCOUNT_ROLES_MAX 511
#define ACCOUNTS_TEXT_MAX 16384 /* of both files */
#define ACCOUNTS_DIGEST 8

enum account_kind {
	ACCOUNT_USER,
	ACCOUNT_ROLE,
	ACCOUNT_OWN, /* the password by which the agents ask, of the user neo4j */
	ACCOUNT_KINDS,
};

struct account_value {
	bool there;
	char auth[ACCOUNT_AUTH_MAX + 1];   /* USER: credential and flags; OWN: the password */
	char roles[ACCOUNT_ROLES_MAX + 1]; /* USER: names in order, with commas between */
};

struct account {
	enum account_kind kind;
	char name[ACCOUNT_NAME_MAX + 1];
	struct account_value value;
	/*
	 * Neo4j reads a changed file some time later, and until then writes what it had in mind:
	 * while it waits for that, `before` is no change of a person's.
	 */
	struct account_value before;
	bool waits;
	uint32_t change;
	uint8_t by; /* a server id; 0 with change 0 */
};

/* In order of kind and name. Zeroed: empty. */
struct accounts {
	struct account *of;
	size_t n, room;
};

void accounts_free(struct accounts *a);
#define _cleanup_accounts_ _cleanup_(accounts_free)

const struct account *accounts_find(
	const struct accounts *a, enum account_kind kind, const char *name);

/*
 * What the two files have: a line each, "auth NAME:CREDENTIAL:FLAGS" and "role NAME:USER,USER".
 * -1: that is not what Neo4j writes. Into an empty *files.
 */
MUST_CHECK int accounts_read(const char *text, struct accounts *files, struct err *e);
/* The same lines for what a has. Nothing where there is no user neo4j, or no room: -1. */
MUST_CHECK int accounts_write(const struct accounts *a, struct buf *to, struct err *e);
/* Would those lines say anything else than the files do? */
bool accounts_differ(const struct accounts *a, const struct accounts *files);

/*
 * Neo4j makes the two files one after the other, and at its first start the second one role by
 * role, neo4j's last. Half of that, taken for what a card came with, would make the other half a
 * person's change: files that were never seen before are looked at when they are whole.
 */
bool accounts_are_first_whole(const struct accounts *files);

/*
 * Takes what a person has changed in this node's files; first: these files were never seen before.
 * Whether a is another one now. Not taken, for the agents ask as neo4j: that it is removed,
 * suspended, must change its password or is no admin any more; nor files that are no whole set.
 */
bool accounts_observe(struct accounts *a, const struct accounts *files, bool first, unsigned self);
/* Has a all that the files have? Not when there was no room for it (ACCOUNTS_MAX). */
bool accounts_cover(const struct accounts *a, const struct accounts *files);
/* Takes what is later there; a is settled, and has what is in the files. Whether it is another one.
 */
bool accounts_merge(struct accounts *a, const struct accounts *theirs);
/* The files, and what Neo4j has read of them, are what a has. */
void accounts_settle(struct accounts *a);
bool accounts_settled(const struct accounts *a);
/* By word of a person, through this node; self 0: the card came with it. */
MUST_CHECK int accounts_set_own(struct accounts *a, const char *password, unsigned self);

/* What nodes with the same set have in common; keyed with nothing: it is told to members only. */
void accounts_digest(const struct accounts *a, uint8_t digest[ACCOUNTS_DIGEST]);

/* own: for this node's p3, with what only it cares for. The caller's reference. */
json_t *accounts_json(const struct accounts *a, bool own);
/* Into an empty *a. -1: it makes no sense; *a is empty then. */
MUST_CHECK int accounts_parse(const json_t *json, struct accounts *a, struct err *e);

#endif

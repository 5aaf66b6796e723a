/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_IDENTITY_H
#define BRAMBLE_IDENTITY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"
#include "neo4j.h"

/*
 * Who this node is and who belongs to its cluster, as the builder wrote it into
 * /etc/bramble/node.conf. After identity_load every name is an RFC 1123 label, names, ids and
 * addresses are unique, this node is among the members and its cluster has a data node.
 */
#define MEMBERS_MAX 127 /* the proxy's transaction ids have room for server ids 1..127 */
#define NAME_SIZE 64    /* a host name label and its NUL */
#define CLUSTER_ID_SIZE 16
#define DIGEST_SIZE 8
#define NEO4J_SIZE 32 /* a version and its NUL */

enum role {
	ROLE_DATA = 1 << 0,
	ROLE_PROXY = 1 << 1,
	ROLE_ARBITER = 1 << 2, /* a vote in Neo4j's elections, and no store */
};
#define ROLE_VOTER (ROLE_DATA | ROLE_ARBITER)

struct member {
	char name[NAME_SIZE];
	unsigned id; /* ha.server_id of a voter; 0 of a node that is only a proxy */
	unsigned roles;
	struct in_addr address; /* 0: not known when the card was written; discovery finds it */
};

struct identity {
	char cluster[NAME_SIZE];
	uint8_t cluster_id[CLUSTER_ID_SIZE];
	uint64_t generation;
	int64_t built_ms;       /* Unix time of the day the generation was made; 0: unknown */
	uint64_t reserved_end;  /* bytes at the end of the card that p3 leaves free */
	char neo4j[NEO4J_SIZE]; /* version; "" on a node that is only a proxy */
	enum neo4j_mode mode;   /* the end of its profile's name */
	bool direct_access;     /* may everybody talk to Neo4j itself? */
	bool write_probe;       /* does the agent probe it by writes? */
	struct in_addr vip;     /* the proxies' floating address; 0: none */
	size_t self;            /* index of this node in members */
	size_t nmembers;
	struct member members[MEMBERS_MAX];
	/*
	 * Of the voters' ids and addresses: two nodes that differ here would start Neo4j with
	 * different lists of initial hosts.
	 */
	uint8_t digest[DIGEST_SIZE];
};

MUST_CHECK int identity_load(const char *path, struct identity *id, struct err *e);
/* Likewise, of a file in a folder that a less trusted user may write to (io_read_plain). */
MUST_CHECK int identity_load_plain(const char *path, struct identity *id, struct err *e);
/* Likewise, of the system below root; "": this one. */
MUST_CHECK int identity_load_root(const char *root, struct identity *id, struct err *e);

/* The member called name, or NULL. */
const struct member *identity_member(const struct identity *id, const char *name);

static inline const struct member *identity_self(const struct identity *id)
{
	return &id->members[id->self];
}

struct role_name {
	const char *name;
	enum role role;
};

extern const struct role_name role_names[3];

#endif

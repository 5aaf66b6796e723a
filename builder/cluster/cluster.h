/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CLUSTER_H
#define BRAMBLE_CLUSTER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "neo4j_extra.h"
#include "netconf.h"
#include "pi.h"
#include "serial.h"
#include "util.h"

/*
 * What cluster.conf says, checked: after cluster_load every address parses, names, ids and
 * addresses are unique, and there is a data node. Strings belong to the cluster.
 */
#define CLUSTER_MAX_NODES 127 /* server ids fit the proxy's transaction ids: 1..127 */

enum role {
	ROLE_DATA = 1 << 0,
	ROLE_ARBITER = 1 << 1,
	ROLE_PROXY = 1 << 2,
};

struct node {
	char *name; /* also the host name: RFC 1123 label, lower case */
	unsigned roles;
	unsigned
		id; /* ha.server_id of data nodes and arbiters; 0 for a node that is only a proxy */
	char serial[SERIAL_TEXT]; /* of its board; "": not said */
	char *address;            /* dotted IPv4; "" where the network gives it */
	const struct pi *board;   /* NULL: not said */
	unsigned memory_mb;       /* what it has: as said, else the board's smallest, else 1024 */
	struct neo4j_extras neo4j_settings; /* before the cluster's */
};

/* A folder whose tree goes onto the cards, in the order of the file: the last one wins. */
struct overlay {
	char *dir;      /* as written */
	unsigned roles; /* nodes with any of them; 0: all */
	char *node;     /* NULL: all */
	char *user, *group;
	mode_t mode; /* of files, when has_mode; else the source's own */
	bool has_mode;
	char *dest;    /* "" for the root, or "/opt/..." */
	bool template; /* ${variables} in text files */
};

/* What of a Bolt client's goes to a member of its own. */
enum bolt_mode {
	BOLT_AUTO, /* as fits the Neo4j */
	BOLT_TRANSACTION,
	BOLT_PORT, /* its connection */
};

/* Where the proxies' certificate is from. */
enum tls_mode {
	TLS_OFF,
	TLS_OWN,   /* the cluster's own authority */
	TLS_FILES, /* the user's */
};

struct cluster {
	char *path; /* of the file it was read from */
	char *name;
	char *base, *neo4j, *java; /* as written */
	char *force_release;       /* what the base is taken for; NULL: it says so itself */
	char *neo4j_mode;          /* as written; NULL: as fits the archive */
	struct neo4j_extras neo4j_settings;
	char **plugins; /* .jar files, as written */
	size_t nplugins;
	bool neo4j_auth;       /* it wants a password */
	bool write_probe;      /* the agents see by writes whether it takes any */
	bool direct_access;    /* the nodes' firewall lets everybody talk to it */
	uint64_t size;         /* bytes: the smallest card an image must fit */
	uint64_t root_size;    /* bytes of p2; 0: as large as needed plus headroom */
	uint64_t data_size;    /* bytes of p3 in the image; the card's end is where it grows to */
	uint64_t reserved_end; /* bytes it leaves free there */
	struct {
		enum netconf_mode mode;
		struct in_addr subnet, gateway; /* gateway.s_addr 0: none; both of static */
		unsigned prefix;
	} network;
	char *vip; /* the proxies' floating address; NULL: none */
	struct {
		char *user;
		char *ssh_key; /* path, as written with ~ expanded; NULL: no login */
	} access;
	struct {
		char *ssid; /* NULL: no Wi-Fi; else the nodes' addresses are on it */
		char *country;
		char *passphrase_file; /* with ~ expanded; NULL: an open network */
		bool hidden;
	} wifi;
	bool swap_on_card; /* false: what the base would swap to is turned off */
	struct {
		unsigned maxconn; /* proxy.conf limits { maxconn } */
		char *balance;
		char *stats_user;
		enum bolt_mode bolt;
	} proxy;
	struct {
		enum tls_mode mode;
		char **names; /* of TLS_OWN: besides those of the nodes */
		size_t nnames;
		unsigned days;           /* of TLS_OWN: how long a certificate lasts */
		char *certificate, *key; /* of TLS_FILES: as written */
	} tls;
	struct node *nodes;
	size_t nnodes;
	/*
	 * One image for all cards: which node a card is its board's serial number says, at its
	 * first boot. `all` stands for every node then: it has the cluster's name, all roles and no
	 * address.
	 */
	bool identical_images;
	struct node all;
	char **packages; /* .deb files and folders of them, as written */
	size_t npackages;
	struct overlay *overlays;
	size_t noverlays;
};

MUST_CHECK struct cluster *cluster_load(const char *path, struct err *e);
void cluster_free(struct cluster *c);
static inline void cleanup_cluster(struct cluster **c)
{
	cluster_free(*c);
}
#define _cleanup_cluster_ _cleanup_(cleanup_cluster)

/* Where a node is, for people: its address, or how it comes by one. */
const char *node_place(const struct cluster *c, const struct node *n);

const struct node *cluster_node(const struct cluster *c, const char *name);

/* The images of a cluster: one for each node, or the one for all. NULL: none of that name. */
size_t cluster_nimages(const struct cluster *c);
const struct node *cluster_image(const struct cluster *c, size_t i);
const struct node *cluster_image_of(const struct cluster *c, const char *name);
static inline bool node_is_all(const struct cluster *c, const struct node *n)
{
	return n == &c->all;
}

size_t cluster_count(const struct cluster *c, enum role role);

/* "data", "proxy", "data,proxy": the roles as written in files and tables. Static storage. */
const char *roles_text(unsigned roles);
/* The enum role of that name; 0: none. */
unsigned role_by_name(const char *name);

/* "16GB", "512MiB", "1.5GiB": bytes; -1 for anything else. */
int size_parse(const char *text, uint64_t *bytes);

/*
 * Where the files of a cluster go, beside its cluster.conf: "garden.images/" and "garden.state/"
 * for garden.conf. The caller frees.
 */
char *cluster_images_dir(const struct cluster *c);
char *cluster_state_dir(const struct cluster *c);

#endif

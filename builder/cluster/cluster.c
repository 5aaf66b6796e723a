/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include "cluster.h"
#include "cluster_neo4j.h"
#include "cluster_overlay.h"
#include "cluster_tls.h"
#include "config.h"

struct named_role {
	const char *name;
	enum role role;
};

static const struct named_role roles[] = {
	{"data", ROLE_DATA},
	{"arbiter", ROLE_ARBITER},
	{"proxy", ROLE_PROXY},
};

struct size_unit {
	const char *suffix;
	uint64_t bytes;
};

/* Card makers count in thousands, partition tools in 1024s: both are written out. */
static const struct size_unit units[] = {
	{"KiB", UINT64_C(1) << 10},
	{"MiB", UINT64_C(1) << 20},
	{"GiB", UINT64_C(1) << 30},
	{"TiB", UINT64_C(1) << 40},
	{"MB", UINT64_C(1000000)},
	{"GB", UINT64_C(1000000000)},
	{"TB", UINT64_C(1000000000000)},
};

#define MEMORY_MIN_MB 256
#define MEMORY_MAX_MB 65536
#define MEMORY_DEFAULT_MB 1024

#define DATA_MIN (UINT64_C(64) << 20)

/* 32-bit sector numbers. */
#define MBR_MAX (UINT64_C(1) << 41)

int size_parse(const char *text, uint64_t *bytes)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -1;
	double n = strtod(text, &end);
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(end, units[i].suffix) != 0)
			continue;
		double v = n * (double)units[i].bytes;
		if (!(v >= 0 && v < 9e15))
			return -1;
		*bytes = (uint64_t)v;
		return 0;
	}
	return -1;
}

const char *roles_text(unsigned set)
{
	static char text[32];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		if (set & roles[i].role)
			n += (size_t)snprintf(
				text + n, sizeof(text) - n, "%s%s", n ? "," : "", roles[i].name);
	}
	return text;
}

unsigned role_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		if (strcmp(roles[i].name, name) == 0)
			return roles[i].role;
	}
	return 0;
}

/* RFC 1123 2.1: letters, digits and hyphens, no hyphen at either end; we want lower case. */
static bool is_label(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/*
 * A node's name is a host name in /etc/hosts of every card: it must not be localhost, nor a number,
 * which resolvers take for an address.
 */
static bool is_host_name(const char *s)
{
	return is_label(s) && strcmp(s, "localhost") != 0 && s[strspn(s, "0123456789")];
}

static int read_roles(cfg_t *sec, struct node *n, struct err *e)
{
	for (unsigned i = 0; i < cfg_size(sec, "roles"); i++) {
		const char *name = cfg_getnstr(sec, "roles", i);
		unsigned role = role_by_name(name);
		if (!role)
			return err_code(e, EXIT_CONFIG,
				"role \"%s\" is none of data, arbiter, proxy", name);
		n->roles |= role;
	}
	if (cfg_getbool(sec, "proxy"))
		n->roles |= ROLE_PROXY;
	if (!n->roles)
		return err_code(e, EXIT_CONFIG,
			"roles is missing; write roles = {\"data\"}, {\"arbiter\"} or {\"proxy\"}");
	if ((n->roles & ROLE_DATA) && (n->roles & ROLE_ARBITER))
		return err_code(e, EXIT_CONFIG, "a data node has a vote already; drop \"arbiter\"");
	return 0;
}

static int read_id(cfg_t *sec, struct node *n, struct err *e)
{
	long id = cfg_getint(sec, "id");
	bool voter = n->roles & (ROLE_DATA | ROLE_ARBITER);

	if (voter && (id < 1 || id > CLUSTER_MAX_NODES))
		return err_code(e, EXIT_CONFIG,
			"id = %ld: a data node or arbiter needs an id from 1 to %d that never "
			"changes",
			id, CLUSTER_MAX_NODES);
	if (!voter && id)
		return err_code(
			e, EXIT_CONFIG, "id = %ld: only data nodes and arbiters have one", id);
	n->id = (unsigned)id;
	return 0;
}

static bool in_subnet(const struct cluster *c, struct in_addr a)
{
	uint32_t mask = c->network.prefix ? ~UINT32_C(0) << (32 - c->network.prefix) : 0;
	uint32_t host = ntohl(a.s_addr) & ~mask;

	return (ntohl(a.s_addr) & mask) == ntohl(c->network.subnet.s_addr) && host != 0 &&
	       host != ~mask;
}

static int read_address(struct cluster *c, cfg_t *sec, struct node *n, struct err *e)
{
	const char *address = cfg_getstr(sec, "address");
	struct in_addr a;

	if (c->network.mode != NETCONF_STATIC) {
		n->address = xstrdup("");
		return address ? err_code(e, EXIT_CONFIG,
					 "address is for mode \"static\"; here the network "
					 "gives it, and the nodes find each other")
			       : 0;
	}
	if (!address)
		return err_code(e, EXIT_CONFIG, "address is missing");
	if (inet_pton(AF_INET, address, &a) != 1)
		return err_code(e, EXIT_CONFIG, "address \"%s\" is no IPv4 address", address);
	if (!in_subnet(c, a))
		return err_code(
			e, EXIT_CONFIG, "address %s is no host of the network's subnet", address);
	if (a.s_addr == c->network.gateway.s_addr)
		return err_code(e, EXIT_CONFIG, "address %s is the gateway's", address);
	n->address = xstrdup(address);
	return 0;
}

static int read_serial(cfg_t *sec, struct node *n, struct err *e)
{
	const char *s = cfg_getstr(sec, "serial");

	if (!s || (serial_take(s, strlen(s), n->serial) && strlen(n->serial) == strlen(s)))
		return 0;
	return err_code(e, EXIT_CONFIG,
		"serial \"%s\" is no board's serial number, like 10000000abcdef01: the Pi tells it "
		"in /proc/cpuinfo, and on its console when it is nobody's",
		s);
}

static int check_unique(const struct cluster *c, const struct node *n, struct err *e)
{
	for (const struct node *o = c->nodes; o < n; o++) {
		if (*n->address && strcmp(o->address, n->address) == 0)
			return err_code(
				e, EXIT_CONFIG, "address %s is already %s's", n->address, o->name);
		if (*n->serial && strcmp(o->serial, n->serial) == 0)
			return err_code(
				e, EXIT_CONFIG, "serial %s is already %s's", n->serial, o->name);
		if (n->id && o->id == n->id)
			return err_code(e, EXIT_CONFIG, "id %u is already %s's", n->id, o->name);
	}
	return 0;
}

/* What a node's own section does not say, the cluster's does; its memory is that of its board. */
static int read_board(cfg_t *cluster, cfg_t *sec, struct node *n, struct err *e)
{
	bool own = cfg_getstr(sec, "board");
	const char *board = cfg_getstr(own ? sec : cluster, "board");
	long mb = cfg_getint(own || cfg_getint(sec, "memory_mb") ? sec : cluster, "memory_mb");

	if (board) {
		n->board = pi_find(board);
		if (!n->board)
			return err_code(
				e, EXIT_CONFIG, "board \"%s\" is none of %s", board, pi_names());
	}
	if (mb && (mb < MEMORY_MIN_MB || mb > MEMORY_MAX_MB))
		return err_code(e, EXIT_CONFIG, "memory_mb = %ld is not %d to %d", mb,
			MEMORY_MIN_MB, MEMORY_MAX_MB);
	n->memory_mb = mb ? (unsigned)mb : n->board ? n->board->memory_mb[0] : MEMORY_DEFAULT_MB;
	return n->board ? pi_check_memory(n->board, n->memory_mb, e) : 0;
}

static int read_node(struct cluster *c, cfg_t *cluster, cfg_t *sec, struct err *e)
{
	struct node *n = &c->nodes[c->nnodes++];

	n->name = xstrdup(cfg_title(sec));
	if (!is_host_name(n->name))
		return err_code(e, EXIT_CONFIG,
			"the name must be a host name: a-z, 0-9 and \"-\", at most 63 characters, "
			"neither a number nor localhost");
	if (read_roles(sec, n, e) < 0 || read_id(sec, n, e) < 0 || read_serial(sec, n, e) < 0 ||
		read_address(c, sec, n, e) < 0 || read_board(cluster, sec, n, e) < 0 ||
		cluster_neo4j_read_node(n, sec, e) < 0)
		return -1;
	return check_unique(c, n, e);
}

static int read_nodes(struct cluster *c, cfg_t *sec, struct err *e)
{
	unsigned n = cfg_size(sec, "node");

	if (n == 0 || n > CLUSTER_MAX_NODES)
		return err_code(e, EXIT_CONFIG, "%s: a cluster has 1 to %d nodes, this one %u",
			config_where(sec), CLUSTER_MAX_NODES, n);
	c->nodes = xcalloc(n, sizeof(*c->nodes));
	for (unsigned i = 0; i < n; i++) {
		cfg_t *node = cfg_getnsec(sec, "node", i);
		if (read_node(c, sec, node, e) < 0)
			return err_prefix(
				e, "%s: node \"%s\"", config_where(node), cfg_title(node));
	}
	if (!cluster_count(c, ROLE_DATA))
		return err_code(e, EXIT_CONFIG, "%s: no node has the role \"data\"", c->path);
	return 0;
}

/* The proxies' floating address: whoever it is on, it must be nobody's own. */
static int check_vip(const struct cluster *c, struct err *e)
{
	struct in_addr a;

	if (c->network.mode != NETCONF_STATIC)
		return err_set(e, "it needs network { mode = \"static\" }: where the network gives "
				  "addresses, it may give that one to somebody");
	if (!cluster_count(c, ROLE_PROXY))
		return err_set(e, "no node has the role \"proxy\"");
	if (inet_pton(AF_INET, c->vip, &a) != 1)
		return err_set(e, "it is no IPv4 address");
	if (!in_subnet(c, a))
		return err_set(e, "it is no host of the network's subnet");
	if (a.s_addr == c->network.gateway.s_addr)
		return err_set(e, "it is the gateway's");
	for (size_t i = 0; i < c->nnodes; i++) {
		if (strcmp(c->nodes[i].address, c->vip) == 0)
			return err_set(e, "it is %s's", c->nodes[i].name);
	}
	return 0;
}

static int read_vip(struct cluster *c, cfg_t *sec, struct err *e)
{
	const char *vip = cfg_getstr(sec, "vip");

	if (!vip)
		return 0;
	c->vip = xstrdup(vip);
	if (check_vip(c, e) == 0)
		return 0;
	e->code = EXIT_CONFIG;
	return err_prefix(e, "%s: vip \"%s\"", config_where(sec), vip);
}

static int read_subnet(struct cluster *c, const char *text, struct err *e)
{
	char address[INET_ADDRSTRLEN] = "";
	int end = 0;

	if (!text)
		return err_code(e, EXIT_CONFIG, "subnet is missing");
	if (sscanf(text, "%15[0-9.]/%2u%n", address, &c->network.prefix, &end) != 2 || text[end] ||
		inet_pton(AF_INET, address, &c->network.subnet) != 1 || c->network.prefix < 8 ||
		c->network.prefix > 30)
		return err_code(e, EXIT_CONFIG,
			"subnet \"%s\" is no IPv4 network such as 192.168.2.0/24", text);
	uint32_t host = ntohl(c->network.subnet.s_addr) << c->network.prefix;
	if (host)
		return err_code(e, EXIT_CONFIG, "subnet \"%s\" has bits behind its prefix", text);
	return 0;
}

static int read_network(struct cluster *c, cfg_t *sec, struct err *e)
{
	const char *mode = cfg_getstr(sec, "mode"), *gateway = cfg_getstr(sec, "gateway");
	const char *subnet = cfg_getstr(sec, "subnet");

	if (netconf_mode_parse(mode, &c->network.mode) < 0)
		return err_code(
			e, EXIT_CONFIG, "mode \"%s\" is none of static, dhcp, linklocal", mode);
	if (c->network.mode != NETCONF_STATIC)
		return subnet || gateway ? err_code(e, EXIT_CONFIG,
						   "subnet and gateway are for mode \"static\"")
					 : 0;
	if (read_subnet(c, subnet, e) < 0)
		return -1;
	if (!gateway)
		return 0;
	if (inet_pton(AF_INET, gateway, &c->network.gateway) != 1 ||
		!in_subnet(c, c->network.gateway))
		return err_code(
			e, EXIT_CONFIG, "gateway \"%s\" is no address of the subnet", gateway);
	return 0;
}

static char *expand_home(const char *path)
{
	const char *home = getenv("HOME");

	if (!path)
		return NULL;
	return str_starts(path, "~/") && home ? xasprintf("%s%s", home, path + 1) : xstrdup(path);
}

static bool is_user_name(const char *s)
{
	return is_label(s) && s[0] >= 'a' && s[0] <= 'z' && strlen(s) <= 31;
}

static int read_access(struct cluster *c, cfg_t *sec, struct err *e)
{
	c->access.user = xstrdup(cfg_getstr(sec, "user"));
	c->access.ssh_key = expand_home(cfg_getstr(sec, "ssh_key"));
	if (!is_user_name(c->access.user))
		return err_code(e, EXIT_CONFIG, "user \"%s\" is no user name", c->access.user);
	return 0;
}

/* ISO 3166-1, as the regulatory domain of a radio. */
static bool is_country(const char *s)
{
	return s && strlen(s) == 2 && isupper((unsigned char)s[0]) && isupper((unsigned char)s[1]);
}

/* IEEE 802.11: 1 to 32 bytes; a control character is no name anybody chose. */
static bool is_ssid(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return false;
	}
	return n >= 1 && n <= 32;
}

static int read_wifi(struct cluster *c, cfg_t *sec, struct err *e)
{
	const char *ssid = cfg_getstr(sec, "ssid"), *country = cfg_getstr(sec, "country");
	const char *file = cfg_getstr(sec, "passphrase_file");

	bool open = cfg_getbool(sec, "open");

	if (!ssid && !country && !file)
		return 0;
	if (!ssid || !is_ssid(ssid))
		return err_code(e, EXIT_CONFIG, "ssid is no name of 1 to 32 characters");
	if (!is_country(country))
		return err_code(e, EXIT_CONFIG,
			"country is not two capital letters such as DE: a Pi's radio is off "
			"without");
	if (!file && !open)
		return err_code(e, EXIT_CONFIG,
			"passphrase_file is missing; open = true is for a network without one");
	if (file && open)
		return err_code(
			e, EXIT_CONFIG, "open = true: an open network has no passphrase_file");
	c->wifi.ssid = xstrdup(ssid);
	c->wifi.country = xstrdup(country);
	c->wifi.passphrase_file = file ? expand_home(file) : NULL;
	c->wifi.hidden = cfg_getbool(sec, "hidden");
	return 0;
}

static int read_swap(struct cluster *c, cfg_t *sec, struct err *e)
{
	const char *swap = cfg_getstr(sec, "swap");

	c->swap_on_card = strcmp(swap, "keep") == 0;
	if (c->swap_on_card || strcmp(swap, "off") == 0)
		return 0;
	return err_code(e, EXIT_CONFIG, "%s: swap = \"%s\" is neither off nor keep",
		config_where(sec), swap);
}

static int read_bolt_mode(struct cluster *c, const char *mode, struct err *e)
{
	static const char *const modes[] = {
		[BOLT_AUTO] = "auto", [BOLT_TRANSACTION] = "transaction", [BOLT_PORT] = "port"};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(mode, modes[i]) == 0) {
			c->proxy.bolt = (enum bolt_mode)i;
			return 0;
		}
	}
	return err_code(e, EXIT_CONFIG, "bolt \"%s\" is none of auto, transaction, port", mode);
}

static int read_proxy(struct cluster *c, cfg_t *sec, struct err *e)
{
	long maxconn = cfg_getint(sec, "maxconn");

	if (read_bolt_mode(c, cfg_getstr(sec, "bolt"), e) < 0)
		return -1;
	c->proxy.balance = xstrdup(cfg_getstr(sec, "balance"));
	c->proxy.stats_user = xstrdup(cfg_getstr(sec, "stats_user"));
	if (maxconn < 1 || maxconn > 100000) /* as bramble-proxy takes */
		return err_code(e, EXIT_CONFIG, "maxconn = %ld is not 1 to 100000", maxconn);
	c->proxy.maxconn = (unsigned)maxconn;
	if (strcmp(c->proxy.balance, "least") != 0 && strcmp(c->proxy.balance, "roundrobin") != 0)
		return err_code(e, EXIT_CONFIG, "balance \"%s\" is neither least nor roundrobin",
			c->proxy.balance);
	if (!is_user_name(c->proxy.stats_user))
		return err_code(
			e, EXIT_CONFIG, "stats_user \"%s\" is no user name", c->proxy.stats_user);
	return 0;
}

static int read_size(cfg_t *sec, const char *key, uint64_t *bytes, struct err *e)
{
	const char *text = cfg_getstr(sec, key);

	if (!text)
		return 0;
	if (size_parse(text, bytes) < 0)
		return err_code(e, EXIT_CONFIG, "%s: %s = \"%s\" is no size such as 16GB or 4GiB",
			config_where(sec), key, text);
	if (*bytes > MBR_MAX)
		return err_code(e, EXIT_CONFIG,
			"%s: %s = \"%s\": a card's partition table ends at 2TiB", config_where(sec),
			key, text);
	return 0;
}

static int read_sizes(struct cluster *c, cfg_t *sec, struct err *e)
{
	const struct size_key {
		const char *key;
		uint64_t *bytes;
	} keys[] = {
		{"size", &c->size},
		{"root_size", &c->root_size},
		{"data_size", &c->data_size},
		{"reserved_end", &c->reserved_end},
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (read_size(sec, keys[i].key, keys[i].bytes, e) < 0)
			return -1;
	}
	if (c->data_size >= DATA_MIN)
		return 0;
	return err_code(e, EXIT_CONFIG,
		"%s: data_size: a store and its journal need 64MiB at least", config_where(sec));
}

static int require(cfg_t *sec, const char *key, char **value, struct err *e)
{
	const char *text = cfg_getstr(sec, key);

	if (!text || !*text)
		return err_code(e, EXIT_CONFIG, "%s: %s is missing", config_where(sec), key);
	*value = xstrdup(text);
	return 0;
}

static void read_packages(struct cluster *c, cfg_t *sec)
{
	c->npackages = cfg_size(sec, "packages");
	c->packages = xcalloc(c->npackages + 1, sizeof(*c->packages));
	for (unsigned i = 0; i < c->npackages; i++)
		c->packages[i] = xstrdup(cfg_getnstr(sec, "packages", i));
}

struct part {
	const char *name;
	int (*read)(struct cluster *c, cfg_t *sec, struct err *e);
};

static const struct part parts[] = {
	{"network", read_network},
	{"access", read_access},
	{"wifi", read_wifi},
	{"proxy", read_proxy},
};

/* It is for what nodes have the role proxy. */
static int read_tls(struct cluster *c, cfg_t *sec, struct err *e)
{
	cfg_t *tls = cfg_getsec(sec, "tls");

	return cluster_tls_read(c, tls, e) < 0 ? err_prefix(e, "%s: tls", config_where(tls)) : 0;
}

static int read_identical(struct cluster *c, cfg_t *sec, struct err *e)
{
	c->identical_images = cfg_getbool(sec, "identical_images");
	if (!c->identical_images)
		return 0;
	if (cluster_node(c, c->name))
		return err_code(e, EXIT_CONFIG,
			"%s: identical_images: the one image is named like the cluster, and so is "
			"a node: rename one of them",
			config_where(sec));
	c->all = (struct node){
		.name = c->name, .address = (char *)"", .memory_mb = MEMORY_DEFAULT_MB};
	for (size_t i = 0; i < c->nnodes; i++)
		c->all.roles |= c->nodes[i].roles;
	return 0;
}

static int read_cluster(struct cluster *c, cfg_t *sec, struct err *e)
{
	c->name = xstrdup(cfg_title(sec));
	if (!is_label(c->name) || strlen(c->name) > 32)
		return err_code(e, EXIT_CONFIG,
			"%s: cluster \"%s\": the name must be a-z, 0-9, \"-\"", config_where(sec),
			c->name);
	if (require(sec, "base", &c->base, e) < 0 || require(sec, "neo4j", &c->neo4j, e) < 0 ||
		cluster_neo4j_read(c, sec, e) < 0 || require(sec, "java", &c->java, e) < 0 ||
		read_sizes(c, sec, e) < 0 || read_swap(c, sec, e) < 0)
		return -1;
	if (cfg_getstr(sec, "force_release"))
		c->force_release = xstrdup(cfg_getstr(sec, "force_release"));
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		cfg_t *part = cfg_getsec(sec, parts[i].name);
		if (parts[i].read(c, part, e) < 0)
			return err_prefix(e, "%s: %s", config_where(part), parts[i].name);
	}
	read_packages(c, sec);
	if (read_nodes(c, sec, e) < 0 || read_identical(c, sec, e) < 0 || read_vip(c, sec, e) < 0 ||
		read_tls(c, sec, e) < 0)
		return -1;
	return overlays_read(c, sec, e);
}

struct cluster *cluster_load(const char *path, struct err *e)
{
	cfg_opt_t node[] = {
		CFG_STR_LIST("roles", (char *)"{}", CFGF_NONE),
		CFG_BOOL("proxy", cfg_false, CFGF_NONE),
		CFG_STR("address", NULL, CFGF_NONE),
		CFG_STR("serial", NULL, CFGF_NONE),
		CFG_INT("id", 0, CFGF_NONE),
		CFG_STR("board", NULL, CFGF_NONE),
		CFG_INT("memory_mb", 0, CFGF_NONE),
		CFG_STR_LIST("neo4j_settings", (char *)"{}", CFGF_NONE),
		CFG_END(),
	};
	cfg_opt_t network[] = {
		CFG_STR("mode", "static", CFGF_NONE),
		CFG_STR("subnet", NULL, CFGF_NONE),
		CFG_STR("gateway", NULL, CFGF_NONE),
		CFG_END(),
	};
	cfg_opt_t access[] = {
		CFG_STR("user", "pi", CFGF_NONE),
		CFG_STR("ssh_key", NULL, CFGF_NONE),
		CFG_END(),
	};
	cfg_opt_t wifi[] = {
		CFG_STR("ssid", NULL, CFGF_NONE),
		CFG_STR("country", NULL, CFGF_NONE),
		CFG_STR("passphrase_file", NULL, CFGF_NONE),
		CFG_BOOL("open", cfg_false, CFGF_NONE),
		CFG_BOOL("hidden", cfg_false, CFGF_NONE),
		CFG_END(),
	};
	cfg_opt_t proxy[] = {
		CFG_INT("maxconn", 2000, CFGF_NONE),
		CFG_STR("balance", "least", CFGF_NONE),
		CFG_STR("stats_user", "admin", CFGF_NONE),
		CFG_STR("bolt", "auto", CFGF_NONE),
		CFG_END(),
	};
	cfg_opt_t cluster[] = {
		CFG_STR("base", NULL, CFGF_NONE),
		CFG_STR("force_release", NULL, CFGF_NONE),
		CFG_STR("neo4j", NULL, CFGF_NONE),
		CFG_STR("neo4j_mode", NULL, CFGF_NONE),
		CFG_STR("board", NULL, CFGF_NONE),
		CFG_INT("memory_mb", 0, CFGF_NONE),
		CFG_STR("neo4j_auth", "off", CFGF_NONE),
		CFG_BOOL("direct_access", cfg_false, CFGF_NONE),
		CFG_STR("vip", NULL, CFGF_NONE),
		CFG_BOOL("write_probe", cfg_false, CFGF_NONE),
		CFG_STR_LIST("plugins", (char *)"{}", CFGF_NONE),
		CFG_STR_LIST("neo4j_settings", (char *)"{}", CFGF_NONE),
		CFG_STR("java", "base", CFGF_NONE),
		CFG_STR_LIST("packages", (char *)"{}", CFGF_NONE),
		CFG_BOOL("identical_images", cfg_false, CFGF_NONE),
		CFG_STR("size", "16GB", CFGF_NONE),
		CFG_STR("root_size", NULL, CFGF_NONE),
		CFG_STR("data_size", "512MiB", CFGF_NONE),
		CFG_STR("reserved_end", "0MiB", CFGF_NONE),
		CFG_STR("swap", "off", CFGF_NONE),
		CFG_SEC("network", network, CFGF_NONE),
		CFG_SEC("access", access, CFGF_NONE),
		CFG_SEC("wifi", wifi, CFGF_NONE),
		CFG_SEC("proxy", proxy, CFGF_NONE),
		CFG_SEC("tls", tls_options, CFGF_NONE),
		CFG_SEC("node", node, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_SEC("overlay", overlay_options, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES),
		CFG_END(),
	};
	cfg_opt_t top[] = {
		CFG_SEC("cluster", cluster, CFGF_MULTI | CFGF_TITLE),
		CFG_END(),
	};
	_cleanup_cfg_ cfg_t *cfg = config_load(path, top, e);
	if (!cfg)
		return NULL;
	_cleanup_cluster_ struct cluster *c = xcalloc(1, sizeof(*c));
	c->path = xstrdup(path);
	if (cfg_size(cfg, "cluster") != 1) {
		err_code(e, EXIT_CONFIG, "%s: holds %u clusters; one file is one cluster", path,
			cfg_size(cfg, "cluster"));
		return NULL;
	}
	return read_cluster(c, cfg_getnsec(cfg, "cluster", 0), e) < 0 ? NULL : steal(&c);
}

void cluster_free(struct cluster *c)
{
	if (!c)
		return;
	cluster_neo4j_free(c);
	cluster_tls_free(c);
	for (size_t i = 0; i < c->nnodes; i++) {
		free(c->nodes[i].name);
		free(c->nodes[i].address);
	}
	char *strings[] = {c->path, c->name, c->base, c->force_release, c->neo4j, c->neo4j_mode,
		c->java, c->vip, c->access.user, c->access.ssh_key, c->wifi.ssid, c->wifi.country,
		c->wifi.passphrase_file, c->proxy.balance, c->proxy.stats_user};
	for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
		free(strings[i]);
	for (size_t i = 0; i < c->npackages; i++)
		free(c->packages[i]);
	free(c->packages);
	overlays_free(c);
	free(c->nodes);
	free(c);
}

const struct node *cluster_node(const struct cluster *c, const char *name)
{
	for (size_t i = 0; i < c->nnodes; i++) {
		if (strcmp(c->nodes[i].name, name) == 0)
			return &c->nodes[i];
	}
	return NULL;
}

const char *node_place(const struct cluster *c, const struct node *n)
{
	static const char *const places[] = {
		[NETCONF_DHCP] = "by DHCP",
		[NETCONF_LINKLOCAL] = "link-local",
	};

	if (node_is_all(c, n))
		return "whichever the serial number says";
	return c->network.mode == NETCONF_STATIC ? n->address : places[c->network.mode];
}

size_t cluster_count(const struct cluster *c, enum role role)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nnodes; i++)
		n += (c->nodes[i].roles & role) != 0;
	return n;
}

size_t cluster_nimages(const struct cluster *c)
{
	return c->identical_images ? 1 : c->nnodes;
}

const struct node *cluster_image(const struct cluster *c, size_t i)
{
	return c->identical_images ? &c->all : &c->nodes[i];
}

const struct node *cluster_image_of(const struct cluster *c, const char *name)
{
	if (!c->identical_images)
		return cluster_node(c, name);
	return strcmp(c->all.name, name) == 0 ? &c->all : NULL;
}

static char *beside(const struct cluster *c, const char *suffix)
{
	size_t n = strlen(c->path) - (str_ends(c->path, ".conf") ? strlen(".conf") : 0);

	return xasprintf("%.*s%s", (int)n, c->path, suffix);
}

char *cluster_images_dir(const struct cluster *c)
{
	return beside(c, ".images");
}

char *cluster_state_dir(const struct cluster *c)
{
	return beside(c, ".state");
}

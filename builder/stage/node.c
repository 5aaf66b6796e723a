/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The last step: a copy of a stage's image becomes one node's card. Ids are derived from the
 * cluster's id and the node's name, so that a card built again is the same node: disk id (hence
 * PARTUUIDs), p3's UUID, machine-id. ssh host keys are not made here: the base makes them on first
 * boot, so no two cards and no image share one.
 */
#include <string.h>
#include "build.h"
#include "generation.h"
#include "image/fat.h"
#include "proxy_lines.h"
#include "release/patch.h"
#include "version.h"

#define RUNS_NEO4J (ROLE_DATA | ROLE_ARBITER)
#define MIB (UINT64_C(1) << 20)
#define TLS_CERTIFICATE "/etc/bramble/tls.crt"
#define TLS_KEY "/etc/bramble/tls.key"

struct paint {
	struct build *b;
	const struct node *node;
	const char *image;
	struct ext4 *fs; /* p2 */
	uint32_t disk_id;
};

static int put(struct paint *p, const char *path, struct buf *text, mode_t mode, struct err *e)
{
	if (!buf_ok(text))
		return err_set(e, "%s: out of memory", path);
	return ext4_write(p->fs, path, text->data, text->len, EXT4_ROOT(mode), e);
}

static void roles_list(struct buf *b, unsigned roles)
{
	_cleanup_free_ char *text = xstrdup(roles_text(roles));
	char *save = NULL;
	const char *sep = "";

	buf_puts(b, "{");
	for (char *r = strtok_r(text, ",", &save); r; r = strtok_r(NULL, ",", &save)) {
		buf_printf(b, "%s\"%s\"", sep, r);
		sep = ", ";
	}
	buf_puts(b, "}");
}

static int put_node_conf(struct paint *p, struct err *e)
{
	const struct build *b = p->b;
	_cleanup_buf_ struct buf conf = {0};

	buf_printf(&conf,
		"# Written by bramble from cluster.conf; a change here is undone.\n"
		"cluster { id = \"%s\" name = \"%s\" generation = %u built = \"%s\"%s%s%s }\n"
		"node { name = \"%s\" reserved_end_mib = %llu }\n",
		b->state.id, b->cluster->name, b->state.generation, b->state.built,
		b->cluster->vip ? " vip = \"" : "", b->cluster->vip ? b->cluster->vip : "",
		b->cluster->vip ? "\"" : "", p->node->name,
		(unsigned long long)(b->cluster->reserved_end + MIB - 1) / MIB);
	if (p->node->roles & RUNS_NEO4J)
		buf_printf(&conf, "neo4j { version = \"%s\" profile = \"%s\"%s%s }\n",
			b->inputs.neo4j_version, b->inputs.profile.name,
			b->cluster->direct_access ? " direct_access = true" : "",
			b->cluster->write_probe ? " write_probe = true" : "");
	for (size_t i = 0; i < b->cluster->nnodes; i++) {
		const struct node *n = &b->cluster->nodes[i];
		buf_printf(&conf, "member \"%s\" { id = %u roles = ", n->name, n->id);
		roles_list(&conf, n->roles);
		if (*n->address)
			buf_printf(&conf, " address = \"%s\"", n->address);
		buf_puts(&conf, " }\n");
	}
	return put(p, "/etc/bramble/node.conf", &conf, 0644, e);
}

static int put_secret(struct paint *p, struct err *e)
{
	_cleanup_buf_ struct buf secret = {0};

	buf_printf(&secret, "%s\n", p->b->state.secret);
	return ext4_write(
		p->fs, "/etc/bramble/cluster.secret", secret.data, secret.len, AGENT_ONLY, e);
}

/* With it the card knows what the owner has signed (generation.h). */
static int put_apply_key(struct paint *p, struct err *e)
{
	char public[GENERATION_PUBLIC_HEX + 1];
	_cleanup_buf_ struct buf text = {0};

	if (!p->b->state.apply_seed[0])
		return 0;
	if (generation_public(p->b->state.apply_seed, public, e) < 0)
		return -1;
	buf_printf(&text, "%s\n", public);
	return put(p, "/etc/bramble/owner.pub", &text, 0644, e);
}

static int put_fixed(struct paint *p, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	json_t *json = node_fixed(p->b, p->node);
	char *dump = json ? json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;

	buf_printf(&text, "%s\n", dump ? dump : "{}");
	json_decref(json);
	free(dump);
	return put(p, FIXED_PATH, &text, 0644, e);
}

/* So that inspect can tell which bramble made a card. */
static int put_version(struct paint *p, struct err *e)
{
	_cleanup_buf_ struct buf version = {0};

	buf_printf(&version, "%s\n", bramble_version);
	return put(p, "/usr/lib/bramble/version", &version, 0644, e);
}

/* Where the network gives addresses: one that nobody has (RFC 5737), until the agent knows. */
static void add_proxy_member(struct buf *to, const struct node *n)
{
	_cleanup_free_ char *address =
		*n->address ? xstrdup(n->address) : xasprintf("192.0.2.%u", n->id);

	proxy_lines_member(to, n->name, n->id, address);
}

/* The proxy gives transactions to members in Bolt 3, which Neo4j speaks up to 4.4; databases have
 * no names in it. */
static bool bolt_by_port(const struct build *b)
{
	if (b->cluster->proxy.bolt != BOLT_AUTO)
		return b->cluster->proxy.bolt == BOLT_PORT;
	return b->inputs.profile.version >= NEO4J_VERSION(4, 0);
}

/* On a data node port 7687 is its own Neo4j's. */
static const char *bolt_section(const struct paint *p)
{
	bool by_port = bolt_by_port(p->b);

	if (p->node->roles & ROLE_DATA)
		return by_port ? "bolt { mode = \"port\" }\n" : "";
	return by_port ? "bolt { listen = \"*:7687\" mode = \"port\" read_listen = \"*:7688\" }\n"
		       : "bolt { listen = \"*:7687\" }\n";
}

static int put_proxy_conf(struct paint *p, struct err *e)
{
	const struct cluster *c = p->b->cluster;
	const char *tls = c->tls.mode == TLS_OFF ? ""
						 : "tls { certificate = \"" TLS_CERTIFICATE
						   "\" key = \"" TLS_KEY "\" }\n";
	_cleanup_buf_ struct buf b = {0};

	buf_printf(&b,
		"# Written by bramble from cluster.conf; a change here is undone.\n"
		"limits { maxconn = %u }\n"
		"timeouts { connect_ms = 5000 client_ms = 50000 server_ms = 50000 }\n"
		"http { listen = \"*:8090\" }\n%s%s"
		"stats { listen = \"*:8080\" user = \"%s\" password_file = "
		"\"/etc/bramble/stats.password\" }\n"
		"admin { socket = \"/run/bramble-proxy/ctl\" }\n"
		"members { maxconn = 10 check_interval_ms = 500 hold_ms = 45000 hold_max = 256 "
		"balance = \"%s\" dialect = \"auto\" }\n",
		c->proxy.maxconn, bolt_section(p), tls, c->proxy.stats_user, c->proxy.balance);
	for (size_t i = 0; i < c->nnodes; i++) {
		if (c->nodes[i].roles & ROLE_DATA)
			add_proxy_member(&b, &c->nodes[i]);
	}
	return put(p, "/etc/bramble/proxy.conf", &b, 0644, e);
}

/* A live proxy takes up what is new there by itself. */
static int put_tls(struct paint *p, struct err *e)
{
	const struct credentials *t = &p->b->inputs.tls;
	struct ext4_owner owner = {.uid = PROXY_UID, .gid = PROXY_UID, .mode = 0600};

	if (!t->certificate.len)
		return 0;
	if (ext4_write(p->fs, TLS_KEY, t->key.data, t->key.len, owner, e) < 0)
		return -1;
	return ext4_write(p->fs, TLS_CERTIFICATE, t->certificate.data, t->certificate.len,
		EXT4_ROOT(0644), e);
}

static int put_stats_password(struct paint *p, struct err *e)
{
	_cleanup_buf_ struct buf password = {0};
	struct ext4_owner owner = {.uid = PROXY_UID, .gid = PROXY_UID, .mode = 0600};

	buf_printf(&password, "%s\n", p->b->state.stats_password);
	return ext4_write(
		p->fs, "/etc/bramble/stats.password", password.data, password.len, owner, e);
}

/*
 * For avahi-daemon, where there is one (avahi.service(5)): the agents find each other by it, and
 * people with `avahi-browse _bramble._udp`. Half of the cluster's id, which is no secret, tells a
 * neighbour's cluster from ours; what changes is not in it, or it would be announced anew.
 */
static int put_avahi_service(struct paint *p, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	buf_printf(&b,
		"<?xml version=\"1.0\" standalone='no'?>\n"
		"<!DOCTYPE service-group SYSTEM \"avahi-service.dtd\">\n"
		"<service-group>\n"
		"  <name>%s</name>\n"
		"  <service>\n"
		"    <type>_bramble._udp</type>\n"
		"    <port>7471</port>\n"
		"    <txt-record>v=1</txt-record>\n"
		"    <txt-record>c=%.16s</txt-record>\n"
		"    <txt-record>n=%s</txt-record>\n"
		"  </service>\n"
		"</service-group>\n",
		p->node->name, p->b->state.id, p->node->name);
	return put(p, "/etc/avahi/services/bramble.service", &b, 0644, e);
}

/* For a person with this card in another PC, who may not have a Unix editor. */
static int put_settings_template(struct paint *p, struct err *e)
{
	static const char lines[] =
		"# Settings of this node alone. Remove the # in front of what you need: the\r\n"
		"# card takes it over at its next boot, or says in bramble-error.txt why not.\r\n"
		"# bramble-agent(8) has the details.\r\n"
		"\r\n"
		"# hostname = \"kitchen\"\r\n"
		"\r\n"
		"# A fixed address with its network, or \"dhcp\", or \"linklocal\":\r\n"
		"# address = \"192.168.7.11/24\"\r\n"
		"# gateway = \"192.168.7.1\"\r\n"
		"\r\n"
		"# Wi-Fi; it needs an address, too. The password leaves this file at the next\r\n"
		"# boot. Single quotes: nothing in them has a meaning.\r\n"
		"# wifi_ssid = 'home'\r\n"
		"# wifi_password = 'secret'\r\n"
		"# wifi_country = \"DE\"\r\n"
		"\r\n"
		"# Where other nodes are, if they do not find each other by themselves:\r\n"
		"# seeds = {\"192.168.7.12\", \"192.168.7.13\"}\r\n";
	_cleanup_buf_ struct buf b = {0};

	if (node_is_all(p->b->cluster, p->node))
		buf_printf(&b,
			"# bramble: cluster %s. Which node this card is the board's serial "
			"number\r\n"
			"# says, when it boots first; or this line, instead:\r\n"
			"# node = \"%s\"\r\n\r\n",
			p->b->cluster->name, p->b->cluster->nodes[0].name);
	else
		buf_printf(&b, "# bramble: cluster %s, node %s\r\n", p->b->cluster->name,
			p->node->name);
	buf_puts(&b, lines);
	if (!buf_ok(&b))
		return err_set(e, "bramble.txt: out of memory");
	return fat_write(p->image, p->b->table.part[0].start, "bramble.txt", &b, e);
}

static int put_neo4j(struct paint *p, struct err *e)
{
	return neo4j_conf_put(p->b, p->node, p->fs, e);
}

static int put_neo4j_password(struct paint *p, struct err *e)
{
	return neo4j_auth_put_root(p->b, p->fs, e);
}

/* A unit's link as `systemctl enable` makes it. */
static int enable_unit(struct paint *p, const char *target, const char *unit, struct err *e)
{
	_cleanup_free_ char *link = xasprintf("/etc/systemd/system/%s.wants/%s", target, unit);
	_cleanup_free_ char *to = xasprintf("/usr/lib/systemd/system/%s", unit);

	return ext4_symlink(p->fs, link, to, e);
}

struct unit {
	const char *name, *target;
	unsigned roles;
};

/* neo4j.service is not here: only the agent starts Neo4j. */
static const struct unit enabled_units[] = {
	{"bramble-settings.service", "multi-user.target", ROLE_DATA | ROLE_ARBITER | ROLE_PROXY},
	{"bramble-grow.service", "multi-user.target", ROLE_DATA | ROLE_ARBITER | ROLE_PROXY},
	{"bramble-helper.socket", "sockets.target", ROLE_DATA | ROLE_ARBITER | ROLE_PROXY},
	{"bramble-agent.service", "multi-user.target", ROLE_DATA | ROLE_ARBITER | ROLE_PROXY},
	{"bramble-guard.service", "multi-user.target", ROLE_DATA},
	{"bramble-proxy.service", "multi-user.target", ROLE_PROXY},
	{"bramble-addresses.path", "multi-user.target", ROLE_PROXY},
	{"bramble-addresses.service", "multi-user.target", ROLE_PROXY},
};

/* On a card that is to become one node's. */
static const struct unit first_units[] = {
	{"bramble-assign.service", "multi-user.target", ~0u},
	{"bramble-settings.service", "multi-user.target", ~0u},
	{"bramble-helper.socket", "sockets.target", ~0u},
	{"bramble-agent.service", "multi-user.target", ~0u},
};

static int enable_list(struct paint *p, const struct unit *list, size_t n, struct err *e)
{
	for (const struct unit *u = list; u < list + n; u++) {
		if ((u->roles & p->node->roles) && enable_unit(p, u->target, u->name, e) < 0)
			return -1;
	}
	return 0;
}

static int enable_units(struct paint *p, struct err *e)
{
	return enable_list(p, enabled_units, ARRAY_SIZE(enabled_units), e);
}

static int enable_first_units(struct paint *p, struct err *e)
{
	return enable_list(p, first_units, ARRAY_SIZE(first_units), e);
}

static struct wifi wifi_of(const struct paint *p)
{
	const struct cluster *c = p->b->cluster;

	return (struct wifi){
		.ssid = c->wifi.ssid,
		.country = c->wifi.country,
		.hidden = c->wifi.hidden,
		.passphrase = c->wifi.passphrase_file ? &p->b->inputs.passphrase : NULL,
	};
}

static struct edit edit_of(const struct paint *p, const struct wifi *wifi)
{
	const struct build *b = p->b;

	return (struct edit){
		.root = p->fs,
		.boot = {p->image, b->table.part[0].start},
		.release = &b->inputs.release,
		.cluster = b->cluster,
		.node = p->node,
		.cluster_id = b->state.id,
		.base_disk_id = b->base_table.disk_id,
		.disk_id = p->disk_id,
		.login = &b->inputs.login,
		.ssh_key = &b->inputs.ssh_key,
		.wifi = wifi->ssid ? wifi : NULL,
	};
}

/* The system itself: what depends on the release. */
static int patch_system(struct paint *p, struct err *e)
{
	struct wifi wifi = wifi_of(p);
	struct edit x = edit_of(p, &wifi);

	return patch_all(&x, e);
}

static int put_hosts(struct paint *p, struct err *e)
{
	struct wifi wifi = wifi_of(p);
	struct edit x = edit_of(p, &wifi);

	return patch_hosts(&x, e);
}

static int patch_node(struct paint *p, struct err *e)
{
	struct wifi wifi = wifi_of(p);
	struct edit x = edit_of(p, &wifi);

	return patch_own(&x, e);
}

static int put_overlays(struct paint *p, struct err *e)
{
	return overlay_put(p->b, p->node, p->fs, e);
}

struct painter {
	unsigned roles;
	unsigned what; /* enum painting: when it runs */
	int (*run)(struct paint *p, struct err *e);
};

#define OF_ALL (PAINT_CARD | PAINT_ALL)
#define OF_NODE (PAINT_CARD | PAINT_NODE)

static const struct painter painters[] = {
	{~0u, OF_ALL, patch_system},
	{~0u, PAINT_NODE, patch_node},
	{~0u, OF_ALL, put_version},
	{~0u, OF_ALL, put_secret},
	{~0u, OF_ALL, put_apply_key},
	{~0u, OF_NODE, put_fixed},
	{~0u, OF_NODE | PAINT_LIVE, put_hosts},
	{~0u, OF_NODE | PAINT_LIVE, put_node_conf},
	{RUNS_NEO4J, OF_NODE | PAINT_LIVE, put_neo4j},
	{ROLE_DATA, OF_NODE, put_neo4j_password},
	{ROLE_PROXY, OF_NODE | PAINT_LIVE, put_proxy_conf},
	{ROLE_PROXY, OF_NODE | PAINT_LIVE, put_tls},
	{ROLE_PROXY, OF_NODE, put_stats_password},
	{~0u, OF_NODE, put_avahi_service},
	{~0u, OF_ALL, put_settings_template},
	{~0u, PAINT_ALL, enable_first_units},
	{~0u, OF_NODE, enable_units},
	{~0u, OF_NODE | PAINT_LIVE, put_overlays},
};

static bool is_live(const struct painter *painter)
{
	return painter->what & PAINT_LIVE;
}

static int run_painter(
	struct paint *p, const struct painter *painter, enum painting what, struct err *e)
{
	bool wanted = (painter->what & what) && (painter->roles & p->node->roles);

	return wanted ? painter->run(p, e) : 0;
}

/*
 * What `bramble-agent enact` would have left of this generation: so the next one knows what to
 * take away, and the agent what is there.
 */
struct record {
	struct ext4 *fs;
	json_t *files; /* by path */
	bool live;     /* what is put now is of it */
	ext4_watch_fn *fn;
	void *arg; /* who wants to hear of all paths; NULL: nobody */
};

static void record_path(void *arg, const char *path)
{
	struct record *r = arg;
	_cleanup_free_ char *real = r->live ? overlay_real_path(r->fs, path) : NULL;

	if (real && ext4_kind(r->fs, real) != EXT4_DIR)
		json_object_set_new(r->files, real, json_true());
	if (r->fn)
		r->fn(r->arg, path);
}

/* Of a link, and of what is too large for ext4_read, there is none. */
static void digest_of(const struct record *r, const char *path, char hex[GENERATION_DIGEST])
{
	_cleanup_buf_ struct buf text = {0};
	struct err ignored;

	hex[0] = '\0';
	if (ext4_kind(r->fs, path) == EXT4_FILE && ext4_read(r->fs, path, &text, &ignored) == 0)
		generation_digest(buf_str(&text), text.len, hex);
}

static int put_record(struct paint *p, const struct record *r, struct err *e)
{
	const struct ext4_owner owner = {.gid = AGENT_UID, .mode = 0640};
	json_t *list = json_array(), *ignored;
	char hex[GENERATION_DIGEST];
	const char *path;

	for (char **j = p->b->inputs.plugins; (p->node->roles & RUNS_NEO4J) && *j; j++) {
		_cleanup_free_ char *dir = neo4j_plugins_dir(p->b);
		_cleanup_free_ char *jar = xasprintf("%s/%s", dir, basename(*j));
		json_object_set_new(r->files, jar, json_true());
	}
	json_object_foreach(r->files, path, ignored)
	{
		digest_of(r, path, hex);
		json_array_append_new(list, json_pack("{s:s, s:s}", "path", path, "digest", hex));
	}
	json_t *json =
		json_pack("{s:i, s:o}", "generation", (int)p->b->state.generation, "files", list);
	_cleanup_free_ char *dump = json ? json_dumps(json, JSON_COMPACT) : NULL;
	json_decref(json);
	if (!dump)
		return err_set(e, "installed.json: out of memory");
	return ext4_write(p->fs, "/var/lib/bramble/installed.json", dump, strlen(dump), owner, e);
}

static int paint(struct paint *p, struct record *r, enum painting what, struct err *e)
{
	ext4_watch(p->fs, record_path, r);
	for (size_t i = 0; i < ARRAY_SIZE(painters); i++) {
		r->live = is_live(&painters[i]);
		if (run_painter(p, &painters[i], what, e) < 0)
			return -1;
	}
	r->live = false;
	return what & OF_NODE ? put_record(p, r, e) : 0;
}

int node_render(struct build *b, const struct node *n, struct ext4 *fs, enum painting what,
	ext4_watch_fn *fn, void *arg, struct err *e)
{
	struct paint p = {.b = b, .node = n, .fs = fs};
	struct record r = {.fs = fs, .files = json_object(), .fn = fn, .arg = arg};
	int rc = paint(&p, &r, what, e);

	json_decref(r.files);
	ext4_watch(fs, NULL, NULL);
	return rc;
}

static enum painting painting_of(const struct paint *p)
{
	return node_is_all(p->b->cluster, p->node) ? PAINT_ALL : PAINT_CARD;
}

static int edit_root(struct paint *p, struct err *e)
{
	_cleanup_ext4_ struct ext4 *fs = ext4_open(p->image, p->b->table.part[1].start, e);

	if (!fs)
		return -1;
	p->fs = fs;
	struct record r = {.fs = fs, .files = json_object()};
	int rc = paint(p, &r, painting_of(p), e);
	json_decref(r.files);
	return rc < 0 ? -1 : ext4_close(&fs, e);
}

/* p3 with the marker the agent wants to see before it writes anything there. */
static int make_data_partition(struct paint *p, struct err *e)
{
	const struct extent *x = &p->b->table.part[2];
	/* The agent adds files to the top and replaces its own, nobody else's (S_ISVTX). */
	struct ext4_owner top = {.gid = AGENT_UID, .mode = 01775};
	struct ext4_owner agent = {.uid = AGENT_UID, .gid = AGENT_UID, .mode = 0644};
	struct ext4_owner neo4j = {.uid = NEO4J_UID, .gid = NEO4J_UID, .mode = 0755};
	bool restored = p->b->restore && (p->node->roles & ROLE_DATA);
	_cleanup_buf_ struct buf marker = {0};
	uint8_t uuid[16];

	hash_derive(uuid, sizeof(uuid), p->b->state.id, "data-uuid", p->node->name);
	if (ext4_format(p->image, x->start, x->size, "bramble-data", uuid, e) < 0)
		return -1;
	_cleanup_ext4_ struct ext4 *fs = ext4_open(p->image, x->start, e);
	if (!fs)
		return -1;
	buf_printf(&marker, "cluster = \"%s\"\nnode = \"%s\"\nlayout = 1\nstate = \"%s\"\n",
		p->b->state.id, painting_of(p) == PAINT_ALL ? "" : p->node->name,
		restored ? "restore" : "virgin");
	if (ext4_mkdir(fs, "/.", top, e) < 0 ||
		ext4_write(fs, "/bramble.marker", marker.data, marker.len, agent, e) < 0)
		return -1;
	if ((p->node->roles & RUNS_NEO4J) && ext4_mkdir(fs, "/neo4j", neo4j, e) < 0)
		return -1;
	if ((p->node->roles & ROLE_DATA) && neo4j_auth_put_data(p->b, p->node, fs, e) < 0)
		return -1;
	if (restored && restore_store_put(p->b, fs, e) < 0)
		return -1;
	return ext4_close(&fs, e);
}

int node_finish(struct build *b, const struct node *n, const char *image, struct err *e)
{
	struct table t = b->table;
	uint8_t id[4];

	hash_derive(id, sizeof(id), b->state.id, "disk-id", n->name);
	memcpy(&t.disk_id, id, sizeof(id));
	t.disk_id |= 1; /* 0 means "none" to the kernel */
	struct paint p = {.b = b, .node = n, .image = image, .disk_id = t.disk_id};
	if (table_write(image, &t, e) < 0 || edit_root(&p, e) < 0)
		return -1;
	if (painting_of(&p) == PAINT_ALL && identical_put(b, image, e) < 0)
		return -1;
	return make_data_partition(&p, e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "dpkg.h"
#include "fetch/catalogue.h"
#include "image/ext4.h"
#include "inputs.h"
#include "io.h"
#include "java_archive.h"
#include "neo4j_archive.h"
#include "plugin.h"
#include "wifi_text.h"

#define TWIN_BASE "bookworm-amd64.img.zst"
#define SSH_KEY_MAX 16384
#define PASSPHRASE_FILE_MAX 128

/* 1: a name of the catalogue, *path is where its file is or will be; 0: it is none. */
static int find_in_catalogue(const char *name, char **path, struct err *e)
{
	_cleanup_catalogue_ struct catalogue c = {0};
	_cleanup_free_ char *dir = inputs_dir();

	if (catalogue_load(&c, dir, e) < 0)
		return -1;
	const struct catalogue_entry *x = catalogue_find(&c, name);
	if (x)
		*path = xasprintf("%s/%s", dir, x->file);
	return x != NULL;
}

static int need_fetched(
	const struct cluster *c, const char *key, const char *name, char **path, struct err *e)
{
	_cleanup_free_ char *file = NULL;
	int known = find_in_catalogue(name, &file, e);

	if (known <= 0)
		return known;
	if (!input_is(file, S_IFREG))
		return err_code(e, EXIT_INPUT,
			"%s: %s = \"%s\": it was not fetched yet; bramble fetch %s downloads it",
			c->path, key, name, name);
	*path = steal(&file);
	return 0;
}

static int need_input(const struct cluster *c, const char *key, const char *name, mode_t type,
	char **path, struct err *e)
{
	_cleanup_free_ char *dir = inputs_dir();

	*path = input_look(c, name, type);
	if (!*path && type == S_IFREG && need_fetched(c, key, name, path, e) < 0)
		return -1;
	if (*path)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: %s = \"%s\": no such %s beside it or in %s ("
		"images/inputs.sh pi, make inputs and bramble fetch fill that folder)",
		c->path, key, name, type == S_IFDIR ? "folder" : "file", dir);
}

/* What cluster.conf does not say: HA as long as there was one, then a cluster if there can be. */
static enum neo4j_mode default_mode(const struct cluster *c, const struct inputs *in)
{
	unsigned version;

	if (in->neo4j_community && cluster_count(c, ROLE_DATA) == 1)
		return NEO4J_SINGLE;
	if (neo4j_version_parse(in->neo4j_version, &version) < 0 || version < NEO4J_VERSION(4, 0))
		return NEO4J_HA;
	return cluster_count(c, ROLE_DATA) == 1 ? NEO4J_SINGLE : NEO4J_CAUSAL;
}

/*
 * A vote without a store: HA alone has that. With two of them a majority of the votes need not have
 * what was written to a majority of the data nodes.
 */
static int check_arbiters(const struct cluster *c, const struct inputs *in, struct err *e)
{
	const struct neo4j_profile *p = &in->profile;
	const char *program = neo4j_profile_arbiter(p);

	if (!cluster_count(c, ROLE_ARBITER))
		return 0;
	if (!program)
		return err_code(e, EXIT_CONFIG,
			"%s: an arbiter is for HA of Neo4j 2.2 to 3.5, this is %s in mode %s; make "
			"it a data node",
			c->path, in->neo4j_version, neo4j_mode_name(p->mode));
	if (cluster_count(c, ROLE_ARBITER) > 1)
		return err_code(e, EXIT_CONFIG,
			"%s: a cluster has one arbiter at most, for it holds nothing; make the "
			"others data nodes",
			c->path);
	return neo4j_archive_check(in->neo4j, program, e);
}

/* Only HA's addresses are put in before each start (bramble-agent hosts). */
static int check_addresses(const struct cluster *c, const struct inputs *in, struct err *e)
{
	enum neo4j_mode mode = in->profile.mode;

	if (c->network.mode == NETCONF_STATIC || mode == NEO4J_HA || mode == NEO4J_SINGLE)
		return 0;
	return err_code(e, EXIT_CONFIG,
		"%s: Neo4j %s in mode %s needs addresses that never change: network { mode = "
		"\"static\" }",
		c->path, in->neo4j_version, neo4j_mode_name(mode));
}

/* A node that only proxies has no Neo4j. */
static int check_memory(const struct cluster *c, const struct inputs *in, struct err *e)
{
	unsigned heap, pagecache;

	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = &c->nodes[i];
		if ((n->roles & (ROLE_DATA | ROLE_ARBITER)) &&
			neo4j_memory(&in->profile, n->memory_mb, &heap, &pagecache, e) < 0)
			return err_prefix(e, "%s: node \"%s\": memory_mb", c->path, n->name);
	}
	return 0;
}

static int look_into_neo4j(const struct cluster *c, struct inputs *in, struct err *e)
{
	_cleanup_neo4j_archive_ struct neo4j_archive n = {0};
	enum neo4j_mode mode;

	if (neo4j_archive_look(in->neo4j, &n, e) < 0)
		return -1;
	in->neo4j_community = n.community;
	in->neo4j_version = steal(&n.version);
	if (!c->neo4j_mode)
		mode = default_mode(c, in);
	else if (neo4j_mode_parse(c->neo4j_mode, &mode) < 0)
		return err_code(e, EXIT_CONFIG,
			"%s: neo4j_mode = \"%s\" is none of ha, causal, single", c->path,
			c->neo4j_mode);
	if (neo4j_profile_find(in->neo4j_version, n.community, mode, cluster_count(c, ROLE_DATA),
		    &in->profile, e) < 0)
		return err_prefix(e, "%s: neo4j = \"%s\"", c->path, c->neo4j);
	if (check_arbiters(c, in, e) < 0 || check_addresses(c, in, e) < 0)
		return -1;
	return check_memory(c, in, e);
}

/* The mistake that matters: the private half would be on every card. */
static int read_ssh_key(const struct cluster *c, struct inputs *in, struct err *e)
{
	const char *path = c->access.ssh_key;

	if (!path)
		return 0;
	if (!input_is(path, S_IFREG))
		return err_code(e, EXIT_CONFIG, "%s: access: ssh_key = \"%s\": no such file",
			c->path, path);
	if (io_read_file(path, SSH_KEY_MAX, &in->ssh_key, e) < 0)
		return err_prefix(e, "%s: access: ssh_key", c->path);
	const char *text = buf_str(&in->ssh_key);
	if (strstr(text, "PRIVATE KEY"))
		return err_code(e, EXIT_CONFIG,
			"%s: access: ssh_key = \"%s\" is a private key; the public one is wanted",
			c->path, path);
	if (strlen(text) != in->ssh_key.len || (!strstr(text, "ssh-") && !strstr(text, "ecdsa-")))
		return err_code(e, EXIT_CONFIG, "%s: access: ssh_key = \"%s\" is no public key",
			c->path, path);
	if (!str_ends(text, "\n"))
		buf_puts(&in->ssh_key, "\n");
	return 0;
}

/* Like ssh with its keys: what others on this machine may read is no secret. */
static int check_private(const struct cluster *c, const char *what, const char *path, struct err *e)
{
	struct stat st;

	if (!input_is(path, S_IFREG) || stat(path, &st) < 0)
		return err_code(
			e, EXIT_CONFIG, "%s: %s = \"%s\": no such file", c->path, what, path);
	if (!(st.st_mode & 077))
		return 0;
	return err_code(e, EXIT_CONFIG,
		"%s: %s = \"%s\": others may read it (mode %03o); chmod 600 it", c->path, what,
		path, st.st_mode & 0777);
}

static int read_passphrase(const struct cluster *c, struct inputs *in, struct err *e)
{
	const char *path = c->wifi.passphrase_file;

	if (!path)
		return 0;
	if (check_private(c, "wifi: passphrase_file", path, e) < 0)
		return -1;
	if (io_read_file(path, PASSPHRASE_FILE_MAX, &in->passphrase, e) < 0)
		return err_prefix(e, "%s: wifi: passphrase_file", c->path);
	if (str_ends(buf_str(&in->passphrase), "\n"))
		in->passphrase.data[--in->passphrase.len] = '\0';
	if (wifi_check_passphrase(&in->passphrase, e) < 0)
		return err_prefix(e, "%s: wifi: passphrase_file = \"%s\"", c->path, path);
	return 0;
}

static int read_tls(const struct cluster *c, struct inputs *in, struct err *e)
{
	_cleanup_free_ char *certificate = NULL, *key = NULL;

	if (c->tls.mode != TLS_FILES)
		return 0;
	if (need_input(c, "tls: certificate", c->tls.certificate, S_IFREG, &certificate, e) < 0 ||
		need_input(c, "tls: key", c->tls.key, S_IFREG, &key, e) < 0 ||
		check_private(c, "tls: key", key, e) < 0)
		return -1;
	return credentials_read(certificate, key, time(NULL), &in->tls, e) < 0
		       ? err_prefix(e, "%s: tls", c->path)
		       : 0;
}

/* A package is a file or a folder of them; an overlay is a folder. */
static int find_lists(const struct cluster *c, struct inputs *in, struct err *e)
{
	in->packages = xcalloc(c->npackages + 1, sizeof(*in->packages));
	in->overlays = xcalloc(c->noverlays + 1, sizeof(*in->overlays));
	for (size_t i = 0; i < c->npackages; i++) {
		in->packages[i] = input_look(c, c->packages[i], S_IFDIR);
		if (!in->packages[i] &&
			need_input(c, "packages", c->packages[i], S_IFREG, &in->packages[i], e) < 0)
			return -1;
	}
	for (size_t i = 0; i < c->noverlays; i++) {
		if (need_input(c, "overlay", c->overlays[i].dir, S_IFDIR, &in->overlays[i], e) < 0)
			return -1;
	}
	return 0;
}

static int find_plugins(const struct cluster *c, struct inputs *in, struct err *e)
{
	in->plugins = xcalloc(c->nplugins + 1, sizeof(*in->plugins));
	for (size_t i = 0; i < c->nplugins; i++) {
		if (need_input(c, "plugins", c->plugins[i], S_IFREG, &in->plugins[i], e) < 0)
			return -1;
		if (plugin_check(in->plugins[i], e) < 0)
			return err_prefix(e, "%s: plugins", c->path);
	}
	return 0;
}

static void free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

int inputs_find(const struct cluster *c, bool twin, struct inputs *in, struct err *e)
{
	in->twin = twin;
	if (need_input(c, "base", twin ? TWIN_BASE : c->base, S_IFREG, &in->base, e) < 0 ||
		need_input(c, "neo4j", c->neo4j, S_IFREG, &in->neo4j, e) < 0 ||
		find_lists(c, in, e) < 0 || find_plugins(c, in, e) < 0 ||
		read_ssh_key(c, in, e) < 0 || read_passphrase(c, in, e) < 0 ||
		read_tls(c, in, e) < 0)
		return -1;
	return look_into_neo4j(c, in, e);
}

/* The architecture of the shell, which every root has. */
static int detect_arch(struct ext4 *fs, const char *image, enum arch *arch, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};
	unsigned machine;

	if (ext4_read(fs, "/bin/sh", &b, e) < 0)
		return err_prefix(e, "the root partition holds no system");
	*arch = arch_of_elf(b.data, b.len, &machine);
	if (*arch)
		return 0;
	if (!machine)
		return err_code(e, EXIT_INPUT, "%s: /bin/sh is no program", image);
	return err_code(e, EXIT_INPUT, "%s: made for no machine bramble knows (ELF machine %u)",
		image, machine);
}

/* Packages that hold a Java, and where its version is in their names. */
static const char *const java_packages[] = {
	"openjdk-%u-jre-headless%n",
	"oracle-java%u-jdk%n",
	"temurin-%u-jre%n",
	"temurin-%u-jdk%n",
	"zulu%u-jre-headless%n",
	"bellsoft-java%u-runtime%n",
};

static unsigned major_of_package(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(java_packages); i++) {
		unsigned major = 0;
		int end = 0;
		if (sscanf(name, java_packages[i], &major, &end) == 1 && end && !name[end])
			return major;
	}
	return 0;
}

static void note_java(struct inputs *in, const char *package)
{
	unsigned major = package ? major_of_package(package) : 0;

	if (major > in->java_major)
		in->java_major = major;
}

static int note_base_java(struct ext4 *fs, struct inputs *in, struct err *e)
{
	_cleanup_dpkg_ struct dpkg d = {0};

	if (dpkg_load(&d, fs, arch_name(in->arch), e) < 0)
		return -1;
	for (size_t i = 0; i < d.n; i++)
		note_java(in, d.packages[i].name);
	return 0;
}

int inputs_packages(const struct cluster *c, const struct inputs *in, struct ext4 *fs,
	struct deb_set *set, struct err *e)
{
	for (size_t i = 0; i < c->npackages; i++) {
		if (deb_set_add(set, in->packages[i], e) < 0)
			return -1;
	}
	return deb_set_check(set, NULL, fs, arch_name(in->arch), e);
}

static int look_into_packages(
	const struct cluster *c, struct ext4 *fs, const struct inputs *in, struct err *e)
{
	_cleanup_deb_set_ struct deb_set set = {0};

	return inputs_packages(c, in, fs, &set, e);
}

static int look_into_java_set(
	const struct cluster *c, struct ext4 *fs, struct inputs *in, struct err *e)
{
	_cleanup_deb_set_ struct deb_set set = {0}, packages = {0};

	if (inputs_packages(c, in, fs, &packages, e) < 0 || deb_set_add(&set, in->java, e) < 0 ||
		deb_set_check(&set, &packages, fs, arch_name(in->arch), e) < 0)
		return -1;
	for (size_t i = 0; i < set.n; i++)
		note_java(in, set.debs[i].package);
	/* What the base has too is not taken from the set. */
	if (!in->java_major && note_base_java(fs, in, e) < 0)
		return -1;
	if (in->java_major)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: holds no openjdk-N-jre-headless .deb", in->java);
}

static int look_into_java_archive(struct inputs *in, struct err *e)
{
	struct java_archive j = {0};

	if (java_archive_look(in->java, &j, e) < 0)
		return -1;
	in->java_is_archive = true;
	in->java_major = j.major;
	memcpy(in->java_version, j.version, sizeof(in->java_version));
	if (j.arch == in->arch)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: is Java for %s, but the base image is %s", in->java,
		arch_name(j.arch), arch_name(in->arch));
}

static bool is_archive_name(const char *name)
{
	static const char *const endings[] = {".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".zip"};

	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		if (str_ends(name, endings[i]))
			return true;
	}
	return false;
}

/* java = "NAME": an archive or an archive's name in the catalogue, the folder NAME itself, or
 * NAME-ARCH.debs of the inputs folder. */
static int find_java(const struct cluster *c, struct ext4 *fs, struct inputs *in, struct err *e)
{
	_cleanup_free_ char *set = xasprintf("%s-%s.debs", c->java, arch_name(in->arch));
	_cleanup_free_ char *file = NULL;
	int known = find_in_catalogue(c->java, &file, e);

	if (known < 0)
		return -1;
	if (known || is_archive_name(c->java)) {
		if (need_input(c, "java", c->java, S_IFREG, &in->java, e) < 0)
			return -1;
		return look_into_java_archive(in, e);
	}
	in->java = input_look(c, c->java, S_IFDIR);
	if (!in->java && need_input(c, "java", set, S_IFDIR, &in->java, e) < 0)
		return -1;
	return look_into_java_set(c, fs, in, e);
}

static int find_base_java(
	const struct cluster *c, struct ext4 *fs, struct inputs *in, struct err *e)
{
	if (note_base_java(fs, in, e) < 0)
		return -1;
	if (in->java_major)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: java = \"base\", but the base image carries no Java (Raspberry Pi OS Lite has "
		"none); write java = \"openjdk-17-jre-headless\" and run images/inputs.sh pi",
		c->path);
}

/* A user the base does not have is made by a patch: with this number and home. */
static int plan_login(const struct cluster *c, struct ext4 *fs, struct inputs *in, struct err *e)
{
	unsigned number;

	if (account_free_number(fs, &number, e) < 0)
		return -1;
	in->login = (struct account){number, number, xasprintf("/home/%s", c->access.user)};
	return 0;
}

static int find_login(const struct cluster *c, struct ext4 *fs, struct inputs *in, struct err *e)
{
	if (!in->ssh_key.len)
		return 0;
	int rc = account_find(fs, c->access.user, &in->login, e);
	if (rc <= 0)
		return rc < 0 ? -1 : plan_login(c, fs, in, e);
	if (in->login.home[0] == '/' && in->login.home[1] && ext4_is_dir(fs, in->login.home))
		return 0;
	return err_code(e, EXIT_CONFIG, "%s: access: user \"%s\" has no home in the base image",
		c->path, c->access.user);
}

/* A filesystem that goes on behind its partition would lose that part. */
static int check_size(struct ext4 *fs, const char *image, const struct extent *root, struct err *e)
{
	uint64_t used, size;

	ext4_usage(fs, &used, &size);
	if (size <= root->size)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: its ext4 has %llu bytes, its partition %llu", image,
		(unsigned long long)size, (unsigned long long)root->size);
}

static int find_release(const struct cluster *c, struct ext4 *fs, const char *image,
	struct inputs *in, struct err *e)
{
	struct table t;

	if (table_read_base(image, &t, e) < 0)
		return -1;
	const struct boot boot = {image, t.part[0].start};
	if (release_detect(fs, &boot, t.disk_id, in->force_release, &in->release, e) < 0)
		return err_prefix(e, "%s", in->base);
	if (!c->wifi.ssid || in->release.wifi)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: wifi: the base image has no wpa_supplicant", c->path);
}

/* A twin's base is amd64 by intent. */
static int check_boards(const struct cluster *c, const struct inputs *in, struct err *e)
{
	for (size_t i = 0; i < c->nnodes && !in->twin; i++) {
		const struct node *n = &c->nodes[i];
		if (n->board && pi_check_base(n->board, in->arch, in->release.version,
					in->release.name, e) < 0)
			return err_prefix(e, "%s: node \"%s\": board \"%s\"", c->path, n->name,
				n->board->name);
	}
	return 0;
}

int inputs_check_root(const char *base, const char *image, const struct extent *root, struct err *e)
{
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(image, root->start, e);

	if (!fs || check_size(fs, base, root, e) < 0)
		return -1;
	return ext4_check(image, root->start, e) < 0 ? err_prefix(e, "%s", base) : 0;
}

int inputs_look_into(const struct cluster *c, const char *image, const struct extent *root,
	struct inputs *in, struct err *e)
{
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(image, root->start, e);

	if (!fs)
		return -1;
	if (detect_arch(fs, in->base, &in->arch, e) < 0 || find_release(c, fs, image, in, e) < 0 ||
		check_boards(c, in, e) < 0)
		return -1;
	if (look_into_packages(c, fs, in, e) < 0)
		return -1;
	int rc = strcmp(c->java, "base") == 0 ? find_base_java(c, fs, in, e)
					      : find_java(c, fs, in, e);
	if (rc < 0)
		return -1;
	if (neo4j_check_java(&in->profile, in->java_major, e) < 0)
		return err_prefix(e, "%s: java = \"%s\"", c->path, c->java);
	return find_login(c, fs, in, e);
}

void inputs_free(struct inputs *in)
{
	free(in->base);
	free(in->neo4j);
	free(in->java);
	free_list(in->packages);
	free_list(in->overlays);
	free_list(in->plugins);
	free(in->neo4j_version);
	buf_free(&in->ssh_key);
	if (in->passphrase.data)
		explicit_bzero(in->passphrase.data, in->passphrase.cap);
	buf_free(&in->passphrase);
	credentials_free(&in->tls);
	release_free(&in->release);
	account_free(&in->login);
}

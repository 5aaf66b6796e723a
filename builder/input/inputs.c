/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include "archive.h"
#include "image/ext4.h"
#include "inputs.h"
#include "io.h"
#include "release/wifi.h"

#define TWIN_BASE "bookworm-amd64.img.zst"
#define SSH_KEY_MAX 16384
#define PASSPHRASE_FILE_MAX 128
#define NEO4J_PREFIX "neo4j-enterprise-"

struct arch_row {
	enum arch arch;
	const char *name;
	unsigned char elf_class;
	uint16_t elf_machine;
};

static const struct arch_row arches[] = {
	{ARCH_AMD64, "amd64", ELFCLASS64, EM_X86_64},
	{ARCH_ARM64, "arm64", ELFCLASS64, EM_AARCH64},
	{ARCH_ARMHF, "armhf", ELFCLASS32, EM_ARM},
};

const char *arch_name(enum arch a)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (arches[i].arch == a)
			return arches[i].name;
	}
	return "unknown";
}

char *cache_dir(void)
{
	const char *own = getenv("BRAMBLE_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (own && *own)
		return xstrdup(own);
	if (xdg && *xdg)
		return xasprintf("%s/bramble", xdg);
	return xasprintf("%s/.cache/bramble", home && *home ? home : "/root");
}

static char *inputs_dir(void)
{
	const char *own = getenv("BRAMBLE_INPUTS");
	_cleanup_free_ char *cache = cache_dir();

	return own && *own ? xstrdup(own) : xasprintf("%s/inputs", cache);
}

/* Only files are read and only folders listed: a pipe or a device would never end. */
static bool is_input(const char *path, mode_t type)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == type && access(path, R_OK) == 0;
}

static char *find_input(const struct cluster *c, const char *name, mode_t type)
{
	_cleanup_free_ char *copy = xstrdup(c->path);
	_cleanup_free_ char *dir = inputs_dir();
	char *candidates[] = {
		name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", dirname(copy), name),
		xasprintf("%s/%s", dir, name),
	};
	char *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		if (!found && is_input(candidates[i], type))
			found = candidates[i];
		else
			free(candidates[i]);
	}
	return found;
}

static int need_input(const struct cluster *c, const char *key, const char *name, mode_t type,
	char **path, struct err *e)
{
	_cleanup_free_ char *dir = inputs_dir();

	*path = find_input(c, name, type);
	if (*path)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: %s = \"%s\": no such %s beside it or in %s (make inputs fills that folder)",
		c->path, key, name, type == S_IFDIR ? "folder" : "file", dir);
}

/* It becomes part of paths and of node.conf. */
static bool is_version(const char *s)
{
	return *s &&
	       s[strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+~")] ==
		       '\0';
}

static int read_neo4j_version(const struct cluster *c, struct inputs *in, struct err *e)
{
	_cleanup_free_ char *top = archive_top_folder(in->neo4j, e);

	if (!top)
		return -1;
	if (!str_starts(top, NEO4J_PREFIX) || !is_version(top + strlen(NEO4J_PREFIX)))
		return err_code(e, EXIT_INPUT,
			"%s: its top folder is not " NEO4J_PREFIX
			"VERSION; clusters need Neo4j Enterprise",
			in->neo4j);
	in->neo4j_version = xstrdup(top + strlen(NEO4J_PREFIX));
	in->profile = neo4j_profile_find(in->neo4j_version);
	if (!in->profile)
		return err_code(e, EXIT_INPUT, "%s: neo4j = \"%s\": version %s has no profile here",
			c->path, c->neo4j, in->neo4j_version);
	return 0;
}

/* The mistake that matters: the private half would be on every card. */
static int read_ssh_key(const struct cluster *c, struct inputs *in, struct err *e)
{
	const char *path = c->access.ssh_key;

	if (!path)
		return 0;
	if (!is_input(path, S_IFREG))
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
static int check_private(const struct cluster *c, const char *path, struct err *e)
{
	struct stat st;

	if (!is_input(path, S_IFREG) || stat(path, &st) < 0)
		return err_code(e, EXIT_CONFIG, "%s: wifi: passphrase_file = \"%s\": no such file",
			c->path, path);
	if (!(st.st_mode & 077))
		return 0;
	return err_code(e, EXIT_CONFIG,
		"%s: wifi: passphrase_file = \"%s\": others may read it (mode %03o); chmod 600 it",
		c->path, path, st.st_mode & 0777);
}

static int read_passphrase(const struct cluster *c, struct inputs *in, struct err *e)
{
	const char *path = c->wifi.passphrase_file;

	if (!path)
		return 0;
	if (check_private(c, path, e) < 0)
		return -1;
	if (io_read_file(path, PASSPHRASE_FILE_MAX, &in->passphrase, e) < 0)
		return err_prefix(e, "%s: wifi: passphrase_file", c->path);
	if (str_ends(buf_str(&in->passphrase), "\n"))
		in->passphrase.data[--in->passphrase.len] = '\0';
	if (wifi_check_passphrase(&in->passphrase, e) < 0)
		return err_prefix(e, "%s: wifi: passphrase_file = \"%s\"", c->path, path);
	return 0;
}

int inputs_find(const struct cluster *c, bool twin, struct inputs *in, struct err *e)
{
	if (need_input(c, "base", twin ? TWIN_BASE : c->base, S_IFREG, &in->base, e) < 0 ||
		need_input(c, "neo4j", c->neo4j, S_IFREG, &in->neo4j, e) < 0 ||
		read_ssh_key(c, in, e) < 0 || read_passphrase(c, in, e) < 0)
		return -1;
	return read_neo4j_version(c, in, e);
}

/* The architecture of the shell, which every root has. */
static int detect_arch(struct ext4 *fs, const char *image, enum arch *arch, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};
	Elf32_Ehdr h;

	if (ext4_read(fs, "/bin/sh", &b, e) < 0)
		return err_prefix(e, "the root partition holds no system");
	if (b.len < sizeof(h) || memcmp(b.data, ELFMAG, SELFMAG) != 0)
		return err_code(e, EXIT_INPUT, "%s: /bin/sh is no program", image);
	memcpy(&h, b.data, sizeof(h)); /* class and machine lie alike in both classes */
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++) {
		if (h.e_ident[EI_CLASS] == arches[i].elf_class &&
			h.e_machine == arches[i].elf_machine) {
			*arch = arches[i].arch;
			return 0;
		}
	}
	return err_code(e, EXIT_INPUT, "%s: made for no machine bramble knows (ELF machine %u)",
		image, h.e_machine);
}

/* "openjdk-17-jre-headless..." -> 17 */
static unsigned major_of_package(const char *name)
{
	unsigned major = 0;
	int end = 0;

	if (sscanf(name, "openjdk-%u-jre-headless%n", &major, &end) != 1 || !end)
		return 0;
	return major;
}

static int check_deb_name(const struct inputs *in, const char *name, struct err *e)
{
	const char *arch = strrchr(name, '_');
	_cleanup_free_ char *own = xasprintf("_%s.deb", arch_name(in->arch));

	if (arch && (strcmp(arch, own) == 0 || strcmp(arch, "_all.deb") == 0))
		return 0;
	return err_code(e, EXIT_INPUT, "%s/%s: is not for %s, the base image's architecture",
		in->java, name, arch_name(in->arch));
}

static int look_into_java_set(struct inputs *in, struct err *e)
{
	DIR *d = opendir(in->java);
	int rc = 0;

	if (!d)
		return err_errno(e, "%s", in->java);
	for (struct dirent *de; rc == 0 && (de = readdir(d));) {
		if (!str_ends(de->d_name, ".deb"))
			continue;
		rc = check_deb_name(in, de->d_name, e);
		if (major_of_package(de->d_name) > in->java_major)
			in->java_major = major_of_package(de->d_name);
	}
	closedir(d);
	if (rc == 0 && !in->java_major)
		return err_code(
			e, EXIT_INPUT, "%s: holds no openjdk-N-jre-headless .deb", in->java);
	return rc;
}

/* java = "NAME": the folder NAME itself, or NAME-ARCH.debs of the inputs folder. */
static int find_java_set(const struct cluster *c, struct inputs *in, struct err *e)
{
	_cleanup_free_ char *set = xasprintf("%s-%s.debs", c->java, arch_name(in->arch));

	in->java = find_input(c, c->java, S_IFDIR);
	if (!in->java && need_input(c, "java", set, S_IFDIR, &in->java, e) < 0)
		return -1;
	return look_into_java_set(in, e);
}

static int find_base_java(
	const struct cluster *c, struct ext4 *fs, struct inputs *in, struct err *e)
{
	_cleanup_buf_ struct buf status = {0};

	if (ext4_exists(fs, "/var/lib/dpkg/status") &&
		ext4_read(fs, "/var/lib/dpkg/status", &status, e) < 0)
		return -1;
	for (const char *p = buf_str(&status); (p = strstr(p, "\nPackage: openjdk-")); p++) {
		unsigned major = major_of_package(p + strlen("\nPackage: "));
		if (major)
			in->java_major = major;
	}
	if (in->java_major)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: java = \"base\", but the base image carries no Java (Raspberry Pi OS Lite has "
		"none); write java = \"openjdk-17-jre-headless\" and run make inputs",
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

int inputs_look_into(const struct cluster *c, const char *image, const struct extent *root,
	struct inputs *in, struct err *e)
{
	_cleanup_ext4_ struct ext4 *fs = ext4_open_readonly(image, root->start, e);

	if (!fs || check_size(fs, in->base, root, e) < 0)
		return -1;
	if (ext4_check(image, root->start, e) < 0)
		return err_prefix(e, "%s", in->base);
	if (detect_arch(fs, in->base, &in->arch, e) < 0 || find_release(c, fs, image, in, e) < 0)
		return -1;
	int rc = strcmp(c->java, "base") == 0 ? find_base_java(c, fs, in, e)
					      : find_java_set(c, in, e);
	if (rc < 0)
		return -1;
	if (neo4j_check_java(in->profile, in->java_major, e) < 0)
		return err_prefix(e, "%s: java = \"%s\"", c->path, c->java);
	return find_login(c, fs, in, e);
}

void inputs_free(struct inputs *in)
{
	free(in->base);
	free(in->neo4j);
	free(in->java);
	free(in->neo4j_version);
	buf_free(&in->ssh_key);
	if (in->passphrase.data)
		explicit_bzero(in->passphrase.data, in->passphrase.cap);
	buf_free(&in->passphrase);
	release_free(&in->release);
	account_free(&in->login);
}

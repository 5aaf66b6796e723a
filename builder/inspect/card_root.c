/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What p2 and p3 say: release, identity, software, store. */
#include <string.h>
#include "card.h"
#include "elf_look.h"
#include "identical.h"
#include "release/release.h"

/* A whole file as a text, or NULL. */
static char *read_text(struct ext4 *fs, const char *path)
{
	_cleanup_buf_ struct buf b = {0};
	struct err ignored;

	if (!ext4_exists(fs, path) || ext4_read(fs, path, &b, &ignored) < 0 || !buf_ok(&b))
		return NULL;
	return xstrdup(buf_str(&b));
}

static char *first_line(struct ext4 *fs, const char *path)
{
	char *text = read_text(fs, path);

	if (text)
		text[strcspn(text, "\n")] = '\0';
	return text;
}

/* KEY=value or KEY="value" of a file such as os-release. */
static char *shell_value(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = text; p; p = strchr(p, '\n'), p += p != NULL) {
		if (strncmp(p, key, n) != 0 || p[n] != '=')
			continue;
		const char *v = p + n + 1 + (p[n + 1] == '"');
		return xstrndup(v, strcspn(v, "\"\n"));
	}
	return NULL;
}

/* A release nobody knows is no trouble here, it only has less to tell. */
static void recognise(struct card *c, struct ext4 *fs)
{
	const struct boot boot = {c->image, c->table.part[CARD_BOOT].at.start};
	struct release r = {0};
	struct err ignored;

	if (release_detect(fs, &boot, c->table.disk_id, NULL, &r, &ignored) == 0) {
		c->release.known_as = r.name;
		c->release.network = network_name(r.network);
	}
	release_free(&r);
}

static void read_release(struct card_release *r, struct ext4 *fs)
{
	_cleanup_free_ char *text = read_text(fs, "/etc/os-release");
	struct elf_look shell;
	struct err ignored;

	r->name = shell_value(text, "PRETTY_NAME");
	r->id = shell_value(text, "ID");
	r->version = shell_value(text, "VERSION_ID");
	r->image = first_line(fs, "/etc/rpi-issue");
	if (elf_look(fs, "/bin/sh", &shell, &ignored) == 0)
		r->arch = xstrdup(shell.arch);
}

static void read_identity(struct card_identity *id, struct ext4 *fs)
{
	_cleanup_free_ char *conf = read_text(fs, "/etc/bramble/node.conf");

	id->hostname = first_line(fs, "/etc/hostname");
	id->machine_id = first_line(fs, "/etc/machine-id");
	if (conf) {
		card_read_node_conf(id, conf);
		return;
	}
	_cleanup_free_ char *list = read_text(fs, IDENTICAL_LIST);
	if (list)
		card_read_identical(id, list);
}

/* "Package: openjdk-17-jre-headless" ... "Version: 17.0.1": the newest one installed. */
static char *java_package(const char *status)
{
	char *found = NULL;

	for (const char *p = status; (p = strstr(p, "Package: openjdk-")); p++) {
		const char *name = p + strlen("Package: ");
		const char *end = strstr(name, "\n\n"), *version = strstr(name, "\nVersion: ");
		int n = (int)strcspn(name, "\n");
		if (!version || (end && version > end) ||
			!memmem(name, (size_t)n, "-jre-headless", 13))
			continue;
		version += strlen("\nVersion: ");
		free(found);
		found = xasprintf("%.*s %.*s", n, name, (int)strcspn(version, "\n"), version);
	}
	return found;
}

/* A JRE that came as an archive is the one Neo4j runs on, whatever the base has; it tells itself.
 */
static char *java_archive(struct ext4 *fs)
{
	_cleanup_free_ char *text = read_text(fs, "/opt/java/release");

	return shell_value(text, "JAVA_VERSION");
}

static void read_software(struct card_software *s, struct ext4 *fs)
{
	_cleanup_free_ char *status = read_text(fs, "/var/lib/dpkg/status");
	_cleanup_buf_ struct buf link = {0};
	struct err ignored;

	s->bramble = first_line(fs, "/usr/lib/bramble/version");
	s->java = java_archive(fs);
	if (!s->java && status)
		s->java = java_package(status);
	if (ext4_kind(fs, "/opt/neo4j") != EXT4_LINK ||
		ext4_readlink(fs, "/opt/neo4j", &link, &ignored) < 0)
		return;
	const char *last = strrchr(buf_str(&link), '/');
	last = last ? last + 1 : buf_str(&link);
	s->neo4j = xstrdup(str_starts(last, "neo4j-") ? last + strlen("neo4j-") : last);
}

void card_read_root(struct card *c, struct ext4 *fs)
{
	read_release(&c->release, fs);
	if (c->fs[CARD_BOOT].kind == FS_FAT)
		recognise(c, fs);
	read_identity(&c->identity, fs);
	read_software(&c->software, fs);
}

/*
 * The file `neostore` of Neo4j 2 and 3 is records of nine bytes, one in-use byte and eight of
 * value. The fifth one is the store's format: from its last byte on a length and that many
 * characters (MetaDataStore.versionStringToLong).
 */
static char *store_format(struct ext4 *fs, const char *path)
{
	_cleanup_buf_ struct buf b = {0};
	struct err ignored;
	char text[8] = "";

	if (!ext4_exists(fs, path) || ext4_read(fs, path, &b, &ignored) < 0 || b.len < 5 * 9)
		return NULL;
	const uint8_t *last = (const uint8_t *)b.data + 5 * 9 - 1;
	if (*last < 1 || *last > 7)
		return NULL;
	for (unsigned i = 0; i < *last; i++) {
		if (last[-1 - (int)i] < ' ' || last[-1 - (int)i] > '~')
			return NULL;
		text[i] = (char)last[-1 - (int)i];
	}
	return xstrdup(text);
}

void card_read_data(struct card *c, struct ext4 *fs)
{
	static const char *const stores[] = {
		"/neo4j/data/databases/graph.db/neostore", /* 3.x */
		"/neo4j/data/databases/neo4j/neostore",    /* 4.x */
		"/neo4j/data/graph.db/neostore",           /* 2.x */
	};
	_cleanup_free_ char *marker = read_text(fs, "/bramble.marker");

	if (marker)
		card_read_marker(&c->data, marker);
	c->data.store_size = ext4_tree_size(fs, "/neo4j");
	for (size_t i = 0; i < ARRAY_SIZE(stores) && !c->data.store_format; i++)
		c->data.store_format = store_format(fs, stores[i]);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stage java: a set of .deb files unpacked and entered into dpkg's own books, so that apt on the
 * card knows them. What a package's postinst would do is done here from a table where it matters
 * to us; a package with a postinst that is not in the table is entered as "unpacked": the next
 * `dpkg --configure -a` or apt run on the card finishes it, and nothing we need waits for that.
 */
#include <dirent.h>
#include <string.h>
#include "build.h"
#include "input/archive.h"

#define INFO "/var/lib/dpkg/info"

static int java_key(struct build *b, struct hash *h, struct err *e)
{
	return b->inputs.java ? hash_path(h, b->inputs.java, e) : 0;
}

/* openjdk's postinst: /usr/bin/java by way of /etc/alternatives, with dpkg's record of it. */
static int configure_openjdk(struct ext4 *fs, const struct deb *d, struct err *e)
{
	unsigned major = 0;

	if (sscanf(d->package, "openjdk-%u-", &major) != 1)
		return err_set(e, "%s: no version in its name", d->package);
	_cleanup_free_ char *java =
		xasprintf("/usr/lib/jvm/java-%u-openjdk-%s/bin/java", major, d->architecture);
	_cleanup_free_ char *record =
		xasprintf("auto\n/usr/bin/java\n\n%s\n%u\n\n", java, major * 100 + 11);

	if (ext4_symlink(fs, "/etc/alternatives/java", java, e) < 0 ||
		ext4_symlink(fs, "/usr/bin/java", "/etc/alternatives/java", e) < 0)
		return -1;
	return ext4_write(
		fs, "/var/lib/dpkg/alternatives/java", record, strlen(record), EXT4_ROOT(0644), e);
}

struct postinst {
	const char *package;
	int (*run)(struct ext4 *fs, const struct deb *d, struct err *e);
};

static const struct postinst postinsts[] = {
	{"openjdk-11-jre-headless", configure_openjdk},
	{"openjdk-17-jre-headless", configure_openjdk},
};

static const struct postinst *find_postinst(const char *package)
{
	for (size_t i = 0; i < ARRAY_SIZE(postinsts); i++) {
		if (strcmp(postinsts[i].package, package) == 0)
			return &postinsts[i];
	}
	return NULL;
}

static int write_info(
	struct ext4 *fs, const struct deb *d, const char *kind, const struct buf *b, struct err *e)
{
	if (!b->len)
		return 0;
	_cleanup_free_ char *path = xasprintf("%s/%s%s%s.%s", INFO, d->package,
		d->multi_arch_same ? ":" : "", d->multi_arch_same ? d->architecture : "", kind);
	return ext4_write(fs, path, b->data, b->len, EXT4_ROOT(0644), e);
}

/*
 * The stanza of /var/lib/dpkg/status: the control file with a Status line behind its first one.
 * Conffiles' hashes are left to dpkg, which takes a missing list as "not recorded".
 */
static int append_status(struct ext4 *fs, const struct deb *d, bool configured, struct err *e)
{
	_cleanup_buf_ struct buf status = {0};
	const char *control = buf_str(&d->control);
	size_t first = strcspn(control, "\n");

	if (ext4_read(fs, "/var/lib/dpkg/status", &status, e) < 0)
		return -1;
	if (status.len && !str_ends(status.data, "\n\n"))
		buf_puts(&status, "\n");
	buf_printf(&status, "%.*s\nStatus: install ok %s%s", (int)first, control,
		configured ? "installed" : "unpacked", control + first);
	buf_puts(&status, str_ends(status.data, "\n") ? "\n" : "\n\n");
	if (!buf_ok(&status))
		return err_set(e, "/var/lib/dpkg/status: too large");
	return ext4_rewrite(fs, "/var/lib/dpkg/status", status.data, status.len, e);
}

static int is_recorded(struct ext4 *fs, const struct deb *d)
{
	_cleanup_free_ char *plain = xasprintf("%s/%s.list", INFO, d->package);
	_cleanup_free_ char *arch = xasprintf("%s/%s:%s.list", INFO, d->package, d->architecture);

	return ext4_exists(fs, plain) || ext4_exists(fs, arch);
}

static int install_deb(struct ext4 *fs, const char *path, struct err *e)
{
	_cleanup_deb_ struct deb d = {0};

	if (deb_read_control(path, &d, e) < 0)
		return -1;
	if (is_recorded(fs, &d))
		return 0; /* the base has it */
	const struct postinst *p = find_postinst(d.package);
	if (deb_unpack(path, &d, fs, e) < 0 || (p && p->run(fs, &d, e) < 0))
		return -1;
	if (write_info(fs, &d, "list", &d.list, e) < 0 ||
		write_info(fs, &d, "md5sums", &d.md5sums, e) < 0 ||
		write_info(fs, &d, "conffiles", &d.conffiles, e) < 0)
		return -1;
	return append_status(fs, &d, p || !d.has_postinst, e);
}

static int is_deb(const struct dirent *d)
{
	return str_ends(d->d_name, ".deb");
}

static int install_set(struct build *b, struct ext4 *fs, struct err *e)
{
	struct dirent **names;
	int n = scandir(b->inputs.java, &names, is_deb, alphasort), rc = 0;

	if (n < 0)
		return err_errno(e, "%s", b->inputs.java);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", b->inputs.java, names[i]->d_name);
		progress_at(&b->progress, (uint64_t)i, (uint64_t)n);
		rc = rc < 0 ? rc : install_deb(fs, path, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

static int java_run(struct build *b, const char *image, struct err *e)
{
	if (!b->inputs.java)
		return 0;
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, b->table.part[1].start, e);
	if (!fs || install_set(b, fs, e) < 0)
		return -1;
	return ext4_close(&fs, e);
}

const struct stage stage_java = {
	.name = "java",
	.key = java_key,
	.run = java_run,
	.roles = ROLE_DATA | ROLE_ARBITER,
};

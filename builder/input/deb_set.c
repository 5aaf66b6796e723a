/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "deb_set.h"
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include "cmd.h"
#include "configure.h"
#include "dpkg.h"

#define INFO "/var/lib/dpkg/info"
#define STATUS "/var/lib/dpkg/status"

static void add_path(struct deb_set *s, char *path)
{
	s->paths = xreallocarray(s->paths, s->n + 1, sizeof(*s->paths));
	s->paths[s->n++] = path;
}

static int is_deb(const struct dirent *d)
{
	return str_ends(d->d_name, ".deb");
}

int deb_set_add(struct deb_set *s, const char *path, struct err *e)
{
	struct stat st;
	struct dirent **names;

	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	if (!S_ISDIR(st.st_mode)) {
		add_path(s, xstrdup(path));
		return 0;
	}
	int n = scandir(path, &names, is_deb, alphasort);
	if (n < 0)
		return err_errno(e, "%s", path);
	for (int i = 0; i < n; i++) {
		add_path(s, xasprintf("%s/%s", path, names[i]->d_name));
		free(names[i]);
	}
	free(names);
	return n ? 0 : err_code(e, EXIT_INPUT, "%s: holds no .deb file", path);
}

static int check_architecture(const struct deb *d, const char *architecture, struct err *e)
{
	if (strcmp(d->architecture, architecture) == 0 || strcmp(d->architecture, "all") == 0)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: is not for %s, the base image's architecture", d->path,
		architecture);
}

/* One package of the set: passed over, refused, or added to what the card will have. */
static int take(struct deb *d, struct dpkg *known, struct err *e)
{
	if (check_architecture(d, known->architecture, e) < 0)
		return -1;
	const struct dpkg_package *there = dpkg_find(known, d->package);
	if (there && there->incoming)
		return err_code(e, EXIT_INPUT, "%s: package %s is there twice; keep one version",
			d->path, d->package);
	if (there) {
		deb_free(d);
		return 0;
	}
	if (configure_check(d, e) < 0)
		return -1;
	dpkg_add(known, buf_str(&d->control), true);
	return 0;
}

static void add_before(struct dpkg *known, const struct deb_set *before)
{
	for (size_t i = 0; before && i < before->n; i++) {
		if (before->debs[i].package)
			dpkg_add(known, buf_str(&before->debs[i].control), false);
	}
}

int deb_set_check(struct deb_set *s, const struct deb_set *before, struct ext4 *fs,
	const char *architecture, struct err *e)
{
	_cleanup_dpkg_ struct dpkg known = {0};

	if (dpkg_load(&known, fs, architecture, e) < 0)
		return -1;
	add_before(&known, before);
	s->debs = xcalloc(s->n + 1, sizeof(*s->debs));
	for (size_t i = 0; i < s->n; i++) {
		if (check_interrupted(e) < 0 || deb_read_control(s->paths[i], &s->debs[i], e) < 0 ||
			take(&s->debs[i], &known, e) < 0)
			return -1;
	}
	return dpkg_check(&known, e);
}

/* dpkg's info files; scripts among them are what dpkg runs when the package leaves. */
static int write_info(
	struct ext4 *fs, const struct deb *d, const char *kind, const struct buf *b, struct err *e)
{
	bool script = str_ends(kind, "inst") || str_ends(kind, "rm") || strcmp(kind, "config") == 0;
	_cleanup_free_ char *path = xasprintf(INFO "/%s%s%s.%s", d->package,
		d->multi_arch_same ? ":" : "", d->multi_arch_same ? d->architecture : "", kind);

	return ext4_write(fs, path, buf_str(b), b->len, EXT4_ROOT(script ? 0755 : 0644), e);
}

static int write_infos(struct ext4 *fs, const struct deb *d, struct err *e)
{
	for (size_t i = 0; i < d->nmembers; i++) {
		if (write_info(fs, d, d->members[i].name, &d->members[i].text, e) < 0)
			return -1;
	}
	return write_info(fs, d, "list", &d->list, e);
}

/* The stanza of dpkg's status: the control file with a Status line behind its first one. */
static void add_stanza(struct buf *status, const struct deb *d)
{
	const char *control = buf_str(&d->control);
	size_t first = strcspn(control, "\n");

	if (status->len && !str_ends(status->data, "\n\n"))
		buf_puts(status, "\n");
	buf_printf(status, "%.*s\nStatus: install ok %s%s", (int)first, control,
		configure_is_deferred(d) ? "unpacked" : "installed", control + first);
	if (d->conffile_sums.len)
		buf_printf(status, "Conffiles:\n%s", buf_str(&d->conffile_sums));
	buf_puts(status, "\n");
}

static int install(struct deb *d, struct ext4 *fs, struct buf *status, struct err *e)
{
	if (deb_unpack(d, fs, e) < 0 || write_infos(fs, d, e) < 0)
		return -1;
	add_stanza(status, d);
	return 0;
}

/* What scripts would do comes last: it may need files of another package. */
static int configure_all(struct deb_set *s, struct ext4 *fs, struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->debs[i].package && configure_run(&s->debs[i], fs, e) < 0)
			return err_prefix(e, "%s", s->paths[i]);
	}
	return 0;
}

int deb_set_install(struct deb_set *s, struct ext4 *fs, void (*each)(void *arg, size_t i, size_t n),
	void *arg, struct err *e)
{
	_cleanup_buf_ struct buf status = {0};

	if (ext4_exists(fs, STATUS) && ext4_read(fs, STATUS, &status, e) < 0)
		return -1;
	for (size_t i = 0; i < s->n; i++) {
		if (each)
			each(arg, i, s->n);
		if (s->debs[i].package && install(&s->debs[i], fs, &status, e) < 0)
			return -1;
	}
	if (!buf_ok(&status))
		return err_set(e, STATUS ": too large");
	if (ext4_rewrite(fs, STATUS, buf_str(&status), status.len, e) < 0)
		return -1;
	return configure_all(s, fs, e);
}

void deb_set_free(struct deb_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->paths[i]);
		if (s->debs)
			deb_free(&s->debs[i]);
	}
	free(s->paths);
	free(s->debs);
	*s = (struct deb_set){0};
}

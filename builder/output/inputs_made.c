/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files that went into the images, by name and SHA-256. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include "input/deb.h"
#include "made.h"

static struct input_file *add_file(
	struct made *m, const char *role, const char *path, struct err *e)
{
	m->inputs = xreallocarray(m->inputs, m->ninputs + 1, sizeof(*m->inputs));
	struct input_file *in = &m->inputs[m->ninputs++];
	const char *slash = strrchr(path, '/');

	*in = (struct input_file){.role = role};
	in->file.name = xstrdup(slash ? slash + 1 : path);
	return sha256_file(path, in->file.sha256, &in->file.size, e) < 0 ? NULL : in;
}

static int add_deb(struct made *m, const char *role, const char *path, struct err *e)
{
	_cleanup_deb_ struct deb d = {0};
	struct input_file *in = add_file(m, role, path, e);

	if (!in || deb_read_control(path, &d, e) < 0)
		return -1;
	in->package = xstrdup(d.package);
	in->version = xstrdup(d.version);
	in->architecture = xstrdup(d.architecture);
	return 0;
}

static int is_deb(const struct dirent *d)
{
	return str_ends(d->d_name, ".deb");
}

static int add_debs(struct made *m, const char *role, const char *dir, struct err *e)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_deb, alphasort), rc = 0;

	if (n < 0)
		return err_errno(e, "%s", dir);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, names[i]->d_name);
		rc = rc < 0 ? rc : add_deb(m, role, path, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* One package or a folder of them; for Java an archive, too. */
static int add_set(struct made *m, const char *role, const char *path, struct err *e)
{
	if (is_folder(path))
		return add_debs(m, role, path, e);
	if (str_ends(path, ".deb"))
		return add_deb(m, role, path, e);
	return add_file(m, role, path, e) ? 0 : -1;
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

/* Files of a user's overlay by their names in it: "motd/etc/motd". */
static int add_tree(struct made *m, const char *dir, const char *name, struct err *e)
{
	struct dirent **names;
	int n = scandir(dir, &names, not_dots, alphasort), rc = 0;

	if (n < 0)
		return err_errno(e, "%s", dir);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, names[i]->d_name);
		_cleanup_free_ char *inner = xasprintf("%s/%s", name, names[i]->d_name);
		struct stat st;
		struct input_file *in = NULL;
		if (rc == 0 && lstat(path, &st) < 0)
			rc = err_errno(e, "%s", path);
		else if (rc == 0 && S_ISDIR(st.st_mode))
			rc = add_tree(m, path, inner, e);
		else if (rc == 0 && S_ISREG(st.st_mode))
			rc = (in = add_file(m, "overlay", path, e)) ? 0 : -1;
		if (in) {
			free(in->file.name);
			in->file.name = steal(&inner);
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

static int add_overlay(struct made *m, const char *dir, struct err *e)
{
	const char *slash = strrchr(dir, '/');

	return add_tree(m, dir, slash ? slash + 1 : dir, e);
}

int made_add_inputs(struct made *m, struct err *e)
{
	const struct cluster *c = m->b->cluster;
	const struct inputs *in = &m->b->inputs;
	const struct named {
		const char *role, *path;
	} files[] = {
		{"cluster.conf", c->path},
		{"base", in->base},
		{"neo4j", in->neo4j},
		{"ssh_key", c->access.ssh_key},
	};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (files[i].path && !add_file(m, files[i].role, files[i].path, e))
			return -1;
	}
	for (size_t i = 0; i < c->nplugins; i++) {
		if (!add_file(m, "plugin", in->plugins[i], e))
			return -1;
	}
	for (size_t i = 0; i < c->npackages; i++) {
		if (add_set(m, "package", in->packages[i], e) < 0)
			return -1;
	}
	for (size_t i = 0; i < c->noverlays; i++) {
		if (add_overlay(m, in->overlays[i], e) < 0)
			return -1;
	}
	return in->java ? add_set(m, "java", in->java, e) : 0;
}

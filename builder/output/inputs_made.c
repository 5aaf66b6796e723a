/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files that went into the images, by name and SHA-256. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include "input/archive.h"
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

static int add_deb(struct made *m, const char *path, struct err *e)
{
	_cleanup_deb_ struct deb d = {0};
	struct input_file *in = add_file(m, "java", path, e);

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

static int add_debs(struct made *m, const char *dir, struct err *e)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_deb, alphasort), rc = 0;

	if (n < 0)
		return err_errno(e, "%s", dir);
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, names[i]->d_name);
		rc = rc < 0 ? rc : add_deb(m, path, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

/* A set of packages is a folder; what else may stand for Java is one file. */
static int add_java(struct made *m, const char *path, struct err *e)
{
	struct stat st;

	if (!path)
		return 0;
	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	if (S_ISDIR(st.st_mode))
		return add_debs(m, path, e);
	return add_file(m, "java", path, e) ? 0 : -1;
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
	return add_java(m, in->java, e);
}

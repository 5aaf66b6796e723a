/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "neo4j_archive.h"
#include <string.h>
#include "archive_private.h"

#define KERNEL "lib/neo4j-kernel-"
#define FOUND_MAX 200

struct edition {
	const char *prefix;
	bool community;
};

static const struct edition editions[] = {
	{"neo4j-enterprise-", false},
	{"neo4j-community-", true},
};

struct look {
	const char *path;
	bool program;
	char *kernel;     /* version of the jar */
	struct buf found; /* the names right below the top, for an error */
};

static void look_free(struct look *l)
{
	free(l->kernel);
	buf_free(&l->found);
}

/* It becomes part of paths and of node.conf. */
static bool is_version(const char *s)
{
	return *s &&
	       s[strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+~")] ==
		       '\0';
}

static int read_top(const char *path, const char *top, struct neo4j_archive *n, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(editions); i++) {
		const char *version = top + strlen(editions[i].prefix);
		if (!str_starts(top, editions[i].prefix) || !is_version(version))
			continue;
		n->version = xstrdup(version);
		n->community = editions[i].community;
		return 0;
	}
	return err_code(e, EXIT_INPUT,
		"%s: its top folder is not neo4j-enterprise-VERSION or neo4j-community-VERSION",
		path);
}

/* "lib/neo4j-kernel-3.5.0.jar", but not "lib/neo4j-kernel-api-3.5.0.jar" */
static void note_kernel(struct look *l, const char *name)
{
	const char *version = name + strlen(KERNEL);

	if (l->kernel || !str_starts(name, KERNEL) || *version < '0' || *version > '9')
		return;
	if (str_ends(version, ".jar") && !strchr(version, '/'))
		l->kernel = xstrndup(version, strlen(version) - strlen(".jar"));
}

static void note_found(struct look *l, const char *name)
{
	size_t n = strcspn(name, "/");
	_cleanup_free_ char *word = xasprintf(" %.*s", (int)n, name);

	if (n && l->found.len < FOUND_MAX && !strstr(buf_str(&l->found), word))
		buf_puts(&l->found, word);
}

static int look_at(
	void *arg, const char *name, struct archive *a, struct archive_entry *en, struct err *e)
{
	struct look *l = arg;

	(void)a, (void)e;
	note_found(l, name);
	note_kernel(l, name);
	l->program |= strcmp(name, "bin/neo4j") == 0 && archive_entry_filetype(en) == AE_IFREG;
	return l->program && l->kernel;
}

static int check_look(const struct look *l, const struct neo4j_archive *n, struct err *e)
{
	if (!l->program || !l->kernel)
		return err_code(e, EXIT_INPUT, "%s: holds no %s; its top folder has only:%s",
			l->path, l->program ? KERNEL "VERSION.jar" : "bin/neo4j",
			l->found.len ? buf_str(&l->found) : " nothing");
	if (strcmp(l->kernel, n->version) != 0)
		return err_code(e, EXIT_INPUT,
			"%s: its top folder says version %s, but its kernel is %s: take the "
			"archive as Neo4j publishes it",
			l->path, n->version, l->kernel);
	return 0;
}

int neo4j_archive_look(const char *path, struct neo4j_archive *n, struct err *e)
{
	_cleanup_(look_free) struct look l = {.path = path};
	_cleanup_free_ char *top = archive_top_folder(path, e);

	if (!top || read_top(path, top, n, e) < 0 || archive_look(path, top, look_at, &l, e) < 0)
		return -1;
	return check_look(&l, n, e);
}

struct wanted {
	const char *name;
	bool found;
};

static int is_wanted(
	void *arg, const char *name, struct archive *a, struct archive_entry *en, struct err *e)
{
	struct wanted *w = arg;

	(void)a, (void)en, (void)e;
	w->found = strcmp(name, w->name) == 0;
	return w->found;
}

int neo4j_archive_check(const char *path, const char *name, struct err *e)
{
	struct wanted w = {.name = name};
	_cleanup_free_ char *top = archive_top_folder(path, e);

	if (!top || archive_look(path, top, is_wanted, &w, e) < 0)
		return -1;
	return w.found ? 0 : err_code(e, EXIT_INPUT, "%s: holds no %s", path, name);
}

void neo4j_archive_free(struct neo4j_archive *n)
{
	free(n->version);
	*n = (struct neo4j_archive){0};
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "laid.h"
#include "places.h"

#define NEO4J "/opt/neo4j"
#define BUILT "/etc/bramble/built" /* what bramble.txt replaced: forgotten at that moment */

struct laid {
	struct ext4 *root;
	char *node, *neo4j; /* "/opt/neo4j-3.5.0" */
	struct identical all;
};

struct laid *laid_open(struct ext4 *root, const char *node, struct err *e)
{
	_cleanup_laid_ struct laid *l = xcalloc(1, sizeof(*l));
	_cleanup_buf_ struct buf text = {0};

	l->root = root;
	l->node = xstrdup(node);
	if (ext4_read(root, IDENTICAL_LIST, &text, e) < 0 ||
		identical_parse(buf_str(&text), text.len, &l->all, e) < 0)
		return NULL;
	l->neo4j = xasprintf(NEO4J "-%s", l->all.list.neo4j);
	if (!identical_find(&l->all, node))
		return err_set(e, IDENTICAL_LIST ": has no node \"%s\"", node), NULL;
	return steal(&l);
}

void laid_close(struct laid **l)
{
	if (!*l)
		return;
	identical_close(&(*l)->all);
	free((*l)->node);
	free((*l)->neo4j);
	free(*l);
	*l = NULL;
}

/* The caller frees. */
static char *place_of(const struct laid *l, const char *path)
{
	return place_lies_in(path, l->neo4j) ? xasprintf(NEO4J "%s", path + strlen(l->neo4j))
					     : xstrdup(path);
}

static struct generation_file file_at(const struct laid *l, size_t i)
{
	return generation_file_at(&l->all.list, l->node, i);
}

static size_t nfiles(const struct laid *l)
{
	ssize_t n = generation_count(&l->all.list, l->node);

	return n > 0 ? (size_t)n : 0;
}

bool laid_has(const struct laid *l, const char *path)
{
	if (!l)
		return false;
	bool has = place_lies_in(path, IDENTICAL_DIR) || place_lies_in(path, BUILT);
	for (size_t i = 0; i < nfiles(l) && !has; i++) {
		_cleanup_free_ char *is = place_of(l, file_at(l, i).path);
		has = strcmp(is, path) == 0;
	}
	return has;
}

bool laid_lies_in(const struct laid *l, const char *folder)
{
	bool any = false;

	for (size_t i = 0; l && i < nfiles(l) && !any; i++)
		any = place_lies_in(file_at(l, i).path, folder);
	return any;
}

int laid_each(const struct laid *l,
	int (*each)(void *arg, const char *path, const struct generation_file *f, struct err *e),
	void *arg, struct err *e)
{
	for (size_t i = 0; i < nfiles(l); i++) {
		struct generation_file f = file_at(l, i);
		_cleanup_free_ char *path = place_of(l, f.path);
		if (place_is_compared(path) && each(arg, path, &f, e) < 0)
			return -1;
	}
	return 0;
}

char *laid_source(const struct generation_file *f)
{
	return xasprintf(IDENTICAL_DIR "/%s", f->digest);
}

static bool names_node(const char *line)
{
	line += strspn(line, "# \t");
	if (!str_starts(line, "node"))
		return false;
	line += strlen("node");
	return line[strspn(line, " \t")] == '=';
}

void laid_forget_name(struct buf *text)
{
	struct buf rest = {0};
	const char *end = buf_str(text) + text->len;

	for (const char *p = buf_str(text), *next; p < end; p = next) {
		next = memchr(p, '\n', (size_t)(end - p));
		next = next ? next + 1 : end;
		if (!names_node(p))
			buf_add(&rest, p, (size_t)(next - p));
	}
	buf_free(text);
	*text = rest;
}

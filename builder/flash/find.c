/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <glob.h>
#include <string.h>
#include "cluster/cluster.h"
#include "flash.h"

/* The only cluster.conf of this folder that was built. */
static char *find_cluster(const char *node, struct err *e)
{
	glob_t found;
	char *conf = NULL;
	size_t n = 0;

	if (glob("*.images", 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			size_t stem = strlen(found.gl_pathv[i]) - strlen(".images");
			_cleanup_free_ char *path =
				xasprintf("%.*s.conf", (int)stem, found.gl_pathv[i]);
			if (access(path, R_OK) != 0)
				continue;
			free(conf);
			conf = steal(&path);
			n++;
		}
		globfree(&found);
	}
	if (n == 1)
		return conf;
	free(conf);
	err_code(e, EXIT_USAGE,
		"flash: %s of which cluster? There %s in this folder; --cluster FILE names it, or "
		"name the image itself",
		node, n ? "are several built ones" : "is no built one");
	return NULL;
}

static char *find_node_image(const char *node, const struct cluster *c, struct err *e)
{
	static const char *const suffixes[] = {"img", "img.zst", "img.xz"};
	_cleanup_free_ char *dir = cluster_images_dir(c);

	if (c->identical_images && cluster_node(c, node))
		node = c->all.name; /* the card finds out */
	if (!cluster_image_of(c, node)) {
		err_code(e, EXIT_USAGE, "%s: has no node \"%s\"", c->path, node);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s.%s", dir, node, suffixes[i]);
		if (access(path, F_OK) == 0)
			return steal(&path);
	}
	err_code(e, EXIT_INPUT, "%s/%s.img is not there; bramble build %s makes it", dir, node,
		c->path);
	return NULL;
}

/* A node's name is one label: what has a dot or a slash is a file. */
char *find_image(const char *what, const char *cluster, struct err *e)
{
	if (strpbrk(what, "./"))
		return xstrdup(what);
	_cleanup_free_ char *conf = cluster ? xstrdup(cluster) : find_cluster(what, e);
	if (!conf)
		return NULL;
	_cleanup_cluster_ struct cluster *c = cluster_load(conf, e);
	return c ? find_node_image(what, c, e) : NULL;
}

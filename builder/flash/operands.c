/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <glob.h>
#include <string.h>
#include "cluster/cluster.h"
#include "flash.h"

static void add(struct operand **list, size_t *n, char *image, const char *device)
{
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = (struct operand){image, xstrdup(device)};
}

void operands_free(struct operand *operands, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(operands[i].image);
		free(operands[i].device);
	}
	free(operands);
}

/* Names below /dev/disk/by-id may have a "=" too. */
static const char *pair_sign(const char *word)
{
	return *word == '/' && str_starts(word, "/dev/") ? NULL : strchr(word, '=');
}

static int parse_pairs(
	char *const *words, size_t n, struct operand **operands, size_t *count, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const char *sign = pair_sign(words[i]);
		if (!sign || sign == words[i] || !sign[1])
			return err_code(e, EXIT_USAGE,
				"flash: \"%s\" is no NODE=DEVICE, as \"%s\" before it", words[i],
				words[0]);
		add(operands, count, xstrndup(words[i], (size_t)(sign - words[i])), sign + 1);
	}
	return 0;
}

int operands_parse(
	char *const *words, size_t n, struct operand **operands, size_t *count, struct err *e)
{
	*operands = NULL;
	*count = 0;
	if (n && pair_sign(words[0]))
		return parse_pairs(words, n, operands, count, e);
	if (n < 2)
		return err_code(e, EXIT_USAGE,
			"flash: onto which card? bramble flash NODE|IMAGE DEVICE...");
	for (size_t i = 1; i < n; i++) {
		if (pair_sign(words[i]))
			return err_code(e, EXIT_USAGE,
				"flash: \"%s\" follows \"%s\": either one image and its devices, "
				"or NODE=DEVICE for each",
				words[i], words[0]);
		add(operands, count, xstrdup(words[0]), words[i]);
	}
	return 0;
}

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

	if (!cluster_node(c, node)) {
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

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "look.h"

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

char *inputs_dir(void)
{
	const char *own = getenv("BRAMBLE_INPUTS");
	_cleanup_free_ char *cache = cache_dir();

	return own && *own ? xstrdup(own) : xasprintf("%s/inputs", cache);
}

bool input_is(const char *path, mode_t type)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == type && access(path, R_OK) == 0;
}

char *input_look(const struct cluster *c, const char *name, mode_t type)
{
	_cleanup_free_ char *copy = xstrdup(c->path);
	_cleanup_free_ char *dir = inputs_dir();
	char *candidates[] = {
		name[0] == '/' ? xstrdup(name) : xasprintf("%s/%s", dirname(copy), name),
		xasprintf("%s/%s", dir, name),
	};
	char *found = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
		if (!found && input_is(candidates[i], type))
			found = candidates[i];
		else
			free(candidates[i]);
	}
	return found;
}

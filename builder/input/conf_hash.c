/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conf_hash.h"
#include <sys/stat.h>
#include "look.h"

static int add(
	struct hash *h, const struct cluster *c, const char *name, mode_t type, struct err *e)
{
	_cleanup_free_ char *path = input_look(c, name, type);

	hash_text(h, name);
	if (!path)
		return 0;
	return type == S_IFDIR ? hash_tree(h, path, e) : hash_path(h, path, e);
}

static int add_named(struct hash *h, const struct cluster *c, struct err *e)
{
	for (size_t i = 0; i < c->noverlays; i++) {
		if (add(h, c, c->overlays[i].dir, S_IFDIR, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < c->nplugins; i++) {
		if (add(h, c, c->plugins[i], S_IFREG, e) < 0)
			return -1;
	}
	if (c->tls.mode != TLS_FILES)
		return 0;
	return add(h, c, c->tls.certificate, S_IFREG, e) < 0 ||
			       add(h, c, c->tls.key, S_IFREG, e) < 0
		       ? -1
		       : 0;
}

int conf_hash(const struct cluster *c, char hash[static HASH_HEX], struct err *e)
{
	struct hash h;

	hash_begin(&h);
	if (hash_path(&h, c->path, e) < 0 || add_named(&h, c, e) < 0)
		return -1;
	hash_end(&h, hash);
	return 0;
}

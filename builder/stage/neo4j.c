/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stage neo4j: the archive in /opt, its user, and the units of a data node. */
#include <string.h>
#include "assets.h"
#include "build.h"
#include "image/account.h"
#include "input/archive.h"
#include "input/plugin.h"

/* One ingredient for all of them: there may be more than a recipe has room for. */
static int add_plugins(const struct build *b, struct recipe *r, struct err *e)
{
	char key[HASH_HEX];
	struct hash h;

	if (!b->cluster->nplugins)
		return 0;
	hash_begin(&h);
	for (char **p = b->inputs.plugins; *p; p++) {
		hash_text(&h, basename(*p));
		if (hash_path(&h, *p, e) < 0)
			return -1;
	}
	hash_end(&h, key);
	recipe_text(r, "plugins", key);
	return 0;
}

static int neo4j_ingredients(const struct build *b, struct recipe *r, struct err *e)
{
	if (recipe_path(r, "Neo4j archive", b->inputs.neo4j, e) < 0)
		return -1;
	if (add_plugins(b, r, e) < 0)
		return -1;
	return recipe_assets(r, "data overlay", "overlays/data", e);
}

/* An archive with the right name and nothing in it would make cards that never serve. */
static int check_program(const struct build *b, struct ext4 *fs, const char *dest, struct err *e)
{
	_cleanup_free_ char *program = xasprintf("%s/bin/neo4j", dest);

	if (ext4_kind(fs, program) == EXT4_FILE)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: holds no bin/neo4j", b->inputs.neo4j);
}

char *neo4j_plugins_dir(const struct build *b)
{
	return xasprintf("/opt/neo4j-%s/plugins", b->inputs.neo4j_version);
}

static int put_plugins(const struct build *b, struct ext4 *fs, struct err *e)
{
	_cleanup_free_ char *dir = neo4j_plugins_dir(b);

	if (b->cluster->nplugins && ext4_mkdir(fs, dir, EXT4_ROOT(0755), e) < 0)
		return -1;
	for (char **p = b->inputs.plugins; *p; p++) {
		if (plugin_put(*p, fs, dir, e) < 0)
			return -1;
	}
	return 0;
}

static int neo4j_run(struct build *b, const char *image, struct err *e)
{
	_cleanup_free_ char *folder = xasprintf("neo4j-%s", b->inputs.neo4j_version);
	_cleanup_free_ char *dest = xasprintf("/opt/%s", folder);
	const char *decoded;

	if (ahead_finish(b, &decoded, e) < 0)
		return -1;
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, b->table.part[1].start, e);
	if (!fs)
		return -1;
	if (archive_unpack_below(b->inputs.neo4j, decoded, fs, dest, &b->progress, e) < 0 ||
		check_program(b, fs, dest, e) < 0 || put_plugins(b, fs, e) < 0 ||
		ext4_symlink(fs, "/opt/neo4j", folder, e) < 0 ||
		account_add_system(fs, "neo4j", NEO4J_UID, DATA_DIR, e) < 0 ||
		archive_unpack_memory(assets, assets_size, "overlays/data", fs, "", e) < 0)
		return -1;
	ahead_end(b);
	return ext4_close(&fs, e);
}

const struct stage stage_neo4j = {
	.name = "neo4j",
	.version = 1,
	.roles = ROLE_DATA | ROLE_ARBITER,
	.ingredients = neo4j_ingredients,
	.run = neo4j_run,
};

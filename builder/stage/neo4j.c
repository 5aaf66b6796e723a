/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stage neo4j: the archive in /opt, its user, and the units of a data node. */
#include "assets.h"
#include "build.h"
#include "image/account.h"
#include "input/archive.h"

static int neo4j_key(struct build *b, struct hash *h, struct err *e)
{
	return hash_path(h, b->inputs.neo4j, e);
}

/* An archive with the right name and nothing in it would make cards that never serve. */
static int check_program(const struct build *b, struct ext4 *fs, const char *dest, struct err *e)
{
	_cleanup_free_ char *program = xasprintf("%s/bin/neo4j", dest);

	if (ext4_kind(fs, program) == EXT4_FILE)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: holds no bin/neo4j", b->inputs.neo4j);
}

static int neo4j_run(struct build *b, const char *image, struct err *e)
{
	_cleanup_free_ char *folder = xasprintf("neo4j-%s", b->inputs.neo4j_version);
	_cleanup_free_ char *dest = xasprintf("/opt/%s", folder);
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, b->table.part[1].start, e);

	if (!fs)
		return -1;
	if (archive_unpack_below(b->inputs.neo4j, fs, dest, &b->progress, e) < 0 ||
		check_program(b, fs, dest, e) < 0 ||
		ext4_symlink(fs, "/opt/neo4j", folder, e) < 0 ||
		account_add_system(fs, "neo4j", NEO4J_UID, DATA_DIR, e) < 0 ||
		archive_unpack_memory(assets, assets_size, "overlays/data", fs, "", e) < 0)
		return -1;
	return ext4_close(&fs, e);
}

const struct stage stage_neo4j = {
	.name = "neo4j",
	.key = neo4j_key,
	.run = neo4j_run,
	.roles = ROLE_DATA | ROLE_ARBITER,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stage java: a set of .deb files through dpkg's books (deb_set.h), or an archive of a JRE in
 * /opt/java, where neo4j.service finds it by JAVA_HOME and people find it in the path.
 */
#include <string.h>
#include "build.h"
#include "input/archive.h"
#include "input/deb_set.h"

#define HOME "/opt/java"
#define DROP_IN "/usr/lib/systemd/system/neo4j.service.d/10-java.conf"

static int java_ingredients(const struct build *b, struct recipe *r, struct err *e)
{
	return b->inputs.java ? recipe_path(r, "Java packages", b->inputs.java, e) : 0;
}

static void show(void *arg, size_t i, size_t n)
{
	struct build *b = arg;

	progress_at(&b->progress, i, n);
}

static int install_packages(struct build *b, struct ext4 *fs, struct err *e)
{
	_cleanup_deb_set_ struct deb_set set = {0};

	if (deb_set_add(&set, b->inputs.java, e) < 0 ||
		deb_set_check(&set, NULL, fs, arch_name(b->inputs.arch), e) < 0)
		return -1;
	return deb_set_install(&set, fs, show, b, e);
}

static int install_archive(struct build *b, struct ext4 *fs, struct err *e)
{
	static const char drop_in[] = "# Java came as an archive (cluster.conf: java).\n"
				      "[Service]\nEnvironment=JAVA_HOME=" HOME "\n";

	if (archive_unpack_below(b->inputs.java, NULL, fs, HOME, &b->progress, e) < 0 ||
		ext4_symlink(fs, "/usr/local/bin/java", HOME "/bin/java", e) < 0)
		return -1;
	return ext4_write(fs, DROP_IN, drop_in, strlen(drop_in), EXT4_ROOT(0644), e);
}

static int java_run(struct build *b, const char *image, struct err *e)
{
	if (!b->inputs.java)
		return 0;
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, b->table.part[1].start, e);
	if (!fs)
		return -1;
	if ((b->inputs.java_is_archive ? install_archive : install_packages)(b, fs, e) < 0)
		return -1;
	return ext4_close(&fs, e);
}

const struct stage stage_java = {
	.name = "java",
	.version = 1,
	.roles = ROLE_DATA | ROLE_ARBITER,
	.ingredients = java_ingredients,
	.run = java_run,
};

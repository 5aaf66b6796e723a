/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stage os: the base image with p2 grown, room for p3, bramble's programs and units. Growing
 * happens on p2 in a file of its own: resize2fs on a file with an offset cuts the file off behind
 * the filesystem (e2fsprogs 1.47, resize/main.c).
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>
#include "assets.h"
#include "build.h"
#include "digest.h"
#include "image/account.h"
#include "image/sparse.h"
#include "input/archive.h"
#include "io.h"

static int add_packages(const struct build *b, struct recipe *r, struct err *e)
{
	_cleanup_buf_ struct buf all = {0};

	for (size_t i = 0; i < b->cluster->npackages; i++) {
		char hex[HASH_HEX];
		if (digest_path(b->inputs.packages[i], hex, e) < 0)
			return -1;
		buf_printf(&all, "%s\n", hex);
	}
	recipe_text(r, "packages", buf_str(&all));
	return 0;
}

static int os_ingredients(const struct build *b, struct recipe *r, struct err *e)
{
	_cleanup_free_ char *programs = xasprintf("programs/%s", arch_name(b->inputs.arch));

	recipe_bytes(r, "partition sizes", &b->table.part, sizeof(b->table.part));
	if (recipe_assets(r, "common overlay", "overlays/common", e) < 0 ||
		recipe_assets(r, "proxy overlay", "overlays/proxy", e) < 0)
		return -1;
	if (recipe_assets(r, "card programs", programs, e) < 0)
		return -1;
	return add_packages(b, r, e);
}

static int install_packages(struct build *b, struct ext4 *fs, struct err *e)
{
	_cleanup_deb_set_ struct deb_set set = {0};

	if (!b->cluster->npackages)
		return 0;
	if (inputs_packages(b->cluster, &b->inputs, fs, &set, e) < 0)
		return -1;
	return deb_set_install(&set, fs, NULL, NULL, e);
}

/* p2 of the base, grown, alone in the file. */
static int grow_root(const struct build *b, const char *image, int src, struct err *e)
{
	const struct extent *old = &b->base_table.part[1];
	_cleanup_close_ int fd = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)b->table.part[1].size) < 0)
		return err_errno(e, "%s", image);
	if (sparse_copy_range(src, (off_t)old->start, fd, 0, old->size, e) < 0)
		return err_prefix(e, "%s", image);
	return ext4_grow_file(image, e);
}

/* Moves the file's content to `by`, without copying it. Few filesystems can: ext4 and XFS. */
static bool insert_before(int fd, uint64_t by)
{
	return fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, (off_t)by) == 0;
}

static int move_root_by_copy(const char *image, uint64_t by, uint64_t size, struct err *e)
{
	_cleanup_close_ int src = open(image, O_RDONLY | O_CLOEXEC);

	if (src < 0 || unlink(image) < 0)
		return err_errno(e, "%s", image);
	_cleanup_close_ int dst = open(image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (dst < 0)
		return err_errno(e, "%s", image);
	return sparse_copy_range(src, 0, dst, (off_t)by, size, e);
}

/* p2 lies alone in the file; now it gets its place in the image. */
static int move_root(const struct build *b, const char *image, struct err *e)
{
	const struct extent *root = &b->table.part[1];
	_cleanup_close_ int fd = open(image, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "%s", image);
	if (insert_before(fd, root->start))
		return 0;
	return move_root_by_copy(image, root->start, root->size, e);
}

/* The image without what a base has behind p1: that space is p2's and p3's now. */
static int compose(struct build *b, const char *image, struct err *e)
{
	_cleanup_close_ int src = open(b->step[0].image, O_RDONLY | O_CLOEXEC);

	if (src < 0)
		return err_errno(e, "%s", b->step[0].image);
	if (grow_root(b, image, src, e) < 0 || move_root(b, image, e) < 0)
		return -1;
	_cleanup_close_ int dst = open(image, O_RDWR | O_CLOEXEC);
	if (dst < 0 || ftruncate(dst, (off_t)b->table.image_size) < 0)
		return err_errno(e, "%s", image);
	if (sparse_copy_range(src, 0, dst, 0, b->base_table.part[1].start, e) < 0)
		return err_prefix(e, "%s", image);
	return table_write(image, &b->table, e);
}

static int install_programs(struct build *b, struct ext4 *fs, struct err *e)
{
	_cleanup_free_ char *programs = xasprintf("programs/%s", arch_name(b->inputs.arch));
	const struct asset_dest {
		const char *top, *dest;
	} parts[] = {
		{"overlays/common", ""},
		{"overlays/proxy", ""},
		{programs, "/usr/lib/bramble"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (archive_unpack_memory(assets, assets_size, parts[i].top, fs, parts[i].dest, e) <
			0)
			return -1;
	}
	return 0;
}

static int os_run(struct build *b, const char *image, struct err *e)
{
	if (compose(b, image, e) < 0)
		return -1;
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, b->table.part[1].start, e);
	if (!fs)
		return -1;
	if (install_programs(b, fs, e) < 0 ||
		ext4_mkdir(fs, "/srv/bramble", EXT4_ROOT(0755), e) < 0 ||
		ext4_mkdir(fs, "/etc/bramble", EXT4_ROOT(0755), e) < 0 ||
		account_add_system(fs, "bramble-proxy", PROXY_UID, "/nonexistent", e) < 0 ||
		account_add_system(fs, "bramble-agent", AGENT_UID, "/nonexistent", e) < 0 ||
		install_packages(b, fs, e) < 0)
		return -1;
	return ext4_close(&fs, e);
}

const struct stage stage_os = {
	.name = "os",
	.version = 3,
	.whole = true,
	.roles = ROLE_DATA | ROLE_ARBITER | ROLE_PROXY,
	.ingredients = os_ingredients,
	.run = os_run,
};

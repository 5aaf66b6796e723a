/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stage os: the base image with p2 grown, room for p3, bramble's programs and units. Growing
 * happens on p2 in a file of its own: resize2fs on a file with an offset cuts the file off behind
 * the filesystem (e2fsprogs 1.47, resize/main.c).
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "assets.h"
#include "build.h"
#include "image/account.h"
#include "image/sparse.h"
#include "input/archive.h"
#include "io.h"

static int os_key(struct build *b, struct hash *h, struct err *e)
{
	hash_bytes(h, &b->table.part, sizeof(b->table.part));
	for (size_t i = 0; i < b->cluster->npackages; i++) {
		if (hash_path(h, b->inputs.packages[i], e) < 0)
			return -1;
	}
	return 0;
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

static int grow_root(const struct build *b, const char *part, int src, struct err *e)
{
	const struct extent *old = &b->base_table.part[1];
	_cleanup_close_ int fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, "%s", part);
	if (ftruncate(fd, (off_t)b->table.part[1].size) < 0)
		return err_errno(e, "%s", part);
	if (sparse_copy_range(src, (off_t)old->start, fd, 0, old->size, e) < 0)
		return err_prefix(e, "%s", part);
	return ext4_grow_file(part, e);
}

/* The image without what a base has behind p1: that space is p2's and p3's now. */
static int compose(struct build *b, const char *image, struct err *e)
{
	_cleanup_free_ char *part = xasprintf("%s.p2", image);
	const struct extent *root = &b->table.part[1];
	_cleanup_close_ int src = open(b->base_image, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int dst = open(image, O_RDWR | O_TRUNC | O_CLOEXEC);

	if (src < 0 || dst < 0 || ftruncate(dst, (off_t)b->table.image_size) < 0)
		return err_errno(e, "%s", image);
	if (sparse_copy_range(src, 0, dst, 0, b->base_table.part[1].start, e) < 0)
		return err_prefix(e, "%s", image);
	int rc = grow_root(b, part, src, e);
	_cleanup_close_ int grown = rc < 0 ? -1 : open(part, O_RDONLY | O_CLOEXEC);
	unlink(part);
	if (rc < 0)
		return -1;
	if (grown < 0)
		return err_errno(e, "%s", part);
	if (sparse_copy_range(grown, 0, dst, (off_t)root->start, root->size, e) < 0)
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

/* So that inspect can tell which bramble made a card. */
static int put_version(struct ext4 *fs, struct err *e)
{
	static const char version[] = BRAMBLE_VERSION "\n";

	return ext4_write(
		fs, "/usr/lib/bramble/version", version, strlen(version), EXT4_ROOT(0644), e);
}

static int os_run(struct build *b, const char *image, struct err *e)
{
	if (compose(b, image, e) < 0)
		return -1;
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, b->table.part[1].start, e);
	if (!fs)
		return -1;
	if (install_programs(b, fs, e) < 0 || put_version(fs, e) < 0 ||
		ext4_mkdir(fs, "/srv/bramble", EXT4_ROOT(0755), e) < 0 ||
		ext4_mkdir(fs, "/etc/bramble", EXT4_ROOT(0755), e) < 0 ||
		account_add_system(fs, "bramble-proxy", PROXY_UID, "/nonexistent", e) < 0 ||
		install_packages(b, fs, e) < 0)
		return -1;
	return ext4_close(&fs, e);
}

const struct stage stage_os = {
	.name = "os",
	.key = os_key,
	.run = os_run,
	.roles = ROLE_DATA | ROLE_ARBITER | ROLE_PROXY,
};

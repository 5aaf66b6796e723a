/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <e2p/e2p.h>
#include <string.h>
#include "cmd.h"
#include "ext4_look.h"
#include "ext4_private.h"

#define NAMES_MAX 10000
#define DEPTH_MAX 16
#define LINK_LONGEST 4095

struct ext4 *ext4_open_look(const char *image, uint64_t offset, struct err *e)
{
	return ext4_open_unchecked(image, offset, 0, e);
}

static void add_features(struct buf *b, int set, uint32_t mask)
{
	for (unsigned bit = 0; bit < 32; bit++) {
		if (mask & UINT32_C(1) << bit)
			buf_printf(b, "%s%s", b->len ? " " : "",
				e2p_feature2string(set, UINT32_C(1) << bit));
	}
}

void ext4_info(struct ext4 *x, struct ext4_info *info)
{
	struct ext2_super_block *sb = x->fs->super;
	_cleanup_buf_ struct buf features = {0};

	*info = (struct ext4_info){
		.size = ext2fs_blocks_count(sb) * x->fs->blocksize,
		.free = ext2fs_free_blocks_count(sb) * x->fs->blocksize,
		.dirt = ext4_dirt(x->fs),
	};
	memcpy(info->label, sb->s_volume_name, sizeof(sb->s_volume_name));
	for (char *p = info->label; *p; p++)
		*p = *p >= ' ' && *p <= '~' ? *p : '?';
	ext4_uuid_text(info->uuid, sb->s_uuid);
	add_features(&features, E2P_FEATURE_COMPAT, sb->s_feature_compat);
	add_features(&features, E2P_FEATURE_INCOMPAT, sb->s_feature_incompat);
	add_features(&features, E2P_FEATURE_RO_INCOMPAT, sb->s_feature_ro_compat);
	info->features = xstrdup(buf_str(&features));
}

bool ext4_stat(struct ext4 *x, const char *path, struct ext4_stat *st)
{
	struct ext2_inode inode;
	ext2_ino_t ino;

	if (ext2fs_namei(x->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino) != 0 ||
		ext2fs_read_inode(x->fs, ino, &inode) != 0)
		return false;
	*st = (struct ext4_stat){
		.kind = ext4_kind(x, path),
		.owner = {inode_uid(inode), inode_gid(inode), inode.i_mode & 07777},
		.size = EXT2_I_SIZE(&inode),
	};
	return true;
}

/* A short target lies in the inode itself, where block numbers would be. */
int ext4_readlink(struct ext4 *x, const char *path, struct buf *b, struct err *e)
{
	struct ext2_inode inode;
	ext2_file_t f;
	ext2_ino_t ino;
	unsigned got = 0;
	errcode_t rc = ext2fs_namei(x->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino);

	if (!rc)
		rc = ext2fs_read_inode(x->fs, ino, &inode);
	if (!rc && (!LINUX_S_ISLNK(inode.i_mode) || EXT2_I_SIZE(&inode) > LINK_LONGEST))
		rc = EXT2_ET_FILE_NOT_FOUND;
	if (!rc && ext2fs_is_fast_symlink(&inode)) {
		buf_add(b, inode.i_block, strnlen((char *)inode.i_block, sizeof(inode.i_block)));
		return 0;
	}
	if (!rc)
		rc = ext2fs_file_open(x->fs, ino, 0, &f);
	if (rc)
		return ext4_fail(x, path, rc, e);
	char *dst = buf_reserve(b, LINK_LONGEST);
	rc = dst ? ext2fs_file_read(f, dst, LINK_LONGEST, &got) : EXT2_ET_NO_MEMORY;
	ext2fs_file_close(f);
	b->len += got;
	buf_add(b, "", 0);
	return rc ? ext4_fail(x, path, rc, e) : 0;
}

struct names {
	char **list;
	size_t n;
};

static int add_name(struct ext2_dir_entry *d, int offset, int blocksize, char *buf, void *priv)
{
	struct names *names = priv;
	int n = ext2fs_dirent_name_len(d);

	(void)offset, (void)blocksize, (void)buf;
	if ((n == 1 && d->name[0] == '.') || (n == 2 && memcmp(d->name, "..", 2) == 0))
		return 0;
	if (names->n == NAMES_MAX)
		return DIRENT_ABORT;
	names->list = xreallocarray(names->list, names->n + 2, sizeof(*names->list));
	names->list[names->n++] = xstrndup(d->name, (size_t)n);
	names->list[names->n] = NULL;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char **ext4_names(struct ext4 *x, const char *path, struct err *e)
{
	struct names names = {.list = xcalloc(1, sizeof(char *))};
	ext2_ino_t ino;
	errcode_t rc = ext2fs_namei_follow(x->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino);

	if (!rc)
		rc = ext2fs_dir_iterate(x->fs, ino, 0, NULL, add_name, &names);
	if (!rc && names.n < NAMES_MAX) {
		qsort(names.list, names.n, sizeof(*names.list), by_name);
		return names.list;
	}
	ext4_free_names(&names.list);
	if (rc)
		ext4_fail(x, path, rc, e);
	else
		err_code(e, EXIT_INPUT, "%s: %s: more than %d names", x->image, path, NAMES_MAX);
	return NULL;
}

void ext4_free_names(char ***names)
{
	for (char **p = *names; p && *p; p++)
		free(*p);
	free(*names);
	*names = NULL;
}

/* Of so many names at most: a folder may name itself, and so be a tree without an end. */
static uint64_t tree_size(struct ext4 *x, const char *path, unsigned depth, unsigned *left)
{
	struct err ignored;
	uint64_t size = 0;
	_cleanup_names_ char **names = depth < DEPTH_MAX ? ext4_names(x, path, &ignored) : NULL;

	for (char **p = names; p && *p && *left && !interrupted; p++) {
		--*left;
		_cleanup_free_ char *below = xasprintf("%s/%s", path, *p);
		struct ext4_stat st;
		if (!ext4_stat(x, below, &st))
			continue;
		if (st.kind == EXT4_DIR)
			size += tree_size(x, below, depth + 1, left);
		else if (st.kind == EXT4_FILE)
			size += st.size;
	}
	return size;
}

uint64_t ext4_tree_size(struct ext4 *x, const char *path)
{
	unsigned left = TREE_MAX;

	return tree_size(x, path, 0, &left);
}

static int damaged(const struct ext4 *x, const char *what, struct err *e)
{
	return err_code(e, EXIT_INPUT, "%s: ext4: %s", x->image, what);
}

static int check_group(struct ext4 *x, dgrp_t group, struct err *e)
{
	ext2_filsys fs = x->fs;
	uint64_t first = ext2fs_group_first_block2(fs, group);
	uint64_t last = ext2fs_group_last_block2(fs, group), free_blocks = 0;
	uint32_t inodes = fs->super->s_inodes_per_group, free_inodes = 0;

	if (!ext2fs_group_desc_csum_verify(fs, group))
		return damaged(x, "a group descriptor's checksum is wrong", e);
	for (uint64_t b = first; b <= last; b++)
		free_blocks += !ext2fs_test_block_bitmap2(fs->block_map, b);
	for (uint32_t i = 1; i <= inodes; i++)
		free_inodes += !ext2fs_test_inode_bitmap2(fs->inode_map, group * inodes + i);
	if (free_blocks != ext2fs_bg_free_blocks_count(fs, group) ||
		free_inodes != ext2fs_bg_free_inodes_count(fs, group))
		return damaged(x, "a group's free counts are not those of its bitmaps", e);
	return 0;
}

static int check_inodes(struct ext4 *x, struct err *e)
{
	struct ext2_inode inode;
	ext2_inode_scan scan;
	ext2_ino_t ino = 1;
	errcode_t rc = ext2fs_open_inode_scan(x->fs, 0, &scan);

	if (rc)
		return ext4_fail(x, "inodes", rc, e);
	while (!rc && ino)
		rc = ext2fs_get_next_inode(scan, &ino, &inode);
	ext2fs_close_inode_scan(scan);
	return rc ? damaged(x, error_message(rc), e) : 0;
}

int ext4_check_checksums(const char *image, uint64_t offset, struct err *e)
{
	_cleanup_ext4_ struct ext4 *x = ext4_open_look(image, offset, e);

	if (!x)
		return -1;
	if (ext4_dirt(x->fs))
		return damaged(x, ext4_dirt(x->fs), e);
	errcode_t rc = ext2fs_check_desc(x->fs);
	if (!rc)
		rc = ext2fs_read_bitmaps(x->fs);
	if (rc)
		return damaged(x, error_message(rc), e);
	for (dgrp_t g = 0; g < x->fs->group_desc_count; g++) {
		if (check_group(x, g, e) < 0)
			return -1;
	}
	return check_inodes(x, e);
}

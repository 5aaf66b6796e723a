/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "ext4_private.h"
#include "io.h"
#include "run.h"

int ext4_fail(const struct ext4 *x, const char *path, errcode_t rc, struct err *e)
{
	if (rc == EXT2_ET_BLOCK_ALLOC_FAIL || rc == EXT2_ET_INODE_ALLOC_FAIL)
		return err_code(e, EXIT_INPUT, "%s: %s: no room left in the partition (root_size)",
			x->image, path);
	return err_set(e, "%s: %s: %s", x->image, path, error_message(rc));
}

struct dirt {
	bool found;
	const char *what;
};

const char *ext4_dirt(ext2_filsys fs)
{
	const struct ext2_super_block *sb = fs->super;
	const struct dirt dirt[] = {
		{ext2fs_has_feature_journal_needs_recovery(fs->super),
			"its journal must be replayed"},
		{sb->s_state & EXT2_ERROR_FS, "it is marked as having errors"},
		{!(sb->s_state & EXT2_VALID_FS), "it was not unmounted cleanly"},
		{sb->s_last_orphan != 0, "it has orphaned files"},
		{ext2fs_has_feature_orphan_present(fs->super), "it has orphaned files"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(dirt); i++) {
		if (dirt[i].found)
			return dirt[i].what;
	}
	return NULL;
}

static int refuse_dirty(const char *image, ext2_filsys fs, struct err *e)
{
	const char *dirt = ext4_dirt(fs);

	if (!dirt)
		return 0;
	return err_code(
		e, EXIT_INPUT, "%s: ext4: %s; run e2fsck on it or take a fresh image", image, dirt);
}

/*
 * What mke2fs makes for ext4 and distributions use. Others that libext2fs opens would be edited
 * wrongly: quotas are not counted, names of encrypted or casefolded directories are not hashed.
 */
#define COMPAT                                                                     \
	(EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR |          \
		EXT2_FEATURE_COMPAT_RESIZE_INODE | EXT2_FEATURE_COMPAT_DIR_INDEX | \
		EXT4_FEATURE_COMPAT_SPARSE_SUPER2 | EXT4_FEATURE_COMPAT_ORPHAN_FILE)
#define INCOMPAT                                                              \
	(EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG |     \
		EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | \
		EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED)
#define RO_COMPAT                                                                       \
	(EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |      \
		EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |    \
		EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | \
		EXT4_FEATURE_RO_COMPAT_METADATA_CSUM)

static int refuse_features(const char *image, ext2_filsys fs, struct err *e)
{
	const struct ext2_super_block *sb = fs->super;
	unsigned compat = sb->s_feature_compat & ~COMPAT;
	unsigned incompat = sb->s_feature_incompat & ~INCOMPAT;
	unsigned ro_compat = sb->s_feature_ro_compat & ~RO_COMPAT;

	if (!compat && !incompat && !ro_compat)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: ext4: features bramble does not edit (compat %#x, incompat %#x, "
		"ro_compat %#x)",
		image, compat, incompat, ro_compat);
}

/*
 * What libext2fs 1.47 takes a superblock's word for, found by fuzzing: it allocates for as many
 * blocks as are claimed, and reads a group's bitmap of inodes into one block, however many there
 * are.
 */
static int refuse_lies(
	const char *image, const struct ext2_super_block *sb, uint64_t room, struct err *e)
{
	unsigned shift = ext2fs_le32_to_cpu(sb->s_log_block_size);
	uint64_t blocks = ext2fs_le32_to_cpu(sb->s_blocks_count);

	if (ext2fs_le32_to_cpu(sb->s_feature_incompat) & EXT4_FEATURE_INCOMPAT_64BIT)
		blocks |= (uint64_t)ext2fs_le32_to_cpu(sb->s_blocks_count_hi) << 32;
	if (shift > EXT2_MAX_BLOCK_LOG_SIZE - EXT2_MIN_BLOCK_LOG_SIZE)
		return err_code(e, EXIT_INPUT, "%s: ext4: blocks of an unknown size", image);
	shift += EXT2_MIN_BLOCK_LOG_SIZE;
	if (blocks > room >> shift)
		return err_code(
			e, EXIT_INPUT, "%s: ext4: larger than what it lies in: truncated?", image);
	if (ext2fs_le32_to_cpu(sb->s_inodes_per_group) > 8u << shift ||
		ext2fs_le32_to_cpu(sb->s_clusters_per_group) > 8u << shift)
		return err_code(e, EXIT_INPUT, "%s: ext4: bitmaps larger than a block", image);
	if (ext2fs_le32_to_cpu(sb->s_first_data_block) != (shift == EXT2_MIN_BLOCK_LOG_SIZE))
		return err_code(e, EXIT_INPUT, "%s: ext4: begins at an odd block", image);
	return 0;
}

static int check_superblock(const char *image, uint64_t offset, struct err *e)
{
	_cleanup_close_ int fd = open(image, O_RDONLY | O_CLOEXEC);
	struct ext2_super_block sb;
	off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (end < 0)
		return err_errno(e, "%s", image);
	if ((uint64_t)end < offset ||
		io_pread_full(fd, &sb, sizeof(sb), (off_t)offset + SUPERBLOCK_OFFSET) < 0)
		return err_code(
			e, EXIT_INPUT, "%s: ext4: behind the end of the file: truncated?", image);
	if (ext2fs_le16_to_cpu(sb.s_magic) != EXT2_SUPER_MAGIC)
		return err_code(
			e, EXIT_INPUT, "%s: ext4: %s", image, error_message(EXT2_ET_BAD_MAGIC));
	return refuse_lies(image, &sb, (uint64_t)end - offset, e);
}

struct ext4 *ext4_open_unchecked(const char *image, uint64_t offset, int flags, struct err *e)
{
	char options[64];
	_cleanup_ext4_ struct ext4 *x = xcalloc(1, sizeof(*x));

	initialize_ext2_error_table();
	if (check_superblock(image, offset, e) < 0)
		return NULL;
	x->image = xstrdup(image);
	snprintf(options, sizeof(options), "offset=%llu", (unsigned long long)offset);
	errcode_t rc = ext2fs_open2(image, options, flags | EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP,
		0, 0, unix_io_manager, &x->fs);
	if (rc) {
		err_code(e, EXIT_INPUT, "%s: ext4: %s", image, error_message(rc));
		return NULL;
	}
	/* 0 would mean the clock to libext2fs. */
	x->fs->now = x->fs->super->s_wtime ? x->fs->super->s_wtime : RUN_MOMENT;
	return steal(&x);
}

static struct ext4 *open_fs(const char *image, uint64_t offset, int flags, struct err *e)
{
	_cleanup_ext4_ struct ext4 *x = ext4_open_unchecked(image, offset, flags, e);

	if (!x || refuse_dirty(image, x->fs, e) < 0 || refuse_features(image, x->fs, e) < 0)
		return NULL;
	return steal(&x);
}

struct ext4 *ext4_open(const char *image, uint64_t offset, struct err *e)
{
	_cleanup_ext4_ struct ext4 *x = open_fs(image, offset, EXT2_FLAG_RW, e);

	if (!x)
		return NULL;
	errcode_t rc = ext2fs_read_bitmaps(x->fs);
	if (rc) {
		ext4_fail(x, "bitmaps", rc, e);
		e->code = EXIT_INPUT;
		return NULL;
	}
	return steal(&x);
}

struct ext4 *ext4_open_readonly(const char *image, uint64_t offset, struct err *e)
{
	return open_fs(image, offset, 0, e);
}

static void free_ext4(struct ext4 **x)
{
	free((*x)->image);
	free((*x)->file_path);
	free(*x);
	*x = NULL;
}

int ext4_close(struct ext4 **x, struct err *e)
{
	if ((*x)->file)
		ext2fs_file_close(steal(&(*x)->file));
	/*
	 * libext2fs adds what it wrote, which depends on how writes met its cache: two builds would
	 * differ.
	 */
	if ((*x)->fs->flags & EXT2_FLAG_RW)
		(*x)->fs->super->s_kbytes_written = 0;
	errcode_t rc = ext2fs_close_free(&(*x)->fs);
	int ret = rc ? ext4_fail(*x, "ext4", rc, e) : 0;

	if ((*x)->fs)
		ext2fs_free((*x)->fs);
	free_ext4(x);
	return ret;
}

void ext4_abandon(struct ext4 **x)
{
	if (!*x)
		return;
	if ((*x)->file)
		ext2fs_file_close((*x)->file);
	if ((*x)->fs)
		ext2fs_free((*x)->fs);
	free_ext4(x);
}

int64_t ext4_moment(struct ext4 *x)
{
	return x->fs->now;
}

void ext4_usage(struct ext4 *x, uint64_t *used, uint64_t *size)
{
	uint64_t blocks = ext2fs_blocks_count(x->fs->super);

	*size = blocks * x->fs->blocksize;
	*used = (blocks - ext2fs_free_blocks_count(x->fs->super)) * x->fs->blocksize;
}

void ext4_uuid_text(char text[static 37], const uint8_t u[static 16])
{
	snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		u[13], u[14], u[15]);
}

/*
 * What p3 has, named one by one so that no host's mke2fs.conf leaks in, and no more than the oldest
 * release we know can mount and check: jessie's kernel is 3.18, its e2fsprogs 1.42.12. Left out for
 * its sake: metadata_csum (e2fsck from 1.43 on), metadata_csum_seed (1.43, kernel 4.4), orphan_file
 * (1.47, kernel 5.15). Left out because nothing here needs them: 64bit (from 16 TiB on), huge_file
 * (files of more than 2 TiB; a 32-bit kernel without large block numbers would not write to it).
 * uninit_bg keeps the growth on a large card from writing all inode tables at once: the kernel does
 * so later, when it has nothing else to do.
 */
#define DATA_FEATURES                                                                            \
	"none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,sparse_super," \
	"large_file,dir_nlink,extra_isize,uninit_bg"

/* Descriptors are kept ready for a card of 2 TiB, the most an MBR can say: the growth needs them.
 */
#define DATA_MAX_BLOCKS "536870912"

/*
 * Few inodes (a store is few large files); 4 KiB blocks even on a small partition, because growing
 * 1 KiB blocks online takes 50 times as long; inode tables and journal really written, because a
 * used card holds old bytes there.
 */
int ext4_format(const char *image, uint64_t offset, uint64_t size, const char *label,
	const uint8_t uuid[static 16], struct err *e)
{
	char id[37];

	ext4_uuid_text(id, uuid);
	_cleanup_free_ char *extended =
		xasprintf("offset=%llu,nodiscard,lazy_itable_init=0,lazy_journal_init=0,"
			  "root_owner=0:0,resize=" DATA_MAX_BLOCKS ",hash_seed=%s",
			(unsigned long long)offset, id);
	_cleanup_free_ char *kib = xasprintf("%lluk", (unsigned long long)(size / 1024));
	const char *const argv[] = {"mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256",
		"-i", "65536", "-g", "32768", "-G", "16", "-m", "0", "-e", "continue", "-J",
		"size=16", "-L", label, "-U", id, "-O", DATA_FEATURES, "-E", extended, image, kib,
		NULL};

	if (run_tool(argv, NULL, NULL, 0, e) < 0)
		return err_prefix(e, "%s: %s", image, label);
	return 0;
}

int ext4_check(const char *image, uint64_t offset, struct err *e)
{
	_cleanup_free_ char *at = xasprintf("%s?offset=%llu", image, (unsigned long long)offset);
	const char *const argv[] = {"e2fsck", "-f", "-n", at, NULL};

	if (run_tool(argv, NULL, NULL, 0, e) == 0)
		return 0;
	if (e->code != EXIT_FAILED || !run_find(argv[0]))
		return -1;
	return err_code(e, EXIT_INPUT, "its ext4 is damaged: e2fsck finds errors in it");
}

/* The tools say they wrote at RUN_MOMENT; what they found there is true of the files in it. */
static int restore_times(const char *path, const struct ext2_super_block *old, struct err *e)
{
	_cleanup_ext4_ struct ext4 *x = open_fs(path, 0, EXT2_FLAG_RW, e);

	if (!x)
		return -1;
	x->fs->now = old->s_wtime ? old->s_wtime : RUN_MOMENT;
	x->fs->super->s_lastcheck = old->s_lastcheck;
	ext2fs_mark_super_dirty(x->fs);
	return ext4_close(&x, e);
}

int ext4_grow_file(const char *path, struct err *e)
{
	const char *const check[] = {"e2fsck", "-f", "-p", path, NULL};
	const char *const grow[] = {"resize2fs", path, NULL};
	_cleanup_ext4_ struct ext4 *x = open_fs(path, 0, 0, e);

	if (!x)
		return -1;
	struct ext2_super_block before = *x->fs->super;
	ext4_abandon(&x);
	/*
	 * resize2fs wants a check first. Its status 1, "errors corrected", is of times alone: what
	 * is wrong otherwise was refused before (ext4_check), but by the tools' clock (run.c) a
	 * filesystem of today was last written in the future.
	 */
	if (run_tool(check, NULL, NULL, 1, e) < 0 || run_tool(grow, NULL, NULL, 0, e) < 0)
		return err_prefix(e, "%s", path);
	return restore_times(path, &before, e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Order of a file's birth as in e2fsprogs' create_inode.c: inode number, name, accounting, inode,
 * data. ext2fs_link does not look for a name that exists, so every creation looks it up first.
 */
#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <string.h>
#include <sys/stat.h>
#include "ext4.h"
#include "run.h"

#define READ_MAX (16u << 20)
#define PIECE (1u << 20)

struct ext4 {
	ext2_filsys fs;
	char *image;
	ext2_file_t file; /* between ext4_file_begin and ext4_file_end */
	char *file_path;
};

/* errcode_t of libext2fs: its own table through com_err, or an errno. */
static int fs_err(const struct ext4 *x, const char *path, errcode_t rc, struct err *e)
{
	return err_set(e, "%s: %s: %s", x->image, path, error_message(rc));
}

struct dirt {
	bool found;
	const char *what;
};

static int refuse_dirty(const char *image, ext2_filsys fs, struct err *e)
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
			return err_code(e, EXIT_INPUT,
				"%s: ext4: %s; run e2fsck on it or take a fresh image", image,
				dirt[i].what);
	}
	return 0;
}

static struct ext4 *open_fs(const char *image, uint64_t offset, int flags, struct err *e)
{
	char options[64];
	_cleanup_ext4_ struct ext4 *x = xcalloc(1, sizeof(*x));

	initialize_ext2_error_table();
	x->image = xstrdup(image);
	snprintf(options, sizeof(options), "offset=%llu", (unsigned long long)offset);
	errcode_t rc = ext2fs_open2(
		image, options, flags | EXT2_FLAG_64BITS, 0, 0, unix_io_manager, &x->fs);
	if (rc) {
		err_code(e, EXIT_INPUT, "%s: ext4: %s", image, error_message(rc));
		return NULL;
	}
	x->fs->now = x->fs->super->s_wtime;
	if (refuse_dirty(image, x->fs, e) < 0)
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
		fs_err(x, "bitmaps", rc, e);
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
	errcode_t rc = ext2fs_close_free(&(*x)->fs);
	int ret = rc ? fs_err(*x, "ext4", rc, e) : 0;

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

static errcode_t find(struct ext4 *x, const char *path, ext2_ino_t *ino)
{
	return ext2fs_namei(x->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, ino);
}

static errcode_t find_following(struct ext4 *x, const char *path, ext2_ino_t *ino)
{
	return ext2fs_namei_follow(x->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, ino);
}

bool ext4_exists(struct ext4 *x, const char *path)
{
	ext2_ino_t ino;

	return find(x, path, &ino) == 0;
}

static errcode_t set_owner(struct ext4 *x, ext2_ino_t ino, struct ext4_owner o)
{
	struct ext2_inode inode;
	errcode_t rc = ext2fs_read_inode(x->fs, ino, &inode);

	if (rc)
		return rc;
	inode.i_mode = (uint16_t)((inode.i_mode & LINUX_S_IFMT) | (o.mode & 07777));
	inode.i_uid = o.uid & 0xffff;
	inode.i_gid = o.gid & 0xffff;
	ext2fs_set_i_uid_high(inode, o.uid >> 16);
	ext2fs_set_i_gid_high(inode, o.gid >> 16);
	return ext2fs_write_inode(x->fs, ino, &inode);
}

/* ext2fs_link with the one retry it asks for when the directory is full. */
static errcode_t link_name(
	struct ext4 *x, ext2_ino_t dir, const char *name, ext2_ino_t ino, int type)
{
	errcode_t rc = ext2fs_link(x->fs, dir, name, ino, type);

	if (rc != EXT2_ET_DIR_NO_SPACE)
		return rc;
	rc = ext2fs_expand_dir(x->fs, dir);
	return rc ? rc : ext2fs_link(x->fs, dir, name, ino, type);
}

static errcode_t make_dir(struct ext4 *x, ext2_ino_t parent, const char *name, ext2_ino_t *ino)
{
	errcode_t rc = ext2fs_mkdir(x->fs, parent, 0, name);

	if (rc == EXT2_ET_DIR_NO_SPACE) {
		rc = ext2fs_expand_dir(x->fs, parent);
		if (!rc)
			rc = ext2fs_mkdir(x->fs, parent, 0, name);
	}
	if (rc)
		return rc;
	rc = ext2fs_lookup(x->fs, parent, name, (int)strlen(name), NULL, ino);
	return rc ? rc : set_owner(x, *ino, EXT4_ROOT(0755));
}

/*
 * The directory a path's last component lies in, made where missing; *name is that component.
 * Each step follows links inside the filesystem (/bin is a link to usr/bin on a merged root).
 */
static errcode_t find_parent(struct ext4 *x, const char *path, ext2_ino_t *dir, const char **name)
{
	_cleanup_free_ char *copy = xstrdup(path);
	char *save = NULL, *part = strtok_r(copy, "/", &save);

	*dir = EXT2_ROOT_INO;
	while (part) {
		char *next = strtok_r(NULL, "/", &save);
		if (!next)
			break;
		ext2_ino_t ino;
		errcode_t rc = ext2fs_namei_follow(x->fs, EXT2_ROOT_INO, *dir, part, &ino);
		if (rc == EXT2_ET_FILE_NOT_FOUND)
			rc = make_dir(x, *dir, part, &ino);
		if (rc)
			return rc;
		*dir = ino;
		part = next;
	}
	if (!part)
		return EXT2_ET_FILE_EXISTS;
	*name = path + (part - copy);
	return 0;
}

static errcode_t lookup_in(struct ext4 *x, ext2_ino_t dir, const char *name, ext2_ino_t *ino)
{
	return ext2fs_lookup(x->fs, dir, name, (int)strlen(name), NULL, ino);
}

static int has_mode(struct ext4 *x, ext2_ino_t ino, unsigned type)
{
	struct ext2_inode inode;

	return ext2fs_read_inode(x->fs, ino, &inode) == 0 && (inode.i_mode & LINUX_S_IFMT) == type;
}

static errcode_t new_file(struct ext4 *x, ext2_ino_t dir, const char *name, ext2_ino_t *ino)
{
	struct ext2_inode inode = {.i_mode = LINUX_S_IFREG | 0600, .i_links_count = 1};
	ext2_extent_handle_t extents;
	errcode_t rc = ext2fs_new_inode(x->fs, dir, LINUX_S_IFREG, 0, ino);

	if (!rc)
		rc = link_name(x, dir, name, *ino, EXT2_FT_REG_FILE);
	if (rc)
		return rc;
	ext2fs_inode_alloc_stats2(x->fs, *ino, +1, 0);
	inode.i_atime = inode.i_ctime = inode.i_mtime = (uint32_t)x->fs->now;
	rc = ext2fs_write_new_inode(x->fs, *ino, &inode);
	if (rc || !ext2fs_has_feature_extents(x->fs->super))
		return rc;
	rc = ext2fs_extent_open2(x->fs, *ino, &inode, &extents);
	if (rc)
		return rc;
	ext2fs_extent_free(extents);
	return ext2fs_write_inode(x->fs, *ino, &inode);
}

/* The regular file at path, made if missing; a link is replaced by a file, not written through. */
static errcode_t open_target(struct ext4 *x, const char *path, ext2_ino_t *ino)
{
	ext2_ino_t dir;
	const char *name;
	struct err ignored;
	errcode_t rc = find_parent(x, path, &dir, &name);

	if (rc)
		return rc;
	rc = lookup_in(x, dir, name, ino);
	if (rc == 0 && has_mode(x, *ino, LINUX_S_IFLNK)) {
		if (ext4_remove(x, path, &ignored) < 0)
			return EXT2_ET_FILE_EXISTS;
		rc = EXT2_ET_FILE_NOT_FOUND;
	}
	if (rc == EXT2_ET_FILE_NOT_FOUND)
		return new_file(x, dir, name, ino);
	return rc || has_mode(x, *ino, LINUX_S_IFREG) ? rc : EXT2_ET_FILE_EXISTS;
}

/*
 * Blocks are laid out before data comes, in as few extents as there is room for; otherwise each
 * 4 KiB block costs a search of its own.
 */
static errcode_t preallocate(struct ext4 *x, ext2_ino_t ino, uint64_t size)
{
	blk64_t blocks = (size + x->fs->blocksize - 1) / x->fs->blocksize;

	if (!blocks || !ext2fs_has_feature_extents(x->fs->super))
		return 0;
	return ext2fs_fallocate(x->fs, EXT2_FALLOCATE_FORCE_INIT, ino, NULL, ~0ULL, 0, blocks);
}

/* An open file keeps its own copy of the inode: what changes the inode otherwise comes before. */
static errcode_t truncate_file(struct ext4 *x, ext2_ino_t ino)
{
	ext2_file_t file;
	errcode_t rc = ext2fs_file_open(x->fs, ino, EXT2_FILE_WRITE, &file);

	if (rc)
		return rc;
	rc = ext2fs_file_set_size2(file, 0);
	errcode_t close_rc = ext2fs_file_close(file);
	return rc ? rc : close_rc;
}

static errcode_t begin(struct ext4 *x, ext2_ino_t ino, uint64_t size)
{
	errcode_t rc = truncate_file(x, ino);

	if (!rc)
		rc = preallocate(x, ino, size);
	return rc ? rc : ext2fs_file_open(x->fs, ino, EXT2_FILE_WRITE, &x->file);
}

int ext4_file_begin(
	struct ext4 *x, const char *path, uint64_t size, struct ext4_owner owner, struct err *e)
{
	ext2_ino_t ino;
	errcode_t rc = open_target(x, path, &ino);

	if (!rc)
		rc = set_owner(x, ino, owner);
	if (!rc)
		rc = begin(x, ino, size);
	if (rc)
		return fs_err(x, path, rc, e);
	x->file_path = xstrdup(path);
	return 0;
}

int ext4_file_add(struct ext4 *x, const void *p, size_t n, struct err *e)
{
	for (const char *c = p; n;) {
		unsigned written = 0;
		unsigned ask = n < PIECE ? (unsigned)n : PIECE;
		errcode_t rc = ext2fs_file_write(x->file, c, ask, &written);
		if (rc)
			return fs_err(x, x->file_path, rc, e);
		c += written;
		n -= written;
	}
	return 0;
}

int ext4_file_end(struct ext4 *x, struct err *e)
{
	_cleanup_free_ char *path = steal(&x->file_path);
	errcode_t rc = ext2fs_file_close(steal(&x->file));

	return rc ? fs_err(x, path, rc, e) : 0;
}

int ext4_write(struct ext4 *x, const char *path, const void *p, size_t n, struct ext4_owner owner,
	struct err *e)
{
	if (ext4_file_begin(x, path, n, owner, e) < 0 || ext4_file_add(x, p, n, e) < 0)
		return -1;
	return ext4_file_end(x, e);
}

int ext4_rewrite(struct ext4 *x, const char *path, const void *p, size_t n, struct err *e)
{
	ext2_ino_t ino;
	errcode_t rc = find_following(x, path, &ino);

	if (!rc)
		rc = begin(x, ino, n);
	if (rc)
		return fs_err(x, path, rc, e);
	x->file_path = xstrdup(path);
	return ext4_file_add(x, p, n, e) < 0 ? -1 : ext4_file_end(x, e);
}

int ext4_read(struct ext4 *x, const char *path, struct buf *b, struct err *e)
{
	ext2_ino_t ino;
	ext2_file_t f;
	__u64 size = 0;
	unsigned got = 0;
	errcode_t rc = find_following(x, path, &ino);

	if (!rc)
		rc = ext2fs_file_open(x->fs, ino, 0, &f);
	if (rc)
		return fs_err(x, path, rc, e);
	rc = ext2fs_file_get_lsize(f, &size);
	char *dst = size <= READ_MAX ? buf_reserve(b, size) : NULL;
	if (!rc && dst)
		rc = ext2fs_file_read(f, dst, (unsigned)size, &got);
	ext2fs_file_close(f);
	if (!dst)
		return err_set(e, "%s: %s: larger than %u bytes", x->image, path, READ_MAX);
	if (rc)
		return fs_err(x, path, rc, e);
	b->len += got;
	buf_add(b, "", 0);
	return 0;
}

int ext4_mkdir(struct ext4 *x, const char *path, struct ext4_owner owner, struct err *e)
{
	ext2_ino_t dir, ino;
	const char *name;
	errcode_t rc = find_parent(x, path, &dir, &name);

	if (!rc) {
		_cleanup_free_ char *last = xstrndup(name, strcspn(name, "/"));
		rc = ext2fs_namei_follow(x->fs, EXT2_ROOT_INO, dir, last, &ino);
		if (rc == EXT2_ET_FILE_NOT_FOUND)
			rc = make_dir(x, dir, last, &ino);
	}
	if (!rc && !has_mode(x, ino, LINUX_S_IFDIR))
		rc = EXT2_ET_NO_DIRECTORY;
	if (!rc)
		rc = set_owner(x, ino, owner);
	return rc ? fs_err(x, path, rc, e) : 0;
}

/* Drops one name; the last one frees the inode and its blocks. */
static errcode_t unlink_name(struct ext4 *x, ext2_ino_t dir, const char *name, ext2_ino_t ino)
{
	struct ext2_inode inode;
	errcode_t rc = ext2fs_read_inode(x->fs, ino, &inode);

	if (!rc && (inode.i_mode & LINUX_S_IFMT) == LINUX_S_IFDIR)
		rc = EXT2_ET_FILE_EXISTS;
	if (!rc)
		rc = ext2fs_unlink(x->fs, dir, name, ino, 0);
	if (rc)
		return rc;
	if (inode.i_links_count > 1) {
		inode.i_links_count--;
		return ext2fs_write_inode(x->fs, ino, &inode);
	}
	if (ext2fs_inode_has_valid_blocks2(x->fs, &inode)) {
		rc = ext2fs_punch(x->fs, ino, &inode, NULL, 0, ~0ULL);
		if (rc)
			return rc;
	}
	inode.i_links_count = 0;
	inode.i_dtime = (uint32_t)x->fs->now;
	ext2fs_inode_alloc_stats2(x->fs, ino, -1, 0);
	return ext2fs_write_inode(x->fs, ino, &inode);
}

int ext4_remove(struct ext4 *x, const char *path, struct err *e)
{
	ext2_ino_t dir, ino;
	const char *name;
	errcode_t rc = find_parent(x, path, &dir, &name);

	if (!rc)
		rc = lookup_in(x, dir, name, &ino);
	if (rc == EXT2_ET_FILE_NOT_FOUND)
		return 0;
	if (!rc)
		rc = unlink_name(x, dir, name, ino);
	return rc ? fs_err(x, path, rc, e) : 0;
}

static errcode_t make_symlink(struct ext4 *x, ext2_ino_t dir, const char *name, const char *target)
{
	errcode_t rc = ext2fs_symlink(x->fs, dir, 0, name, target);

	if (rc != EXT2_ET_DIR_NO_SPACE)
		return rc;
	rc = ext2fs_expand_dir(x->fs, dir);
	return rc ? rc : ext2fs_symlink(x->fs, dir, 0, name, target);
}

int ext4_symlink(struct ext4 *x, const char *path, const char *target, struct err *e)
{
	ext2_ino_t dir, ino;
	const char *name;
	errcode_t rc = find_parent(x, path, &dir, &name);

	if (!rc && lookup_in(x, dir, name, &ino) == 0) {
		if (!has_mode(x, ino, LINUX_S_IFLNK))
			rc = EXT2_ET_FILE_EXISTS;
		else
			rc = unlink_name(x, dir, name, ino);
	}
	if (!rc)
		rc = make_symlink(x, dir, name, target);
	return rc ? fs_err(x, path, rc, e) : 0;
}

int ext4_hardlink(struct ext4 *x, const char *path, const char *existing, struct err *e)
{
	ext2_ino_t dir, ino;
	const char *name;
	struct ext2_inode inode;

	if (ext4_remove(x, path, e) < 0)
		return -1;
	errcode_t rc = find(x, existing, &ino);
	if (!rc)
		rc = find_parent(x, path, &dir, &name);
	if (!rc)
		rc = link_name(x, dir, name, ino, EXT2_FT_REG_FILE);
	if (!rc)
		rc = ext2fs_read_inode(x->fs, ino, &inode);
	if (!rc) {
		inode.i_links_count++;
		rc = ext2fs_write_inode(x->fs, ino, &inode);
	}
	return rc ? fs_err(x, path, rc, e) : 0;
}

void ext4_usage(struct ext4 *x, uint64_t *used, uint64_t *size)
{
	uint64_t blocks = ext2fs_blocks_count(x->fs->super);

	*size = blocks * x->fs->blocksize;
	*used = (blocks - ext2fs_free_blocks_count(x->fs->super)) * x->fs->blocksize;
}

static void uuid_text(char text[static 37], const uint8_t u[static 16])
{
	snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
		u[13], u[14], u[15]);
}

/*
 * Features are named one by one, so that no host's mke2fs.conf leaks in: only what e2fsck and
 * kernels since 2016 know. Few inodes (a store is few large files); 4 KiB blocks even on a small
 * partition, because growing 1 KiB blocks online takes 50 times as long; inode tables really
 * written, because a used card holds old bytes there.
 */
int ext4_format(const char *image, uint64_t offset, uint64_t size, const char *label,
	const uint8_t uuid[static 16], struct err *e)
{
	char id[37];

	uuid_text(id, uuid);
	_cleanup_free_ char *extended = xasprintf("offset=%llu,nodiscard,lazy_itable_init=0,lazy_"
						  "journal_init=0,root_owner=0:0,hash_seed=%s",
		(unsigned long long)offset, id);
	_cleanup_free_ char *kib = xasprintf("%lluk", (unsigned long long)(size / 1024));
	const char *const argv[] = {"mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256",
		"-i", "65536", "-m", "0", "-J", "size=16", "-L", label, "-U", id, "-O",
		"none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,"
		"sparse_super,large_file,dir_nlink,extra_isize",
		"-E", extended, image, kib, NULL};

	if (run_tool(argv, NULL, NULL, 0, e) < 0)
		return err_prefix(e, "%s: %s", image, label);
	return 0;
}

int ext4_grow_file(const char *path, struct err *e)
{
	const char *const check[] = {"e2fsck", "-f", "-p", path, NULL};
	const char *const grow[] = {"resize2fs", path, NULL};

	/* resize2fs wants a check first; 1 means "errors corrected", which a clean base has none of
	 */
	if (run_tool(check, NULL, NULL, 0, e) < 0 || run_tool(grow, NULL, NULL, 0, e) < 0)
		return err_prefix(e, "%s", path);
	return 0;
}

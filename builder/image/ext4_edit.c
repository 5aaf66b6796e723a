/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Order of a file's birth as in e2fsprogs' create_inode.c: inode number, name, accounting, inode,
 * data. ext2fs_link does not look for a name that exists, so every creation looks it up first.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "ext4_private.h"

#define READ_MAX (16u << 20)
#define PIECE (1u << 20)

static errcode_t find(struct ext4 *x, const char *path, ext2_ino_t *ino)
{
	return ext2fs_namei(x->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, ino);
}

static errcode_t find_following(struct ext4 *x, const char *path, ext2_ino_t *ino)
{
	return ext2fs_namei_follow(x->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, path, ino);
}

static enum ext4_kind kind_of(struct ext4 *x, ext2_ino_t ino)
{
	struct ext2_inode inode;

	if (ext2fs_read_inode(x->fs, ino, &inode) != 0)
		return EXT4_OTHER;
	switch (inode.i_mode & LINUX_S_IFMT) {
	case LINUX_S_IFREG:
		return EXT4_FILE;
	case LINUX_S_IFDIR:
		return EXT4_DIR;
	case LINUX_S_IFLNK:
		return EXT4_LINK;
	default:
		return EXT4_OTHER;
	}
}

enum ext4_kind ext4_kind(struct ext4 *x, const char *path)
{
	ext2_ino_t ino;

	return find(x, path, &ino) == 0 ? kind_of(x, ino) : EXT4_NONE;
}

bool ext4_is_dir(struct ext4 *x, const char *path)
{
	ext2_ino_t ino;

	return find_following(x, path, &ino) == 0 && kind_of(x, ino) == EXT4_DIR;
}

bool ext4_exists(struct ext4 *x, const char *path)
{
	return ext4_kind(x, path) != EXT4_NONE;
}

/*
 * An inode that cannot be read is another error than one of another kind: reading may have to write
 * what was cached first, on a full disk.
 */
static errcode_t must_be(struct ext4 *x, ext2_ino_t ino, unsigned mode, errcode_t otherwise)
{
	struct ext2_inode inode;
	errcode_t rc = ext2fs_read_inode(x->fs, ino, &inode);

	return rc || (inode.i_mode & LINUX_S_IFMT) == mode ? rc : otherwise;
}

static errcode_t unlink_name(struct ext4 *x, ext2_ino_t dir, const char *name, ext2_ino_t ino);

/* What libext2fs would do to a directory or a link if asked to write "its data" is not wanted. */
static errcode_t find_file(struct ext4 *x, const char *path, ext2_ino_t *ino)
{
	errcode_t rc = find_following(x, path, ino);

	return rc ? rc : must_be(x, *ino, LINUX_S_IFREG, EXT2_ET_FILE_EXISTS);
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

/* libext2fs keeps the low eight bits of a name's length, whatever it was. */
static bool is_name(const char *name)
{
	return *name && strlen(name) <= EXT2_NAME_LEN;
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

/* A sixteen-bit counter that libext2fs lets run over. */
static bool may_link_again(struct ext4 *x, ext2_ino_t ino)
{
	struct ext2_inode inode;

	return ext2fs_read_inode(x->fs, ino, &inode) == 0 && inode.i_links_count < EXT2_LINK_MAX;
}

static errcode_t make_dir(struct ext4 *x, ext2_ino_t parent, const char *name, ext2_ino_t *ino)
{
	if (!is_name(name) || kind_of(x, parent) != EXT4_DIR)
		return EXT2_ET_NO_DIRECTORY;
	if (!may_link_again(x, parent))
		return EMLINK;
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
	if (!is_name(part))
		return ENAMETOOLONG;
	*name = path + (part - copy);
	return must_be(x, *dir, LINUX_S_IFDIR, EXT2_ET_NO_DIRECTORY);
}

static errcode_t lookup_in(struct ext4 *x, ext2_ino_t dir, const char *name, ext2_ino_t *ino)
{
	return ext2fs_lookup(x->fs, dir, name, (int)strlen(name), NULL, ino);
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
	errcode_t rc = find_parent(x, path, &dir, &name);

	if (rc)
		return rc;
	rc = lookup_in(x, dir, name, ino);
	if (rc == 0 && kind_of(x, *ino) == EXT4_LINK) {
		rc = unlink_name(x, dir, name, *ino);
		if (rc)
			return rc;
		rc = EXT2_ET_FILE_NOT_FOUND;
	}
	if (rc == EXT2_ET_FILE_NOT_FOUND)
		return new_file(x, dir, name, ino);
	return rc ? rc : must_be(x, *ino, LINUX_S_IFREG, EXT2_ET_FILE_EXISTS);
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
	/* One that an error left open. */
	if (x->file)
		ext2fs_file_close(steal(&x->file));
	free(steal(&x->file_path));
	errcode_t rc = truncate_file(x, ino);

	if (!rc)
		rc = preallocate(x, ino, size);
	return rc ? rc : ext2fs_file_open(x->fs, ino, EXT2_FILE_WRITE, &x->file);
}

void ext4_watch(struct ext4 *x, ext4_watch_fn *fn, void *arg)
{
	x->watch = fn;
	x->watch_arg = arg;
}

static void tell_watch(const struct ext4 *x, const char *path)
{
	if (x->watch)
		x->watch(x->watch_arg, path);
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
		return ext4_fail(x, path, rc, e);
	x->file_path = xstrdup(path);
	tell_watch(x, path);
	return 0;
}

int ext4_file_add(struct ext4 *x, const void *p, size_t n, struct err *e)
{
	for (const char *c = p; n;) {
		unsigned written = 0;
		unsigned ask = n < PIECE ? (unsigned)n : PIECE;
		errcode_t rc = ext2fs_file_write(x->file, c, ask, &written);
		if (rc)
			return ext4_fail(x, x->file_path, rc, e);
		c += written;
		n -= written;
	}
	return 0;
}

int ext4_file_end(struct ext4 *x, struct err *e)
{
	_cleanup_free_ char *path = steal(&x->file_path);
	errcode_t rc = ext2fs_file_close(steal(&x->file));

	return rc ? ext4_fail(x, path, rc, e) : 0;
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
	errcode_t rc = find_file(x, path, &ino);

	if (!rc)
		rc = begin(x, ino, n);
	if (rc)
		return ext4_fail(x, path, rc, e);
	x->file_path = xstrdup(path);
	tell_watch(x, path);
	return ext4_file_add(x, p, n, e) < 0 ? -1 : ext4_file_end(x, e);
}

struct ext4_reader {
	struct ext4 *fs;
	ext2_file_t file;
	char *path;
};

struct ext4_reader *ext4_reader_open(struct ext4 *x, const char *path, struct err *e)
{
	ext2_ino_t ino;
	ext2_file_t file;
	errcode_t rc = find_file(x, path, &ino);

	if (!rc)
		rc = ext2fs_file_open(x->fs, ino, 0, &file);
	if (rc)
		return ext4_fail(x, path, rc, e), NULL;
	struct ext4_reader *r = xcalloc(1, sizeof(*r));
	*r = (struct ext4_reader){.fs = x, .file = file, .path = xstrdup(path)};
	return r;
}

ssize_t ext4_reader_get(struct ext4_reader *r, void *p, size_t n, struct err *e)
{
	size_t done = 0;
	unsigned got = 1;

	while (done < n && got) {
		unsigned ask = n - done < PIECE ? (unsigned)(n - done) : PIECE;
		errcode_t rc = ext2fs_file_read(r->file, (char *)p + done, ask, &got);
		if (rc)
			return ext4_fail(r->fs, r->path, rc, e);
		done += got;
	}
	return (ssize_t)done;
}

void ext4_reader_close(struct ext4_reader **r)
{
	if (!*r)
		return;
	ext2fs_file_close((*r)->file);
	free((*r)->path);
	free(steal(r));
}

int ext4_read(struct ext4 *x, const char *path, struct buf *b, struct err *e)
{
	_cleanup_ext4_reader_ struct ext4_reader *r = ext4_reader_open(x, path, e);
	__u64 size = 0;

	if (!r)
		return -1;
	errcode_t rc = ext2fs_file_get_lsize(r->file, &size);
	if (rc)
		return ext4_fail(x, path, rc, e);
	char *dst = size <= READ_MAX ? buf_reserve(b, size) : NULL;
	if (!dst)
		return err_set(e, "%s: %s: larger than %u bytes", x->image, path, READ_MAX);
	ssize_t n = ext4_reader_get(r, dst, size, e);
	if (n < 0)
		return -1;
	b->len += (size_t)n;
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
	if (!rc && kind_of(x, ino) != EXT4_DIR)
		rc = EXT2_ET_NO_DIRECTORY;
	if (!rc)
		rc = set_owner(x, ino, owner);
	if (rc)
		return ext4_fail(x, path, rc, e);
	tell_watch(x, path);
	return 0;
}

/* The block of extended attributes that did not fit into the inode; others may share it. */
static errcode_t free_attributes(struct ext4 *x, ext2_ino_t ino)
{
	size_t size = EXT2_INODE_SIZE(x->fs->super);
	_cleanup_free_ struct ext2_inode_large *inode = xcalloc(1, size);
	errcode_t rc = ext2fs_read_inode_full(x->fs, ino, (struct ext2_inode *)inode, (int)size);

	return rc ? rc : ext2fs_free_ext_attr(x->fs, ino, inode);
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
	if (ext2fs_file_acl_block(x->fs, &inode)) {
		rc = free_attributes(x, ino);
		if (!rc)
			rc = ext2fs_read_inode(x->fs, ino, &inode);
		if (rc)
			return rc;
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
	return rc ? ext4_fail(x, path, rc, e) : 0;
}

static errcode_t make_symlink(struct ext4 *x, ext2_ino_t dir, const char *name, const char *target)
{
	if (!*target || strlen(target) >= x->fs->blocksize)
		return EINVAL;
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
		if (kind_of(x, ino) != EXT4_LINK)
			rc = EXT2_ET_FILE_EXISTS;
		else
			rc = unlink_name(x, dir, name, ino);
	}
	if (!rc)
		rc = make_symlink(x, dir, name, target);
	if (rc)
		return ext4_fail(x, path, rc, e);
	tell_watch(x, path);
	return 0;
}

int ext4_hardlink(struct ext4 *x, const char *path, const char *existing, struct err *e)
{
	ext2_ino_t dir, ino;
	const char *name;
	struct ext2_inode inode;

	errcode_t rc = find(x, existing, &ino);
	if (!rc && (kind_of(x, ino) != EXT4_FILE || strcmp(path, existing) == 0))
		rc = EXT2_ET_FILE_EXISTS;
	if (!rc && !may_link_again(x, ino))
		rc = EMLINK;
	if (rc)
		return ext4_fail(x, path, rc, e);
	if (ext4_remove(x, path, e) < 0)
		return -1;
	rc = find_parent(x, path, &dir, &name);
	if (!rc)
		rc = link_name(x, dir, name, ino, EXT2_FT_REG_FILE);
	if (!rc)
		rc = ext2fs_read_inode(x->fs, ino, &inode);
	if (!rc) {
		inode.i_links_count++;
		rc = ext2fs_write_inode(x->fs, ino, &inode);
	}
	return rc ? ext4_fail(x, path, rc, e) : 0;
}

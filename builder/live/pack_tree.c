/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pack_tree.h"

#define PIECE (256u << 10)

static void add_path(struct pack_tree *t, char *path)
{
	t->paths = xreallocarray(t->paths, t->n + 1, sizeof(*t->paths));
	t->paths[t->n++] = path;
}

/* below: "" or "lib/". */
static int list(struct pack_tree *t, const char *below, struct err *e)
{
	_cleanup_free_ char *dir = xasprintf("%s/%s", t->from, below);
	_cleanup_names_ char **names = ext4_names(t->fs, dir, e);

	for (char **name = names; name && *name; name++) {
		_cleanup_free_ char *path = xasprintf("%s%s", below, *name);
		_cleanup_free_ char *whole = xasprintf("%s/%s", t->from, path);
		struct ext4_stat st;
		if (!ext4_stat(t->fs, whole, &st))
			continue;
		if (st.kind == EXT4_FILE) {
			t->bytes += st.size;
			add_path(t, steal(&path));
		} else if (st.kind == EXT4_DIR) {
			char *folder = xasprintf("%s/", path);
			add_path(t, folder);
			if (list(t, folder, e) < 0)
				return -1;
		}
	}
	return names ? 0 : -1;
}

int pack_tree_open(
	struct pack_tree *t, struct ext4 *fs, const char *from, const char *to, struct err *e)
{
	*t = (struct pack_tree){.fs = fs, .from = from, .to = to};
	return list(t, "", e);
}

void pack_tree_close(struct pack_tree *t)
{
	ext4_reader_close(&t->file);
	for (size_t i = 0; i < t->n; i++)
		free(t->paths[i]);
	free(t->paths);
	*t = (struct pack_tree){0};
}

static int begin_file(struct pack_tree *t, struct pack *p, const char *from, const char *to,
	struct buf *out, struct err *e)
{
	struct ext4_stat st;

	if (!ext4_stat(t->fs, from, &st))
		return err_set(e, "%s: cannot be read", from);
	t->file = ext4_reader_open(t->fs, from, e);
	if (!t->file)
		return -1;
	t->left = st.size;
	pack_file(p, to, st.owner.mode & 0777, st.size, out);
	return 0;
}

static int put_piece(struct pack_tree *t, struct pack *p, struct buf *out, struct err *e)
{
	_cleanup_free_ char *piece = xcalloc(1, PIECE);
	ssize_t n = ext4_reader_get(t->file, piece, t->left < PIECE ? t->left : PIECE, e);

	if (n < 0)
		return -1;
	if (n == 0 && t->left)
		return err_set(e, "%s/%s: ends too early", t->from, t->paths[t->next - 1]);
	pack_data(p, piece, (size_t)n, out);
	t->left -= (uint64_t)n;
	if (!t->left)
		ext4_reader_close(&t->file);
	return 0;
}

int pack_tree_next(struct pack_tree *t, struct pack *p, struct buf *out, struct err *e)
{
	if (t->file)
		return put_piece(t, p, out, e) < 0 ? -1 : 1;
	if (t->next == t->n)
		return 0;
	const char *path = t->paths[t->next++];
	_cleanup_free_ char *from = xasprintf("%s/%s", t->from, path);
	_cleanup_free_ char *to = xasprintf("%s/%s", t->to, path);
	if (!str_ends(path, "/"))
		return begin_file(t, p, from, to, out, e) < 0 ? -1 : 1;
	to[strlen(to) - 1] = '\0';
	pack_dir(p, to, 0755, out);
	return 1;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A folder of an image as a pack: all of its files, also one larger than is had in memory at once.
 */
// use: builder/live/pack_tree.c builder/image/ext4.c builder/image/ext4_edit.c
// use: builder/image/ext4_look.c builder/run.c
#include "builder/live/pack_tree.h"
#include "image.h"

#define LARGE ((17u << 20) + 5)

static struct buf seen; /* what the pack's reader told, without the bytes */
static uint64_t bytes;
static char last;

static int see_dir(void *arg, const char *path, unsigned mode, struct err *e)
{
	(void)arg, (void)e;
	buf_printf(&seen, "D%o %s;", mode, path);
	return 0;
}

static int see_file(void *arg, const char *path, unsigned mode, uint64_t size, struct err *e)
{
	(void)arg, (void)e;
	buf_printf(&seen, "F%o %s %llu;", mode, path, (unsigned long long)size);
	return 0;
}

static int see_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)arg, (void)e;
	bytes += n;
	if (n)
		last = ((const char *)p)[n - 1];
	return 0;
}

static const struct pack_sink sink = {.dir = see_dir, .file = see_file, .data = see_data};

static struct ext4 *make(struct err *e)
{
	const char *image = in_scratch("image");
	_cleanup_free_ char *large = xcalloc(1, LARGE);

	new_image(image, 32 << 20);
	TOOL("mke2fs", "-q", "-F", "-t", "ext4", image);
	large[LARGE - 1] = 'z';
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, 0, e);
	if (!fs || ext4_write(fs, "/opt/p/bin/run", "sh", 2, EXT4_ROOT(0755), e) < 0 ||
		ext4_write(fs, "/opt/p/empty", "", 0, EXT4_ROOT(0644), e) < 0 ||
		ext4_symlink(fs, "/opt/p/link", "empty", e) < 0 ||
		ext4_write(fs, "/opt/p/plugins/large.jar", large, LARGE, EXT4_ROOT(0644), e) < 0 ||
		ext4_close(&fs, e) < 0)
		return NULL;
	return ext4_open_look(image, 0, e);
}

static void test_tree(struct ext4 *fs)
{
	struct pack_tree t;
	struct pack p;
	struct pack_reader r;
	struct err e = {0};
	size_t longest = 0;
	int more = 1, end = 0;
	_cleanup_buf_ struct buf out = {0};

	is_int(pack_tree_open(&t, fs, "/opt/p", "neo4j", &e), 0, "a tree is looked at");
	is_int((long long)t.bytes, 2 + LARGE, "and its bytes are counted");
	pack_reader_begin(&r);
	pack_begin(&p, &out);
	while (more > 0 && end >= 0) {
		more = pack_tree_next(&t, &p, &out, &e);
		if (more == 0)
			pack_end(&p, NULL, &out);
		longest = out.len > longest ? out.len : longest;
		end = more < 0 ? -1 : pack_read(&r, out.data, out.len, &sink, &e);
		out.len = 0;
	}
	ok(more == 0 && end == 1, "it is a whole pack: %s", e.msg);
	is_str(buf_str(&seen),
		"D755 neo4j/bin;F755 neo4j/bin/run 2;F644 neo4j/empty 0;D755 neo4j/plugins;"
		"F644 neo4j/plugins/large.jar 17825797;",
		"of folders and files, without links");
	ok(bytes == 2 + LARGE && last == 'z', "with all of their bytes");
	ok(longest <= 300 << 10, "never many of them at once: %zu", longest);
	pack_reader_end(&r);
	pack_tree_close(&t);
}

int main(void)
{
	struct err e = {0};

	if (!mkdtemp(scratch))
		return 1;
	_cleanup_ext4_ struct ext4 *fs = make(&e);
	if (ok(fs, "an image: %s", e.msg))
		test_tree(fs);
	buf_free(&seen);
	return io_remove_tree(scratch, &e) < 0 ? 1 : done();
}

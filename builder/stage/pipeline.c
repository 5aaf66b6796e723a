/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "build.h"
#include "cmd.h"
#include "image/sparse.h"
#include "input/archive.h"
#include "io.h"

static const struct stage *const stages[] = {&stage_os, &stage_java, &stage_neo4j};

#define ALIGN (UINT64_C(4) << 20)

static void build_cleanup(struct build *b)
{
	struct err ignored;

	progress_end(&b->progress);
	if (b->work && io_remove_tree(b->work, &ignored) < 0)
		fprintf(stderr, "bramble: %s\n", ignored.msg);
	inputs_free(&b->inputs);
	free(b->cache);
	free(b->out);
	free(b->work);
	free(b->base_image);
}

/* One key for "made by this program": its own bytes, embedded programs and overlays included. */
static int hash_self(struct hash *h, struct err *e)
{
	return hash_path(h, "/proc/self/exe", e);
}

static char *cached_image(const struct build *b, const char *stage, const char *key)
{
	return xasprintf("%s/%s-%.24s.img", b->cache, stage, key);
}

/* A private name in the cache folder, so that the finished file can be renamed into place. */
static char *cache_temporary(const struct build *b, struct err *e)
{
	char *path = xasprintf("%s/.new-XXXXXX", b->cache);
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd < 0) {
		err_errno(e, "%s", path);
		free(path);
		return NULL;
	}
	close(fd);
	return path;
}

static void remove_temporary(char **path)
{
	if (*path)
		unlink(*path);
	free(*path);
}
#define _cleanup_temporary_ _cleanup_(remove_temporary)

static int publish(char **temporary, const char *path, struct err *e)
{
	if (rename(*temporary, path) < 0)
		return err_errno(e, "%s", path);
	free(steal(temporary));
	return 0;
}

/* The step that is shown next counts for this one too: it is done already. */
static void skip_step(struct build *b)
{
	b->progress.step++;
}

static int decompress_base(struct build *b, struct err *e)
{
	_cleanup_temporary_ char *tmp = cache_temporary(b, e);

	progress_step(&b->progress, "base: decompressing %s", basename(b->inputs.base));
	if (!tmp)
		return -1;
	unlink(tmp);
	if (archive_decompress(b->inputs.base, tmp, &b->progress, e) < 0)
		return -1;
	return publish(&tmp, b->base_image, e);
}

static int prepare_base(struct build *b, char key[static HASH_HEX], struct err *e)
{
	struct hash h;

	hash_begin(&h);
	hash_text(&h, "base");
	if (hash_path(&h, b->inputs.base, e) < 0)
		return -1;
	hash_end(&h, key);
	b->base_image = cached_image(b, "base", key);
	if (access(b->base_image, R_OK) == 0)
		skip_step(b);
	else if (decompress_base(b, e) < 0)
		return -1;
	if (table_read_base(b->base_image, &b->base_table, e) < 0)
		return err_prefix(e, "%s", b->inputs.base);
	return inputs_look_into(
		b->cluster, b->base_image, b->base_table.part[1].start, &b->inputs, e);
}

/* p1 as it is, p2 of the cluster's size, p3 right behind it. */
static int lay_out(struct build *b, struct err *e)
{
	const struct extent *root = &b->base_table.part[1];
	uint64_t size = b->cluster->root_size ? b->cluster->root_size : ROOT_DEFAULT;
	struct table *t = &b->table;

	*t = b->base_table;
	size -= size % ALIGN;
	if (size < root->size)
		return err_code(e, EXIT_CONFIG,
			"%s: root_size: the base image's root partition has %llu MiB already",
			b->cluster->path, (unsigned long long)(root->size >> 20));
	t->part[1].size = size;
	t->part[2].start = (root->start + size + ALIGN - 1) / ALIGN * ALIGN;
	t->part[2].size = DATA_INITIAL;
	t->image_size = t->part[2].start + t->part[2].size;
	if (t->image_size > b->cluster->size)
		return err_code(e, EXIT_CONFIG,
			"%s: size: the images need %llu MB, the smallest card has %llu MB",
			b->cluster->path, (unsigned long long)(t->image_size / 1000000),
			(unsigned long long)(b->cluster->size / 1000000));
	return 0;
}

static int run_stage(
	struct build *b, const struct stage *s, const char *before, const char *path, struct err *e)
{
	_cleanup_temporary_ char *tmp = cache_temporary(b, e);

	progress_step(&b->progress, "%s", s->name);
	if (!tmp)
		return -1;
	unlink(tmp);
	if (sparse_copy_file(before, tmp, e) < 0 || s->run(b, tmp, e) < 0)
		return err_prefix(e, "stage %s", s->name);
	return publish(&tmp, path, e);
}

/* Runs the stages these roles need; *image is the last one's file in the cache. */
static int run_stages(
	struct build *b, const char *base_key, unsigned roles, char **image, struct err *e)
{
	_cleanup_free_ char *before = xstrdup(b->base_image);
	char key[HASH_HEX];

	memcpy(key, base_key, sizeof(key));
	for (size_t i = 0; i < ARRAY_SIZE(stages) && (stages[i]->roles & roles); i++) {
		struct hash h;
		hash_begin(&h);
		hash_text(&h, key);
		hash_text(&h, stages[i]->name);
		if (hash_self(&h, e) < 0 || stages[i]->key(b, &h, e) < 0)
			return -1;
		hash_end(&h, key);
		_cleanup_free_ char *path = cached_image(b, stages[i]->name, key);
		if (access(path, R_OK) == 0)
			skip_step(b);
		else if (run_stage(b, stages[i], before, path, e) < 0)
			return -1;
		free(before);
		before = steal(&path);
	}
	*image = steal(&before);
	return 0;
}

static int sync_file(const char *path, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || fdatasync(fd) < 0 ? err_errno(e, "%s", path) : 0;
}

static int build_node(struct build *b, const struct node *n, const char *stage, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.img", b->work, n->name);

	progress_step(&b->progress, "%s (%s, %s)", n->name, roles_text(n->roles), n->address);
	if (sparse_copy_file(stage, path, e) < 0 || node_finish(b, n, path, e) < 0)
		return err_prefix(e, "node \"%s\"", n->name);
	return sync_file(path, e);
}

/* What the images are, for people and for rehearse. */
static int write_manifest(const struct build *b, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/manifest.json", b->work);
	json_t *nodes = json_array();
	json_t *root =
		json_pack("{ss ss ss si ss sb ss si so}", "bramble", BRAMBLE_VERSION, "cluster",
			b->cluster->name, "id", b->state.id, "generation", (int)b->state.generation,
			"architecture", arch_name(b->inputs.arch), "twin", b->twin, "neo4j",
			b->inputs.neo4j_version, "java", (int)b->inputs.java_major, "nodes", nodes);

	for (size_t i = 0; root && i < b->cluster->nnodes; i++) {
		const struct node *n = &b->cluster->nodes[i];
		_cleanup_free_ char *image = xasprintf("%s.img", n->name);
		json_array_append_new(
			nodes, json_pack("{ss ss ss ss}", "name", n->name, "image", image, "roles",
				       roles_text(n->roles), "address", n->address));
	}
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
	json_decref(root);
	if (!text)
		return err_set(e, "%s: out of memory", path);
	_cleanup_free_ char *line = xasprintf("%s\n", text);
	return io_write_atomic(path, line, strlen(line), 0644, e);
}

static int move_out(const struct build *b, const char *name, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/%s", b->work, name);
	_cleanup_free_ char *to = xasprintf("%s/%s", b->out, name);

	return rename(from, to) < 0 ? err_errno(e, "%s", to) : 0;
}

/* All images are whole and on the disk before the first one replaces an older one. */
static int publish_images(const struct build *b, struct err *e)
{
	for (size_t i = 0; i < b->cluster->nnodes; i++) {
		_cleanup_free_ char *name = xasprintf("%s.img", b->cluster->nodes[i].name);
		if (move_out(b, name, e) < 0)
			return -1;
	}
	return move_out(b, "manifest.json", e);
}

static int build_nodes(struct build *b, const char *base_key, struct err *e)
{
	_cleanup_free_ char *data = NULL, *os = NULL;
	unsigned roles = 0;

	for (size_t i = 0; i < b->cluster->nnodes; i++)
		roles |= b->cluster->nodes[i].roles;
	/* The proxies' image is on the data nodes' way: made first, it is found then. */
	if (run_stages(b, base_key, ROLE_PROXY, &os, e) < 0)
		return -1;
	b->progress.step = 1;
	if (run_stages(b, base_key, roles, &data, e) < 0)
		return -1;
	for (size_t i = 0; i < b->cluster->nnodes; i++) {
		const struct node *n = &b->cluster->nodes[i];
		bool proxy_only = n->roles == ROLE_PROXY;
		if (build_node(b, n, proxy_only ? os : data, e) < 0)
			return -1;
	}
	return 0;
}

/* The lock is the folder's own: nothing is left behind by it. */
static int lock_out(const char *out, struct err *e)
{
	int fd = open(out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, "%s", out);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	return err_code(e, EXIT_BUSY, "%s: another bramble build works in it", out);
}

static int prepare_folders(struct build *b, const struct build_options *o, struct err *e)
{
	_cleanup_free_ char *cache = cache_dir();

	b->cache = xasprintf("%s/stages", cache);
	b->out = o->out ? xstrdup(o->out) : cluster_images_dir(b->cluster);
	if (io_mkdir_p(b->cache, 0700, e) < 0)
		return -1;
	return io_mkdir_p(b->out, 0755, e);
}

static int prepare_work(struct build *b, struct err *e)
{
	_cleanup_free_ char *work = xasprintf("%s/.build", b->out);

	if (io_remove_tree(work, e) < 0)
		return -1;
	if (mkdir(work, 0700) < 0)
		return err_errno(e, "%s", work);
	b->work = steal(&work);
	return 0;
}

int build_cluster(const struct cluster *c, const struct build_options *o, struct err *e)
{
	_cleanup_(build_cleanup) struct build b = {.cluster = c, .twin = o->twin};
	char base_key[HASH_HEX];

	progress_begin(&b.progress, o->quiet ? NULL : stderr,
		1 + (unsigned)ARRAY_SIZE(stages) + (unsigned)c->nnodes);
	if (inputs_find(c, o->twin, &b.inputs, e) < 0 || prepare_folders(&b, o, e) < 0)
		return -1;
	_cleanup_close_ int lock = lock_out(b.out, e);
	if (lock < 0 || state_open(c, &b.state, e) < 0 || prepare_work(&b, e) < 0)
		return -1;
	if (prepare_base(&b, base_key, e) < 0 || lay_out(&b, e) < 0 ||
		build_nodes(&b, base_key, e) < 0 || write_manifest(&b, e) < 0)
		return -1;
	return publish_images(&b, e);
}

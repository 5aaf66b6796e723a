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
#include "run.h"

static const struct stage *const stages[] = {&stage_os, &stage_java, &stage_neo4j};

#define ALIGN (UINT64_C(4) << 20)

void build_free(struct build *b)
{
	struct err ignored;

	progress_end(&b->progress);
	if (b->work && io_remove_tree(b->work, &ignored) < 0)
		fprintf(stderr, "bramble: %s\n", ignored.msg);
	inputs_free(&b->inputs);
	cache_close(&b->cache);
	free(b->out);
	free(b->work);
	free(b->base_image);
}

/* One key for "made by this program": its own bytes, embedded programs and overlays included. */
static int hash_self(struct hash *h, struct err *e)
{
	return hash_path(h, "/proc/self/exe", e);
}

/* The step that is shown next counts for this one too: it is done already. */
static void skip_step(struct build *b)
{
	b->progress.step++;
}

/* No base is larger than the smallest card; what claims to be is no image. */
static int decompress_base(struct build *b, struct err *e)
{
	_cleanup_free_ char *tmp = cache_temporary(&b->cache, "base");

	progress_step(&b->progress, "base: decompressing %s", basename(b->inputs.base));
	if (archive_decompress(b->inputs.base, tmp, b->cluster->size, &b->progress, e) < 0)
		return -1;
	return cache_publish(tmp, b->base_image, e);
}

/* A file that large, even if it were no image but compressed, would only be read in vain. */
static int refuse_huge(const struct build *b, struct err *e)
{
	struct stat st;

	if (stat(b->inputs.base, &st) < 0)
		return err_errno(e, "%s", b->inputs.base);
	if ((uint64_t)st.st_size <= b->cluster->size)
		return 0;
	return err_code(e, EXIT_INPUT, "%s: larger than the smallest card (size)", b->inputs.base);
}

static int prepare_base(struct build *b, struct err *e)
{
	struct hash h;

	if (refuse_huge(b, e) < 0)
		return -1;
	hash_begin(&h);
	hash_text(&h, "base");
	if (hash_path(&h, b->inputs.base, e) < 0)
		return -1;
	hash_end(&h, b->base_key);
	if (cache_find(&b->cache, "base", b->base_key, &b->base_image))
		skip_step(b);
	else if (decompress_base(b, e) < 0)
		return -1;
	if (table_read_base(b->base_image, &b->base_table, e) < 0)
		return err_prefix(e, "%s", b->inputs.base);
	return inputs_look_into(b->cluster, b->base_image, &b->base_table.part[1], &b->inputs, e);
}

/* What cluster.conf says, or what fits: bramble adds some 600 MB of Java and Neo4j. */
static uint64_t root_size(const struct build *b)
{
	uint64_t base = b->base_table.part[1].size;

	if (b->cluster->root_size)
		return b->cluster->root_size / ALIGN * ALIGN;
	return base + ROOT_HEADROOM > ROOT_DEFAULT ? (base + ROOT_HEADROOM) / ALIGN * ALIGN
						   : ROOT_DEFAULT;
}

/* p1 as it is, p2 of the cluster's size, p3 right behind it. */
static int lay_out(struct build *b, struct err *e)
{
	const struct extent *root = &b->base_table.part[1];
	uint64_t size = root_size(b);
	struct table *t = &b->table;

	*t = b->base_table;
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
	_cleanup_free_ char *tmp = cache_temporary(&b->cache, s->name);

	progress_step(&b->progress, "%s", s->name);
	if (sparse_copy_file(before, tmp, e) < 0 || s->run(b, tmp, e) < 0)
		return err_prefix(e, "stage %s", s->name);
	return cache_publish(tmp, path, e);
}

/* Runs the stages these roles need; *image is the last one's file in the cache. */
static int run_stages(struct build *b, unsigned roles, char **image, struct err *e)
{
	_cleanup_free_ char *before = xstrdup(b->base_image);
	char key[HASH_HEX];

	memcpy(key, b->base_key, sizeof(key));
	for (size_t i = 0; i < ARRAY_SIZE(stages) && (stages[i]->roles & roles); i++) {
		struct hash h;
		hash_begin(&h);
		hash_text(&h, key);
		hash_text(&h, stages[i]->name);
		if (hash_self(&h, e) < 0 || stages[i]->key(b, &h, e) < 0)
			return -1;
		hash_end(&h, key);
		_cleanup_free_ char *path = NULL;
		if (cache_find(&b->cache, stages[i]->name, key, &path))
			skip_step(b);
		else if (run_stage(b, stages[i], before, path, e) < 0)
			return -1;
		free(before);
		before = steal(&path);
	}
	*image = steal(&before);
	return 0;
}

static int sync_path(const char *path, struct err *e)
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
	return sync_path(path, e);
}

static bool is_wanted(const struct build *b, const struct node *n)
{
	return !b->only || strcmp(b->only, n->name) == 0;
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
		if (is_wanted(b, &b->cluster->nodes[i]) && move_out(b, name, e) < 0)
			return -1;
	}
	if (move_out(b, "manifest.json", e) < 0)
		return -1;
	return sync_path(b->out, e);
}

static int build_nodes(struct build *b, struct err *e)
{
	_cleanup_free_ char *data = NULL, *os = NULL;
	unsigned roles = 0;

	for (size_t i = 0; i < b->cluster->nnodes; i++)
		roles |= is_wanted(b, &b->cluster->nodes[i]) ? b->cluster->nodes[i].roles : 0;
	/* The proxies' image is on the data nodes' way: made first, it is found then. */
	if (run_stages(b, ROLE_PROXY, &os, e) < 0)
		return -1;
	b->progress.step = 1;
	if (run_stages(b, roles, &data, e) < 0)
		return -1;
	for (size_t i = 0; i < b->cluster->nnodes; i++) {
		const struct node *n = &b->cluster->nodes[i];
		bool proxy_only = n->roles == ROLE_PROXY;
		if (is_wanted(b, n) && build_node(b, n, proxy_only ? os : data, e) < 0)
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

/* Tools get paths in it as arguments: those must not look like options. */
static int prepare_out(struct build *b, const struct build_options *o, struct err *e)
{
	_cleanup_free_ char *out = o->out ? xstrdup(o->out) : cluster_images_dir(b->cluster);

	if (io_mkdir_p(out, 0755, e) < 0)
		return -1;
	b->out = realpath(out, NULL);
	return b->out ? run_check_path(b->out, e) : err_errno(e, "%s", out);
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

static int begin(
	struct build *b, const struct cluster *c, const struct build_options *o, struct err *e)
{
	*b = (struct build){.cluster = c, .twin = o->twin, .only = o->only, .cache = CACHE_NONE};
	progress_begin(&b->progress, o->quiet ? NULL : stderr,
		1 + (unsigned)ARRAY_SIZE(stages) + (unsigned)c->nnodes);
	/* A twin's base is bramble's own. */
	b->inputs.force_release = o->twin ? NULL : o->force_release;
	return inputs_find(c, o->twin, &b->inputs, e);
}

static int look_into_base(struct build *b, struct err *e)
{
	if (cache_open(&b->cache, e) < 0 || prepare_base(b, e) < 0 ||
		overlay_check(b, b->base_image, e) < 0)
		return -1;
	return lay_out(b, e);
}

int build_plan(
	struct build *b, const struct cluster *c, const struct build_options *o, struct err *e)
{
	return begin(b, c, o, e) < 0 ? -1 : look_into_base(b, e);
}

int build_cluster(const struct cluster *c, const struct build_options *o, struct err *e)
{
	_cleanup_build_ struct build b = {.cache = CACHE_NONE};

	if (begin(&b, c, o, e) < 0 || prepare_out(&b, o, e) < 0)
		return -1;
	_cleanup_close_ int lock = lock_out(b.out, e);
	if (lock < 0 || prepare_work(&b, e) < 0 || look_into_base(&b, e) < 0 ||
		(o->peek ? state_peek : state_open)(c, &b.state, e) < 0)
		return -1;
	if (build_nodes(&b, e) < 0 || write_manifest(&b, e) < 0)
		return -1;
	return publish_images(&b, e);
}

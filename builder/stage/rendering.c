/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <string.h>
#include "image/ext4_look.h"
#include "image/sparse.h"
#include "pipeline.h"
#include "rendering.h"

static void free_file(struct rendered_file *f)
{
	free(f->path);
	free(f->link);
	free(f->source);
	buf_free(&f->bytes);
}

void rendering_free(struct rendering *r)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->nodes[i].n; k++)
			free_file(&r->nodes[i].files[k]);
		free(r->nodes[i].files);
		json_decref(r->nodes[i].fixed);
	}
	r->n = 0;
}

/* --- one node */

struct noted {
	struct ext4 *fs;
	char **paths;
	size_t n;
};

static void note_path(void *arg, const char *path)
{
	struct noted *noted = arg;
	char *real = overlay_real_path(noted->fs, path);

	if (!real)
		return;
	noted->paths = xreallocarray(noted->paths, noted->n + 1, sizeof(char *));
	noted->paths[noted->n++] = real;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct rendered_file *add_file(struct rendered_node *n, const char *path)
{
	n->files = xreallocarray(n->files, n->n + 1, sizeof(n->files[0]));
	n->files[n->n] = (struct rendered_file){.path = xstrdup(path)};
	return &n->files[n->n++];
}

static int take_content(struct ext4 *fs, struct rendered_file *f, uint64_t size, struct err *e)
{
	if (size > RENDERED_MAX)
		return err_code(e, EXIT_CONFIG,
			"%s: files of overlays over %u MiB are not sent to a live node, nor are "
			"they in identical images; flash its card anew, with an image of its own",
			f->path, RENDERED_MAX >> 20);
	if (ext4_read(fs, f->path, &f->bytes, e) < 0)
		return -1;
	f->size = f->bytes.len;
	generation_digest(buf_str(&f->bytes), f->bytes.len, f->digest);
	return 0;
}

static int take_file(struct rendered_node *n, struct ext4 *fs, const char *path, struct err *e)
{
	struct ext4_stat st;

	if (!ext4_stat(fs, path, &st))
		return 0; /* an overlay put a link in its place */
	struct rendered_file *f = add_file(n, path);
	f->mode = st.owner.mode & 0777;
	f->uid = st.owner.uid;
	f->gid = st.owner.gid;
	if (st.kind == EXT4_DIR) {
		f->kind = GENERATION_DIR;
		return 0;
	}
	if (st.kind == EXT4_FILE)
		return take_content(fs, f, st.size, e);
	_cleanup_buf_ struct buf link = {0};
	f->kind = GENERATION_LINK;
	if (ext4_readlink(fs, path, &link, e) < 0)
		return -1;
	f->link = xstrdup(buf_str(&link));
	return 0;
}

static int take_plugins(const struct build *b, struct rendered_node *n, struct err *e)
{
	_cleanup_free_ char *dir = neo4j_plugins_dir(b);

	for (char **p = b->inputs.plugins; *p; p++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, basename(*p));
		_cleanup_close_ int fd = open(*p, O_RDONLY | O_CLOEXEC);
		struct rendered_file *f = add_file(n, path);
		f->mode = 0644;
		f->source = xstrdup(*p);
		if (fd < 0 || generation_digest_fd(fd, f->digest, &f->size) < 0)
			return err_errno(e, "%s", *p);
	}
	return 0;
}

/* The same path may have been put twice: by bramble, and by two overlays. */
static int take_noted(struct rendered_node *n, struct noted *noted, struct err *e)
{
	qsort(noted->paths, noted->n, sizeof(char *), by_text);
	for (size_t i = 0; i < noted->n; i++) {
		if (i && strcmp(noted->paths[i], noted->paths[i - 1]) == 0)
			continue;
		if (take_file(n, noted->fs, noted->paths[i], e) < 0)
			return -1;
	}
	return 0;
}

static void free_noted(struct noted *noted)
{
	for (size_t i = 0; i < noted->n; i++)
		free(noted->paths[i]);
	free(noted->paths);
}

static int take_painted(struct build *b, struct rendered_node *to, const char *image,
	enum painting what, struct err *e)
{
	_cleanup_(free_noted) struct noted noted = {0};
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, b->table.part[1].start, e);

	noted.fs = fs;
	if (!fs || node_render(b, to->node, fs, what, note_path, &noted, e) < 0)
		return -1;
	return take_noted(to, &noted, e);
}

int rendering_add(struct rendering *r, struct build *b, const struct node *node, const char *image,
	enum painting what, struct err *e)
{
	struct rendered_node *to = &r->nodes[r->n++];
	_cleanup_free_ char *copy = cache_temporary(&b->cache, node->name);

	*to = (struct rendered_node){.node = node, .fixed = node_fixed(b, node)};
	int rc = sparse_copy_file(image, copy, e);
	if (rc == 0)
		rc = take_painted(b, to, copy, what, e);
	unlink(copy);
	return rc;
}

static int render_live(struct rendering *r, struct build *b, const struct node *node, struct err *e)
{
	const char *image = stages_last(b, node->roles)->image;

	if (rendering_add(r, b, node, image, PAINT_LIVE, e) < 0)
		return -1;
	if (!(node->roles & (ROLE_DATA | ROLE_ARBITER)))
		return 0;
	return take_plugins(b, &r->nodes[r->n - 1], e);
}

/* --- all of them */

int rendering_make(
	const struct cluster *c, const struct state *s, struct rendering *r, struct err *e)
{
	_cleanup_build_ struct build b = {.cache = CACHE_NONE};
	const struct build_options o = {.quiet = true};

	*r = (struct rendering){.cluster = c};
	if (build_plan(&b, c, &o, e) < 0)
		return -1;
	b.state = *s;
	if (pipeline_credentials(&b, CREDENTIALS_PEEK, e) < 0)
		return -1;
	snprintf(r->neo4j, sizeof(r->neo4j), "%s", b.inputs.neo4j_version);
	int rc = stages_run(&b, 1, STEPS, e);
	for (size_t i = 0; i < c->nnodes && rc == 0; i++)
		rc = render_live(r, &b, &c->nodes[i], e);
	sodium_memzero(&b.state, sizeof(b.state));
	return rc;
}

const struct rendered_file *rendering_find(const struct rendering *r, const char *digest)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->nodes[i].n; k++) {
			if (strcmp(r->nodes[i].files[k].digest, digest) == 0)
				return &r->nodes[i].files[k];
		}
	}
	return NULL;
}

static json_t *file_json(const struct rendered_file *f)
{
	if (f->kind == GENERATION_LINK)
		return json_pack("{s:s, s:s}", "path", f->path, "link", f->link);
	json_t *o = json_pack("{s:s, s:i, s:I, s:I}", "path", f->path, "mode", (int)f->mode, "uid",
		(json_int_t)f->uid, "gid", (json_int_t)f->gid);
	if (f->kind == GENERATION_DIR)
		json_object_set_new(o, "dir", json_true());
	else
		json_object_update_new(o,
			json_pack("{s:I, s:s}", "size", (json_int_t)f->size, "digest", f->digest));
	return o;
}

static int by_id(const void *a, const void *b)
{
	const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

static json_t *members_json(const struct cluster *c)
{
	const struct node *voters[CLUSTER_MAX_NODES] = {0};
	json_t *list = json_array();
	size_t n = 0;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (c->nodes[i].roles & (ROLE_DATA | ROLE_ARBITER))
			voters[n++] = &c->nodes[i];
	}
	qsort(voters, n, sizeof(voters[0]), by_id);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:i, s:[s], s:s}", "name", voters[i]->name, "id",
				      (int)voters[i]->id, "roles",
				      voters[i]->roles & ROLE_DATA ? "data" : "arbiter", "address",
				      voters[i]->address));
	return list;
}

json_t *rendering_list(const struct rendering *r, const struct state *s)
{
	json_t *nodes = json_object();

	for (size_t i = 0; i < r->n; i++) {
		json_t *files = json_array();
		for (size_t k = 0; k < r->nodes[i].n; k++)
			json_array_append_new(files, file_json(&r->nodes[i].files[k]));
		json_object_set_new(nodes, r->nodes[i].node->name, files);
	}
	return json_pack("{s:i, s:s, s:i, s:s, s:s, s:o, s:o}", "bramble", 1, "cluster", s->id,
		"generation", (int)s->generation, "built", s->built, "neo4j", r->neo4j, "members",
		members_json(r->cluster), "nodes", nodes);
}

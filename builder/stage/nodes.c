/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One image per node, made in the build's own folder, several at a time. A finished one is
 * NAME.img with .NAME.recipe beside it; until then it has another name. So a build that was killed
 * finds what it had finished.
 */
#include <string.h>
#include <sys/stat.h>
#include "digest.h"
#include "image/sparse.h"
#include "pipeline.h"
#include "workers.h"

struct task {
	struct build *b;
	const struct node *node;
	struct recipe recipe;
};

bool pipeline_wants(const struct build *b, const struct node *n)
{
	return !b->only || strcmp(b->only, n->name) == 0;
}

char *nodes_recipe_path(const char *dir, const char *node)
{
	return xasprintf("%s/.%s.recipe", dir, node);
}

static int add_overlays(const struct build *b, struct recipe *r, struct err *e)
{
	char key[HASH_HEX];
	struct hash h;

	hash_begin(&h);
	for (size_t i = 0; i < b->cluster->noverlays; i++) {
		if (hash_tree(&h, b->inputs.overlays[i], e) < 0)
			return -1;
	}
	hash_end(&h, key);
	recipe_text(r, "overlays", key);
	return 0;
}

/* The whole of cluster.conf: a node knows all the others. The program: nodes are cheap to make. */
int nodes_recipe(const struct build *b, const struct node *n, struct recipe *r, struct err *e)
{
	const struct step *last = stages_last(b, n->roles);
	const struct inputs *in = &b->inputs;

	*r = (struct recipe){0};
	recipe_text(r, last->stage->name, last->key);
	recipe_number(r, "bramble's code", NODE_VERSION);
	recipe_text(r, "node", n->name);
	recipe_text(r, NODES_CLUSTER, b->state.id);
	recipe_bytes(r, "cluster's state", &b->state, sizeof(b->state));
	recipe_bytes(r, "ssh key", buf_str(&in->ssh_key), in->ssh_key.len);
	recipe_bytes(r, "Wi-Fi passphrase", buf_str(&in->passphrase), in->passphrase.len);
	recipe_bytes(r, "TLS certificate", buf_str(&in->tls.certificate), in->tls.certificate.len);
	recipe_bytes(r, "TLS key", buf_str(&in->tls.key), in->tls.key.len);
	recipe_text(r, "forced release", in->force_release ? in->force_release : "");
	if (b->restore && recipe_path(r, "backup", b->restore, e) < 0)
		return -1;
	if (add_overlays(b, r, e) < 0 || recipe_path(r, "bramble itself", "/proc/self/exe", e) < 0)
		return -1;
	return recipe_path(r, "cluster.conf", b->cluster->path, e);
}

static int make_image(struct task *t, const char *part, struct err *e)
{
	const struct step *last = stages_last(t->b, t->node->roles);

	if (sparse_copy_file(last->image, part, e) < 0 || node_finish(t->b, t->node, part, e) < 0)
		return -1;
	return publish_sync(part, e);
}

/*
 * In a process of its own, which must keep no folder locked: when the build is killed
 * it dies too, but not before the kernel has ended a write, and by then the next build may be here.
 * The name without a build's number is only for what is whole.
 */
static int make_node(void *arg, struct err *e)
{
	struct task *t = arg;

	const char *name = t->node->name, *dir = t->b->work;
	_cleanup_free_ char *part = xasprintf("%s/.%s.%d", dir, name, (int)getpid());
	_cleanup_free_ char *image = xasprintf("%s/%s.img", dir, name);
	_cleanup_free_ char *recipe = nodes_recipe_path(dir, name);

	close(t->b->lock);
	close(t->b->cache.lock);
	if (make_image(t, part, e) < 0 || recipe_save(&t->recipe, recipe, e) < 0)
		return err_prefix(e, "node \"%s\"", name);
	return rename(part, image) < 0 ? err_errno(e, "%s", image) : 0;
}

/* Of a build that was killed, and of the same ingredients? Else it is in the way. */
static bool is_finished(const struct task *t)
{
	_cleanup_free_ char *image = xasprintf("%s/%s.img", t->b->work, t->node->name);
	_cleanup_free_ char *path = nodes_recipe_path(t->b->work, t->node->name);
	char want[HASH_HEX], have[HASH_HEX];
	struct recipe made;

	recipe_key(&t->recipe, want);
	if (access(image, F_OK) == 0 && recipe_load(&made, path)) {
		recipe_key(&made, have);
		if (strcmp(want, have) == 0)
			return true;
	}
	unlink(image);
	unlink(path);
	return false;
}

static int build_node(struct workers *w, struct task *t, struct err *e)
{
	const struct node *n = t->node;

	if (nodes_recipe(t->b, n, &t->recipe, e) < 0)
		return -1;
	if (is_finished(t)) {
		pipeline_skip_step(t->b);
		return 0;
	}
	progress_step(&t->b->progress, "%s (%s, %s)", n->name, roles_text(n->roles),
		node_place(t->b->cluster, n));
	return workers_start(w, make_node, t, e);
}

int nodes_build(struct build *b, struct err *e)
{
	struct workers w = {.max = b->jobs};
	struct task t = {.b = b};

	for (size_t i = 0; i < cluster_nimages(b->cluster); i++) {
		t.node = cluster_image(b->cluster, i);
		if (pipeline_wants(b, t.node) && build_node(&w, &t, e) < 0) {
			workers_stop(&w);
			return -1;
		}
	}
	return workers_finish(&w, e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A build from beginning to end; the parts are in the files pipeline.h names. */
#include "io.h"
#include "pipeline.h"

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

void pipeline_skip_step(struct build *b)
{
	b->progress.step++;
}

static int begin(
	struct build *b, const struct cluster *c, const struct build_options *o, struct err *e)
{
	*b = (struct build){.cluster = c, .twin = o->twin, .only = o->only, .cache = CACHE_NONE};
	progress_begin(
		&b->progress, o->quiet ? NULL : stderr, 1 + stages_count() + (unsigned)c->nnodes);
	/* A twin's base is bramble's own. */
	b->inputs.force_release = o->twin ? NULL : o->force_release;
	return inputs_find(c, o->twin, &b->inputs, e);
}

static int look_into_base(struct build *b, struct err *e)
{
	if (cache_open(&b->cache, e) < 0)
		return -1;
	return plan_card(b, e);
}

int build_plan(
	struct build *b, const struct cluster *c, const struct build_options *o, struct err *e)
{
	return begin(b, c, o, e) < 0 ? -1 : look_into_base(b, e);
}

int build_cluster(const struct cluster *c, const struct build_options *o, struct err *e)
{
	_cleanup_build_ struct build b = {.cache = CACHE_NONE};

	if (begin(&b, c, o, e) < 0 || publish_prepare_out(&b, o, e) < 0)
		return -1;
	_cleanup_close_ int lock = publish_lock(b.out, e);
	if (lock < 0 || publish_prepare_work(&b, e) < 0 || look_into_base(&b, e) < 0 ||
		(o->peek ? state_peek : state_open)(c, &b.state, e) < 0)
		return -1;
	if (nodes_build(&b, e) < 0 || outputs_make(&b, &o->output, e) < 0)
		return -1;
	return publish_images(&b, e);
}

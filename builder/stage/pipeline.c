/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A build from beginning to end; the parts are in the files pipeline.h names. */
#include "cache_list.h"
#include "io.h"
#include "pipeline.h"
#include "workers.h"

void build_free(struct build *b)
{
	struct err ignored;

	progress_end(&b->progress);
	ahead_end(b);
	if (b->work && io_remove_tree(b->work, &ignored) < 0)
		fprintf(stderr, "bramble: %s\n", ignored.msg);
	inputs_free(&b->inputs);
	cache_close(&b->cache);
	for (size_t i = 0; i < STEPS; i++)
		free(b->step[i].image);
	free(b->out);
	free(b->work);
}

void pipeline_skip_step(struct build *b)
{
	b->progress.step++;
}

int pipeline_begin(
	struct build *b, const struct cluster *c, const struct build_options *o, struct err *e)
{
	*b = (struct build){.cluster = c,
		.twin = o->twin,
		.only = o->only,
		.restore = o->restore,
		.cache = CACHE_NONE};
	b->jobs = o->jobs ? o->jobs : workers_processors();
	progress_begin(
		&b->progress, o->quiet ? NULL : stderr, STEPS + (unsigned)cluster_nimages(c));
	/* A twin's base is bramble's own. */
	if (!o->twin)
		b->inputs.force_release = o->force_release ? o->force_release : c->force_release;
	return inputs_find(c, o->twin, &b->inputs, e) < 0 ? -1 : restore_store_look(b, e);
}

int build_plan(
	struct build *b, const struct cluster *c, const struct build_options *o, struct err *e)
{
	if (pipeline_begin(b, c, o, e) < 0 || cache_open(&b->cache, e) < 0)
		return -1;
	return plan_card(b, e);
}

int pipeline_credentials(struct build *b, enum credentials_how how, struct err *e)
{
	return authority_open(b->cluster, how, time(NULL), &b->inputs.tls, e);
}

static int make_images(struct build *b, const struct build_options *o, struct err *e)
{
	if (cache_open(&b->cache, e) < 0 || plan_base(b, e) < 0 || ahead_start(b, 0, e) < 0)
		return -1;
	if (plan_card(b, e) < 0 || ahead_start(b, STEPS - 2, e) < 0 ||
		(o->peek ? state_peek : state_open)(b->cluster, &b->state, e) < 0 ||
		pipeline_credentials(b, o->peek ? CREDENTIALS_PEEK : CREDENTIALS_KEEP, e) < 0)
		return -1;
	if (stages_run(b, 1, STEPS, e) < 0 || nodes_build(b, e) < 0)
		return -1;
	return outputs_make(b, &o->output, e);
}

static void show_notes(const struct build *b)
{
	const struct credentials *t = &b->inputs.tls;

	neo4j_conf_notes(b, stderr);
	if (t->certificate.len && (t->renewed || t->days_left < CREDENTIALS_SOON))
		fprintf(stderr, "bramble: the proxies' certificate%s ends in %ld days%s\n",
			t->renewed ? " is new, and" : "", t->days_left,
			t->renewed ? "; bramble apply takes it to a live cluster" : "");
	/* Nodes that have the new one alone let none of these cards in. */
	if (b->state.next[0])
		fprintf(stderr,
			"bramble: a change of the cluster's secret is not finished, and these "
			"cards have the one of before: say bramble rotate %s again first, then "
			"build\n",
			b->cluster->path);
}

int build_cluster(const struct cluster *c, const struct build_options *o, struct err *e)
{
	_cleanup_build_ struct build b = {.cache = CACHE_NONE};
	uint64_t max, freed;

	if (cache_limit(&max, e) < 0 || pipeline_begin(&b, c, o, e) < 0 ||
		publish_prepare_out(&b, o, e) < 0)
		return -1;
	_cleanup_close_ int lock = b.lock = publish_lock(b.out, e);
	if (lock < 0 || publish_prepare_work(&b, e) < 0 || make_images(&b, o, e) < 0)
		return -1;
	if (publish_images(&b, e) < 0)
		return -1;
	if (!b.only && publish_departed(&b, o->prune, o->quiet, e) < 0)
		return -1;
	if (!o->quiet)
		show_notes(&b);
	/* What this build used is the newest, and locked. */
	return cache_trim(b.cache.dir, max, &freed, e);
}

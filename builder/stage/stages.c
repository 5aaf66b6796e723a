/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cached stages: their keys, and running those that are not there. */
#include <string.h>
#include "image/sparse.h"
#include "pipeline.h"

static const struct stage *const stages[STEPS] = {
	&stage_base, &stage_os, &stage_java, &stage_neo4j};

static int plan_step(struct build *b, size_t n, struct err *e)
{
	struct step *s = &b->step[n];

	s->stage = stages[n];
	s->recipe = (struct recipe){0};
	if (n > 0)
		recipe_text(&s->recipe, stages[n - 1]->name, b->step[n - 1].key);
	recipe_number(&s->recipe, "bramble's code", s->stage->version);
	if (s->stage->ingredients(b, &s->recipe, e) < 0)
		return -1;
	recipe_key(&s->recipe, s->key);
	free(s->image);
	s->cached = cache_find(&b->cache, s->stage->name, s->key, &s->image);
	return 0;
}

int stages_plan(struct build *b, size_t from, size_t end, struct err *e)
{
	for (size_t i = from; i < end; i++) {
		if (plan_step(b, i, e) < 0)
			return -1;
	}
	return 0;
}

static int run_step(struct build *b, size_t n, struct err *e)
{
	const struct step *s = &b->step[n];
	_cleanup_free_ char *tmp = cache_temporary(&b->cache, s->stage->name);

	if (!s->stage->whole && sparse_copy_file(b->step[n - 1].image, tmp, e) < 0)
		return -1;
	if (s->stage->run(b, tmp, e) < 0)
		return -1;
	return cache_publish(&b->cache, tmp, s->image, &s->recipe, e);
}

/* Roles of the nodes that are to be made. */
static unsigned wanted_roles(const struct build *b)
{
	unsigned roles = 0;

	for (size_t i = 0; i < cluster_nimages(b->cluster); i++) {
		const struct node *n = cluster_image(b->cluster, i);
		roles |= pipeline_wants(b, n) ? n->roles : 0;
	}
	return roles;
}

const char *stages_name(size_t n)
{
	return stages[n]->name;
}

bool stages_needed(const struct build *b, size_t n)
{
	return (stages[n]->roles & wanted_roles(b)) != 0;
}

int stages_run(struct build *b, size_t from, size_t end, struct err *e)
{
	for (size_t i = from; i < end; i++) {
		if (b->step[i].cached || !stages_needed(b, i)) {
			pipeline_skip_step(b);
			continue;
		}
		progress_step(&b->progress, "%s", stages[i]->name);
		if (run_step(b, i, e) < 0)
			return i ? err_prefix(e, "stage %s", stages[i]->name) : -1;
	}
	return 0;
}

const struct step *stages_last(const struct build *b, unsigned roles)
{
	size_t i = STEPS - 1;

	while (i > 0 && !(stages[i]->roles & roles))
		i--;
	return &b->step[i];
}

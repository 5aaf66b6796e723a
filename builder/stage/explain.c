/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a build would do and why; makes nothing. */
#include "pipeline.h"

/* Why a stage that is not cached has to run: against the recipe of the last one that was used. */
static char *why_step(const struct build *b, const struct step *s)
{
	struct recipe before;

	if (!cache_newest_recipe(&b->cache, s->stage->name, &before))
		return xstrdup("nothing is cached");
	_cleanup_free_ char *names = recipe_changes(&s->recipe, &before);
	if (!*names)
		return xstrdup("its image is gone");
	return xasprintf("changed: %s", names);
}

static void explain_step(const struct build *b, size_t n)
{
	const struct step *s = &b->step[n];

	if (!stages_needed(b, n)) {
		printf("%-10s not needed\n", s->stage->name);
	} else if (s->cached) {
		printf("%-10s cached\n", s->stage->name);
	} else {
		_cleanup_free_ char *why = why_step(b, s);
		printf("%-10s runs: %s\n", s->stage->name, why);
	}
}

/* Nodes are made by every build; what matters is whether they will differ. */
static int explain_node(const struct build *b, const struct node *n, struct err *e)
{
	_cleanup_free_ char *path = nodes_recipe_path(b->out, n->name);
	struct recipe now, before;

	if (nodes_recipe(b, n, &now, e) < 0)
		return -1;
	if (!recipe_load(&before, path)) {
		printf("%-10s runs: it was not built before\n", n->name);
		return 0;
	}
	_cleanup_free_ char *names = recipe_changes(&now, &before);
	if (*names)
		printf("%-10s runs: changed: %s\n", n->name, names);
	else
		printf("%-10s runs: as each time; nothing changed\n", n->name);
	return 0;
}

/* The other keys need to know what is in the base. */
static int explain_uncached(const struct build *b)
{
	explain_step(b, 0);
	for (size_t i = 1; i < STEPS; i++)
		printf("%-10s runs: depends on base\n", stages_name(i));
	for (size_t i = 0; i < cluster_nimages(b->cluster); i++)
		printf("%-10s runs: depends on base\n", cluster_image(b->cluster, i)->name);
	return 0;
}

static int explain_all(struct build *b, struct err *e)
{
	if (plan_base(b, e) < 0)
		return -1;
	if (!b->step[0].cached)
		return explain_uncached(b);
	if (plan_look(b, e) < 0 || stages_plan(b, 1, STEPS, e) < 0)
		return -1;
	for (size_t i = 0; i < STEPS; i++)
		explain_step(b, i);
	for (size_t i = 0; i < cluster_nimages(b->cluster); i++) {
		if (explain_node(b, cluster_image(b->cluster, i), e) < 0)
			return -1;
	}
	return 0;
}

/* Without a state folder there is no cluster yet: all its nodes are new. */
static void look_at_state(struct build *b)
{
	struct err ignored;

	if (state_peek(b->cluster, &b->state, &ignored) < 0)
		b->state = (struct state){0};
	(void)!pipeline_credentials(b, CREDENTIALS_PEEK, &ignored);
}

int build_explain(const struct cluster *c, const struct build_options *o, struct err *e)
{
	_cleanup_build_ struct build b = {.cache = CACHE_NONE};

	if (pipeline_begin(&b, c, o, e) < 0 || cache_open(&b.cache, e) < 0)
		return -1;
	b.out = o->out ? xstrdup(o->out) : cluster_images_dir(c);
	look_at_state(&b);
	return explain_all(&b, e);
}

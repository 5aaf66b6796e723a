/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first half of a build: the base image in the cache, what is in it, how a card is laid out. */
#include <string.h>
#include <sys/stat.h>
#include "input/archive.h"
#include "pipeline.h"

#define ALIGN (UINT64_C(4) << 20)

static uint64_t align_up(uint64_t bytes)
{
	return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static int base_ingredients(const struct build *b, struct recipe *r, struct err *e)
{
	return recipe_path(r, "base image", b->inputs.base, e);
}

/*
 * No base is larger than the smallest card; what claims to be is no image. What is bad never gets
 * into the cache.
 */
static int base_run(struct build *b, const char *image, struct err *e)
{
	struct table t;

	if (archive_decompress(b->inputs.base, image, b->cluster->size, &b->progress, e) < 0)
		return -1;
	if (table_read_base(image, &t, e) < 0)
		return err_prefix(e, "%s", b->inputs.base);
	return inputs_check_root(b->inputs.base, image, &t.part[1], e);
}

const struct stage stage_base = {
	.name = "base",
	.version = 1,
	.whole = true,
	.roles = ROLE_DATA | ROLE_ARBITER | ROLE_PROXY,
	.ingredients = base_ingredients,
	.run = base_run,
};

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

/* What p2 may have at most, with all else on the smallest card. */
static uint64_t root_room(const struct build *b)
{
	const struct cluster *c = b->cluster;
	uint64_t rest =
		b->base_table.part[1].start + ALIGN + align_up(c->data_size) + c->reserved_end;

	return c->size > rest ? (c->size - rest) / ALIGN * ALIGN : 0;
}

/*
 * What cluster.conf says, or what fits: bramble adds some 600 MB of Java and Neo4j at most. Where
 * the usual headroom is too much for the card, less of it has to do.
 */
static uint64_t root_size(const struct build *b)
{
	uint64_t base = b->base_table.part[1].size, room = root_room(b);
	uint64_t usual = base + ROOT_HEADROOM > ROOT_DEFAULT ? base + ROOT_HEADROOM : ROOT_DEFAULT;

	if (b->cluster->root_size)
		return b->cluster->root_size / ALIGN * ALIGN;
	return (room >= base + ROOT_TIGHT && room < usual ? room : usual) / ALIGN * ALIGN;
}

/* p1 as it is, p2 of the cluster's size, p3 right behind it, then what stays free. */
static int lay_out(struct build *b, struct err *e)
{
	const struct cluster *c = b->cluster;
	const struct extent *root = &b->base_table.part[1];
	uint64_t size = root_size(b);
	struct table *t = &b->table;

	*t = b->base_table;
	if (size < root->size)
		return err_code(e, EXIT_CONFIG,
			"%s: root_size: the base image's root partition has %llu MiB already",
			c->path, (unsigned long long)(root->size >> 20));
	t->part[1].size = size;
	t->part[2].start = align_up(root->start + size);
	t->part[2].size = align_up(c->data_size);
	t->image_size = t->part[2].start + t->part[2].size;
	uint64_t need = t->image_size + c->reserved_end;
	if (need > c->size)
		return err_code(e, EXIT_CONFIG,
			"%s: size: the images need %llu MB, the smallest card has %llu MB; make "
			"size larger or root_size, data_size or reserved_end smaller",
			c->path, (unsigned long long)(need / 1000000),
			(unsigned long long)(c->size / 1000000));
	return 0;
}

int plan_look(struct build *b, struct err *e)
{
	const char *base = b->step[0].image;

	if (table_read_base(base, &b->base_table, e) < 0)
		return err_prefix(e, "%s", b->inputs.base);
	if (inputs_look_into(b->cluster, base, &b->base_table.part[1], &b->inputs, e) < 0 ||
		lay_out(b, e) < 0)
		return -1;
	return overlay_check(b, base, e);
}

int plan_base(struct build *b, struct err *e)
{
	return refuse_huge(b, e) < 0 ? -1 : stages_plan(b, 0, 1, e);
}

int plan_card(struct build *b, struct err *e)
{
	if (plan_base(b, e) < 0 || stages_run(b, 0, 1, e) < 0 || plan_look(b, e) < 0)
		return -1;
	return stages_plan(b, 1, STEPS, e);
}

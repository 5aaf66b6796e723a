/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cached stages between the base and the nodes, and their keys. */
#include <string.h>
#include "image/sparse.h"
#include "pipeline.h"

static const struct stage *const stages[] = {&stage_os, &stage_java, &stage_neo4j};

/* One key for "made by this program": its own bytes, embedded programs and overlays included. */
static int hash_self(struct hash *h, struct err *e)
{
	return hash_path(h, "/proc/self/exe", e);
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

int stages_run(struct build *b, unsigned roles, char **image, struct err *e)
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
			pipeline_skip_step(b);
		else if (run_stage(b, stages[i], before, path, e) < 0)
			return -1;
		free(before);
		before = steal(&path);
	}
	*image = steal(&before);
	return 0;
}

unsigned stages_count(void)
{
	return ARRAY_SIZE(stages);
}

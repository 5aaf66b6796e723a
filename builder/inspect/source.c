/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include "image/sparse.h"
#include "input/archive.h"
#include "run.h"
#include "source.h"

/* The largest card there is, 2 TB: what claims to be more is a bomb. */
#define IMAGE_MAX (UINT64_C(1) << 41)

bool source_is_compressed(const char *name)
{
	static const char *const suffixes[] = {".xz", ".gz", ".zst", ".zip"};

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		if (str_ends(name, suffixes[i]))
			return true;
	}
	return false;
}

static int decompress(struct source *s, const char *name, struct err *e)
{
	struct progress p;

	if (cache_open(&s->cache, e) < 0)
		return -1;
	s->image = cache_temporary(&s->cache, "inspect");
	progress_begin(&p, isatty(STDERR_FILENO) ? stderr : NULL, 1);
	progress_step(&p, "decompressing %s", name);
	int rc = archive_decompress(name, s->image, IMAGE_MAX, &p, e);
	progress_end(&p);
	return rc;
}

/* An absolute path: tools get it as an argument, and it must not look like an option. */
int source_open(struct source *s, const char *name, struct err *e)
{
	*s = SOURCE_NONE;
	if (access(name, R_OK) < 0)
		return err_code(e, EXIT_INPUT, "%s: %s", name, strerror(errno));
	if (source_is_compressed(name))
		return decompress(s, name, e);
	s->image = realpath(name, NULL);
	if (!s->image)
		return err_errno(e, "%s", name);
	return run_check_path(s->image, e);
}

int source_make_own(struct source *s, struct err *e)
{
	if (s->cache.work)
		return 0;
	if (cache_open(&s->cache, e) < 0)
		return -1;
	_cleanup_free_ char *copy = cache_temporary(&s->cache, "own");
	if (sparse_copy_file(s->image, copy, e) < 0)
		return err_prefix(e, "%s", copy);
	free(s->image);
	s->image = steal(&copy);
	return 0;
}

void source_close(struct source *s)
{
	cache_close(&s->cache);
	free(s->image);
	s->image = NULL;
}

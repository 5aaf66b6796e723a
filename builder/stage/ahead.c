/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Neo4j's archive comes last and takes longest after Java's packages, by one processor: where a
 * stage before it has to run too, another one decodes it meanwhile, to a file in the build's own
 * folder of the cache. The stages themselves cannot change places: each edits what the one before
 * has made.
 */
#include <errno.h>
#include <sys/statvfs.h>
#include "input/archive.h"
#include "pipeline.h"

/* With less free than this the disk has a better use for the room. */
#define ROOM (UINT64_C(8) << 30)
/* No Neo4j is as large; a bomb would not end. */
#define DECODED_MAX (UINT64_C(2) << 30)

/* What is damaged is the stage's to tell: it finds no decoded archive and reads the other. */
static int decode(void *arg, struct err *e)
{
	struct build *b = arg;

	close(b->lock);
	close(b->cache.lock);
	if (archive_decode(b->inputs.neo4j, b->decoded, DECODED_MAX, e) == 0)
		return 0;
	unlink(b->decoded);
	return e->code == EXIT_INPUT ? 0 : -1;
}

static bool has_room(const char *dir)
{
	struct statvfs v;

	return statvfs(dir, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize >= ROOM;
}

int ahead_start(struct build *b, size_t step, struct err *e)
{
	if (b->decoded || b->jobs < 2 || b->step[step].cached || !stages_needed(b, STEPS - 1) ||
		!has_room(b->cache.dir))
		return 0;
	b->decoded = cache_temporary(&b->cache, "decoded");
	b->ahead = (struct workers){.max = 1};
	return workers_start(&b->ahead, decode, b, e);
}

int ahead_finish(struct build *b, const char **decoded, struct err *e)
{
	*decoded = NULL;
	if (!b->decoded)
		return 0;
	if (workers_finish(&b->ahead, e) < 0)
		return -1;
	*decoded = access(b->decoded, F_OK) == 0 ? b->decoded : NULL;
	return 0;
}

void ahead_end(struct build *b)
{
	if (!b->decoded)
		return;
	workers_stop(&b->ahead);
	unlink(b->decoded);
	free(steal(&b->decoded));
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One save of one of the agent's state files, for torn_test.py to interrupt; and what is read back.
 *
 *	torn_steps save KIND DIR old|new
 *	torn_steps load KIND DIR		prints old, new, none (as on a new card), or torn
 */
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include "io.h"
#include "marker.h"
#include "memory.h"
#include "runtime.h"
#include "task/task.h"

#define NEITHER UINT64_MAX

/* A state in one number: OLD is what was, NEW what is written over it. */
enum { OLD = 41, NEW = 42 };

static uint64_t load_memory(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/bramble.quorum", dir);
	_cleanup_buf_ struct buf text = {0};
	struct durable d;
	struct err e;

	if (access(path, F_OK) < 0)
		return 0;
	if (io_read_file(path, MEMORY_MAX, &text, &e) < 0 ||
		memory_parse((const uint8_t *)buf_str(&text), text.len, &d) < 0)
		return NEITHER;
	return d.granted.term;
}

static int save_memory(const char *dir, uint64_t state, struct err *e)
{
	struct durable d = {.incarnation = 7, .granted = {.term = state}};

	return memory_save(dir, &d, e);
}

static uint64_t load_runtime(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/run", dir);
	struct runtime r;

	runtime_load(dir, &r);
	return r.run ? r.run : access(path, F_OK) < 0 ? 0 : NEITHER;
}

static int save_runtime(const char *dir, uint64_t state, struct err *e)
{
	struct runtime r = {.run = state};

	return runtime_save(dir, &r, e);
}

static uint64_t load_lease(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/lease", dir);
	int64_t lease_ms = lease_load(dir);

	return lease_ms ? (uint64_t)lease_ms : access(path, F_OK) < 0 ? 0 : NEITHER;
}

static int save_lease(const char *dir, uint64_t state, struct err *e)
{
	return lease_save(dir, (int64_t)state, e);
}

/* The marker is never "as on a new card": without one the agent holds. */
static uint64_t load_marker(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/bramble.marker", dir);
	_cleanup_buf_ struct buf text = {0};
	struct marker m;
	struct err e;

	if (io_read_file(path, 4096, &text, &e) < 0 ||
		marker_parse(path, buf_str(&text), &m, &e) < 0)
		return NEITHER;
	return m.state == MARKER_ASIDE ? NEW : OLD;
}

static int save_marker(const char *dir, uint64_t state, struct err *e)
{
	struct marker m = {.node = "pi1", .layout = MARKER_LAYOUT};

	return marker_set(dir, &m, state == OLD ? MARKER_SERVED : MARKER_ASIDE, e);
}

/* No file is no task: the step before the first. */
static uint64_t load_task(const char *dir)
{
	struct task t;
	struct err e;

	if (task_load(dir, &t, &e) < 0)
		return NEITHER;
	return t.step == TASK_NONE ? 0 : t.step == TASK_READY ? NEW : OLD;
}

static int save_task(const char *dir, uint64_t state, struct err *e)
{
	struct task t = {.id = 7, .keeper = 1, .step = state == OLD ? TASK_RESTED : TASK_READY};

	return task_save(dir, &t, e);
}

static uint64_t load_version(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/bramble.marker", dir);
	_cleanup_buf_ struct buf text = {0};
	struct marker m;
	struct err e;

	if (io_read_file(path, 4096, &text, &e) < 0 ||
		marker_parse(path, buf_str(&text), &m, &e) < 0)
		return NEITHER;
	return strcmp(m.neo4j, "3.5.0") == 0 ? NEW : OLD;
}

static int save_version(const char *dir, uint64_t state, struct err *e)
{
	struct marker m = {.node = "pi1", .layout = MARKER_LAYOUT};

	return marker_set_neo4j(dir, &m, state == OLD ? "3.4.10" : "3.5.0", e);
}

/* How it is not to be done: the test must find both. */
static int save_unsynced(const char *dir, uint64_t state, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/lease", dir);
	_cleanup_free_ char *next = xasprintf("%s.next", path);
	_cleanup_free_ char *text = xasprintf("%d\n", (int)state);
	_cleanup_close_ int fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || io_write_full(fd, text, strlen(text)) < 0 || rename(next, path) < 0)
		return err_errno(e, "%s", path);
	return 0;
}

static int save_in_place(const char *dir, uint64_t state, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/lease", dir);
	_cleanup_free_ char *text = xasprintf("%d\n", (int)state);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || io_write_full(fd, text, strlen(text)) < 0 || fsync(fd) < 0)
		return err_errno(e, "%s", path);
	return 0;
}

static const struct kind {
	const char *name;
	int (*save)(const char *dir, uint64_t state, struct err *e);
	uint64_t (*load)(const char *dir);
} kinds[] = {
	{"memory_save", save_memory, load_memory},
	{"runtime_save", save_runtime, load_runtime},
	{"lease_save", save_lease, load_lease},
	{"marker_set", save_marker, load_marker},
	{"marker_set_neo4j", save_version, load_version},
	{"task_save", save_task, load_task},
	{"careless-unsynced", save_unsynced, load_lease},
	{"careless-in-place", save_in_place, load_lease},
};

static const struct kind *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct kind *k = argc > 3 ? find(argv[2]) : NULL;
	struct err e = {0};

	if (!k || sodium_init() < 0)
		return 2;
	if (strcmp(argv[1], "load") == 0) {
		uint64_t state = k->load(argv[3]);
		puts(state == OLD ? "old" : state == NEW ? "new" : state == 0 ? "none" : "torn");
		return 0;
	}
	if (argc > 4 && k->save(argv[3], strcmp(argv[4], "old") == 0 ? OLD : NEW, &e) == 0)
		return 0;
	fprintf(stderr, "torn_steps: %s\n", e.msg);
	return 1;
}

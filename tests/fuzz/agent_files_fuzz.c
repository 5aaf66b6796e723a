/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as the small text files the agent keeps: the run, the lease and how far Neo4j's
 * log is known, in /run. What must hold: only what a save writes is believed, and all else is none:
 * no run, a lease that is over, no process.
 */
// use: node-agent/runtime.c
#include <sys/stat.h>
#include "buf.h"
#include "folder.h"
#include "node-agent/runtime.h"
#include "util.h"

static void put(const char *name, const uint8_t *data, size_t size)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder(), name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && io_write_full(fd, data, size) == 0);
}

static void must_be(const char *name, const uint8_t *data, size_t size)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder(), name);
	_cleanup_buf_ struct buf text = {0};
	struct err e;

	must(io_read_file(path, 1 << 20, &text, &e) == 0);
	must(text.len == size && memcmp(buf_str(&text), data, size) == 0);
}

static void try_runtime(const uint8_t *data, size_t size)
{
	struct runtime r;
	struct err e;

	put("run", data, size);
	runtime_load(folder(), &r);
	if (!r.run)
		return;
	must(runtime_save(folder(), &r, &e) == 0);
	must_be("run", data, size);
}

static void try_lease(const uint8_t *data, size_t size)
{
	struct err e;

	put("lease", data, size);
	int64_t lease_ms = lease_load(folder());
	if (!lease_ms)
		return;
	must(lease_save(folder(), lease_ms, &e) == 0);
	must_be("lease", data, size);
}

static void try_followed(const uint8_t *data, size_t size)
{
	struct followed f;
	struct err e;

	put("neo4j", data, size);
	followed_load(folder(), &f);
	must(f.log.at >= 0 && f.pid >= 0);
	if (!f.pid)
		return;
	must(followed_save(folder(), &f, &e) == 0);
	must_be("neo4j", data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_runtime(data, size);
	try_lease(data, size);
	try_followed(data, size);
	return 0;
}

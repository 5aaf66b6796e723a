/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files in folders that a less trusted user may write to: of a link nobody is told what is behind
 * it, and nobody waits at a pipe.
 */
// use: node-agent/discover/book.c node-agent/identity.c node-agent/runtime.c
// use: node-agent/apply/record.c node-agent/task/task.c node-agent/task/task_file.c
// use: node-agent/marker.c node-agent/hello.c node-agent/quorum/wire.c node-agent/memory.c
// use: node-agent/quorum/manifest.c node-agent/pin.c
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "below.h"
#include "config.h"
#include "node-agent/apply/enact.h"
#include "node-agent/discover/book.h"
#include "node-agent/identity.h"
#include "node-agent/memory.h"
#include "node-agent/runtime.h"
#include "node-agent/task/task.h"
#include "tap.h"

#define SECRET "root:$6$salt$hash:18000:0:99999:7:::\n"

static char dir[] = "/tmp/plain-test-XXXXXX";

static int read_plain(const char *path, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	return io_read_plain(path, 4096, &text, e);
}

static int read_config(const char *path, struct err *e)
{
	cfg_opt_t none[] = {CFG_END()};
	_cleanup_cfg_ cfg_t *cfg = config_load_plain(path, none, e);

	return cfg ? 0 : -1;
}

static int read_book(const char *path, struct err *e)
{
	struct book book;

	return book_load(path, &book, e);
}

static int read_identity(const char *path, struct err *e)
{
	static struct identity id;

	return identity_load_plain(path, &id, e);
}

static int read_task(const char *path, struct err *e)
{
	struct task t;

	(void)path;
	return task_load(dir, &t, e);
}

static int read_memory(const char *path, struct err *e)
{
	static struct durable d;

	(void)path;
	return memory_load(dir, &d, e);
}

static int read_order(const char *path, struct err *e)
{
	struct enact_order o;

	(void)path;
	e->msg[0] = '\0';
	return enact_order_load(dir, &o, e) ? 0 : -1;
}

static int read_run(const char *path, struct err *e)
{
	struct runtime r;

	(void)path;
	e->msg[0] = '\0';
	runtime_load(dir, &r);
	return r.run ? 0 : -1;
}

static const struct {
	const char *name;
	int (*read)(const char *path, struct err *e);
} readers[] = {
	{"bramble.any", read_plain},
	{"bramble.conf", read_config},
	{"bramble.peers", read_book},
	{"node.conf", read_identity},
	{"bramble.task", read_task},
	{"bramble.quorum", read_memory},
	{"order.json", read_order},
	{"run", read_run},
};

static void refuses(size_t i, const char *path, const char *what)
{
	struct err e = {0};

	ok(readers[i].read(path, &e) < 0 && !strstr(e.msg, "root"), "%s: %s is refused: %s",
		readers[i].name, what, e.msg);
	unlink(path);
}

static void test_refused(void)
{
	_cleanup_free_ char *secret = xasprintf("%s/secret", dir);

	put_below(dir, "/secret", SECRET, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, readers[i].name);
		if (symlink(secret, path) < 0)
			exit(1);
		refuses(i, path, "a link");
		alarm(10); /* ends this test if it waits */
		if (mkfifo(path, 0644) < 0)
			exit(1);
		refuses(i, path, "a pipe");
		alarm(0);
		if (mkdir(path, 0755) < 0)
			exit(1);
		refuses(i, path, "a folder");
		rmdir(path);
	}
}

static void test_taken(void)
{
	_cleanup_free_ char *path = xasprintf("%s/file", dir);
	_cleanup_buf_ struct buf text = {0};
	struct stat st;
	struct err e;

	put_below(dir, "/file", "text\n", 0644);
	is_int(io_read_plain(path, 5, &text, &e), 0, "a file is read");
	is_str(buf_str(&text), "text\n", "all of it");
	is_int(io_read_plain(path, 4, &text, &e), -1, "but one that is too large");
	errno = 0;
	is_int(io_open_plain(AT_FDCWD, "/nonexistent", &st, &e), -1, "none is no file");
	is_int(errno, ENOENT, "and that can be told");
	is_int(io_open_plain(AT_FDCWD, dir, &st, &e), -1, "nor is a folder");
	ok(errno != ENOENT, "but it is there");
}

int main(void)
{
	struct err e;

	if (!mkdtemp(dir))
		return 1;
	test_refused();
	test_taken();
	(void)!io_remove_tree(dir, &e);
	return done();
}

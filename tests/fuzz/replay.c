/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs a fuzz target over committed corpora with a plain compiler: replay DIR... feeds every file
 * of the directories to LLVMFuzzerTestOneInput. With -m N also N seeded mutations of each file.
 */
#include <dirent.h>
#include <stdint.h>
#include <string.h>
#include "buf.h"
#include "io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX (1u << 20)
#define FRONT 2048u

static uint32_t seed = 1;
static unsigned long runs;

static uint32_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static void run(const struct buf *b)
{
	LLVMFuzzerTestOneInput((const uint8_t *)buf_str(b), b->len);
	runs++;
}

/* Half of the time near the front: there binary formats have their numbers. */
static size_t next_place(size_t len)
{
	size_t front = len < FRONT ? len : FRONT;

	return next_random() % 2 ? next_random() % front : next_random() % len;
}

static char next_byte(void)
{
	static const char telling[] = "\r\n \t:;,0123456789abcdefx\"\\\0\x7f\xff";

	return next_random() % 4 ? telling[next_random() % (sizeof(telling) - 1)]
				 : (char)next_random();
}

/* A few random bytes changed, and sometimes the end cut off. */
static void run_mutated(const struct buf *b)
{
	_cleanup_buf_ struct buf m = {0};

	buf_add(&m, buf_str(b), b->len);
	for (uint32_t n = next_random() % 4 + 1; m.len && n; n--)
		m.data[next_place(m.len)] = next_byte();
	if (m.len && next_random() % 4 == 0)
		m.len = next_random() % m.len;
	run(&m);
}

static int replay_file(const char *path, long mutations, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	if (io_read_file(path, FILE_MAX, &b, e) < 0)
		return -1;
	run(&b);
	for (long i = 0; i < mutations; i++)
		run_mutated(&b);
	return 0;
}

static int replay_dir(const char *dir, long mutations, struct err *e)
{
	DIR *d = opendir(dir);

	if (!d)
		return err_errno(e, "%s", dir);
	int r = 0;
	for (struct dirent *ent; r == 0 && (ent = readdir(d));) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, ent->d_name);
		if (ent->d_name[0] != '.')
			r = replay_file(path, mutations, e);
	}
	closedir(d);
	return r;
}

int main(int argc, char **argv)
{
	struct err e;
	long mutations = 0;
	int i = 1;

	if (argc > 2 && strcmp(argv[1], "-m") == 0) {
		mutations = atol(argv[2]);
		i = 3;
	}
	for (; i < argc; i++) {
		if (replay_dir(argv[i], mutations, &e) < 0) {
			fprintf(stderr, "replay: %s\n", e.msg);
			return 1;
		}
	}
	printf("%lu inputs\n", runs);
	return runs == 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "stage/cache_list.h"

#define MB 1000000

static int print_list(const char *dir, struct err *e)
{
	_cleanup_cache_list_ struct cache_list l = {0};

	if (cache_list_read(&l, dir, e) < 0)
		return -1;
	for (size_t i = l.n; i-- > 0;) {
		const struct cached *c = &l.list[i];
		char used[32];
		strftime(used, sizeof(used), "%Y-%m-%d %H:%M", localtime(&c->used.tv_sec));
		printf("%-8s %s %6llu MB  used %s%s\n", c->stage, c->key,
			(unsigned long long)(c->bytes / MB), used, c->in_use ? ", in use" : "");
	}
	return 0;
}

static int print_size(const char *dir, struct err *e)
{
	_cleanup_cache_list_ struct cache_list l = {0};
	uint64_t max;

	if (cache_limit(&max, e) < 0 || cache_list_read(&l, dir, e) < 0)
		return -1;
	printf("%zu images, %llu MB of at most %llu MB, in %s\n", l.n,
		(unsigned long long)(l.bytes / MB), (unsigned long long)(max / MB), dir);
	return 0;
}

static int report_freed(const char *dir, uint64_t max, struct err *e)
{
	uint64_t freed;

	if (cache_trim(dir, max, &freed, e) < 0)
		return -1;
	printf("%llu MB freed\n", (unsigned long long)(freed / MB));
	return 0;
}

static int clean(const char *dir, struct err *e)
{
	return report_freed(dir, 0, e);
}

static int trim(const char *dir, struct err *e)
{
	uint64_t max;

	return cache_limit(&max, e) < 0 ? -1 : report_freed(dir, max, e);
}

static const struct verb {
	const char *name;
	int (*run)(const char *dir, struct err *e);
} verbs[] = {
	{"list", print_list},
	{"size", print_size},
	{"trim", trim},
	{"clean", clean},
};

static int cache(int argc, char **argv, struct err *e)
{
	int end = command_next(&cache_command, argc, argv, e);

	if (end != COMMAND_END)
		return command_result(end);
	const char *name = optind < argc ? argv[optind] : "list";
	_cleanup_free_ char *dir = cache_stages_dir();
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(name, verbs[i].name) == 0)
			return verbs[i].run(dir, e);
	}
	return err_code(e, EXIT_USAGE, "cache: no \"%s\"; see bramble cache --help", name);
}

const struct command cache_command = {
	.name = "cache",
	.operands = "[list | size | trim | clean]",
	.max = 1,
	.summary = "show or empty the cache of finished stages",
	.about =
		"The cached images of stages, last used first; how large they are and may become\n"
		"(BRAMBLE_CACHE_MAX); trim removes the longest unused ones down to that, as every\n"
		"build does; clean removes all that no build uses right now.",
	.run = cache,
};

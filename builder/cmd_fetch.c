/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "buf.h"
#include "cmd.h"
#include "fetch/fetch.h"
#include "fetch/partial.h"
#include "fetch/url.h"
#include "input/inputs.h"

#define STALL_S 30
#define STALL_MAX_S 3600

struct order {
	bool list;
	struct fetch_options fetch;
};

static const struct command_option options[] = {
	{"list", 'l', NULL, "say what there is, and what of it is in the inputs folder"},
	{"mirror", 'm', "URL", "take everything from there, by the same paths behind it"},
	{"timeout", 't', "SECONDS", "give up on a server that sends nothing for so long (30)"},
	{0},
};

static int parse_seconds(const char *text, unsigned *seconds, struct err *e)
{
	char end;

	if (sscanf(text, "%u%c", seconds, &end) == 1 && *seconds > 0 && *seconds <= STALL_MAX_S)
		return 0;
	return err_code(e, EXIT_USAGE, "--timeout wants a number from 1 to %d", STALL_MAX_S);
}

static int set_mirror(const char *url, struct order *o, struct err *e)
{
	if (!url_is_web(url))
		return err_code(
			e, EXIT_USAGE, "--mirror %s: is no http:// or https:// address", url);
	o->fetch.mirror = url;
	return 0;
}

static int set_option(int key, struct order *o, struct err *e)
{
	if (key == 'm')
		return set_mirror(optarg, o, e);
	if (key == 't')
		return parse_seconds(optarg, &o->fetch.stall_s, e);
	o->list = true;
	return 0;
}

static int print_list(const struct catalogue *c, const char *dir)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct catalogue_entry *x = &c->entries[i];
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, x->file);
		_cleanup_free_ char *part = partial_path(dir, x->file);
		const char *state = access(path, F_OK) == 0   ? "here"
				    : access(part, F_OK) == 0 ? "partly"
							      : "";
		printf("%-28s %-6s  %s\n", x->name, state, x->what);
		printf("%-28s         licence: %s\n", "", x->licence);
	}
	printf("%zu entries; the files go to %s\n", c->n, dir);
	return 0;
}

/* How many of the words of `name`, which are between its dashes, x's name has. */
static unsigned likeness(const struct catalogue_entry *x, const char *name)
{
	_cleanup_free_ char *words = xstrdup(name);
	unsigned n = 0;

	for (char *rest = words, *word; (word = strsep(&rest, "-"));)
		n += *word && strstr(x->name, word);
	return n;
}

static int unknown(const struct catalogue *c, const char *name, struct err *e)
{
	_cleanup_buf_ struct buf near = {0};
	unsigned best = 1;

	for (size_t i = 0; i < c->n; i++) {
		unsigned n = likeness(&c->entries[i], name);
		if (n > best)
			buf_consume(&near, near.len);
		if (n > best)
			best = n;
		if (n == best)
			buf_printf(
				&near, "%s %s", near.len ? "," : "; near it:", c->entries[i].name);
	}
	return err_code(e, EXIT_USAGE, "no \"%s\" in the catalogue%s; bramble fetch --list has all",
		name, buf_str(&near));
}

static int fetch_all(const struct catalogue *c, char **names, const struct order *o, struct err *e)
{
	/* A wrong name is told before the first hour of downloading. */
	for (char **n = names; *n; n++) {
		if (!catalogue_find(c, *n))
			return unknown(c, *n, e);
	}
	for (char **n = names; *n; n++) {
		if (fetch_entry(catalogue_find(c, *n), &o->fetch, e) < 0)
			return -1;
	}
	return 0;
}

static int work(char **names, struct order *o, struct err *e)
{
	_cleanup_catalogue_ struct catalogue c = {0};
	_cleanup_free_ char *dir = inputs_dir();

	o->fetch.dir = dir;
	if (catalogue_load(&c, dir, e) < 0)
		return -1;
	return o->list || !*names ? print_list(&c, dir) : fetch_all(&c, names, o, e);
}

static int fetch(int argc, char **argv, struct err *e)
{
	struct order o = {.fetch = {.stall_s = STALL_S, .out = stdout}};
	int key;

	while ((key = command_next(&fetch_command, argc, argv, e)) >= 0) {
		if (set_option(key, &o, e) < 0)
			return -1;
	}
	if (key != COMMAND_END)
		return command_result(key);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
		return err_set(e, "libcurl cannot start");
	int rc = work(argv + optind, &o, e);
	curl_global_cleanup();
	return rc;
}

const struct command fetch_command = {
	.name = "fetch",
	.operands = "[NAME...]",
	.max = -1,
	.summary = "download base images, Neo4j and Java",
	.about =
		"Downloads entries of the catalogue into the inputs folder; base, neo4j and java "
		"of a\n"
		"cluster.conf may name them. What broke off is gone on from. Without NAME it lists "
		"them.",
	.options = options,
	.run = fetch,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libconfuse calls an option's validcb after each scalar it sets, after each element of a list and
 * again at the list's end, and after each section it closes. Every option of a table gets ours,
 * which remembers what was completed in this parse: anything more for the same option is a
 * repeated key. Callbacks carry no user pointer, hence the file-static parse state; a parse never
 * nests.
 *
 * libconfuse takes the end of the file for a missing "}". The text is therefore parsed with a call
 * of the function END_MARK behind it, which exists at the top level only.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "buf.h"
#include "config.h"
#include "io.h"

#define CONFIG_MAX (1u << 20)
#define END_MARK "__end_of_file"

struct seen_option {
	cfg_opt_t *opt;
	unsigned size; /* of a list, when last called */
	bool complete;
};

static struct {
	struct err *err;
	const char *name;
	struct seen_option *seen;
	size_t seen_len;
	bool reached_end;
} parse;

static PRINTF(2, 0) void on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	char msg[512];

	/* libconfuse also calls this after the parse, when a missing section is asked for. */
	if (!parse.err || parse.err->code)
		return;
	vsnprintf(msg, sizeof(msg), fmt, ap);
	err_code(parse.err, EXIT_CONFIG, "%s:%d: %s", parse.name, cfg ? cfg->line : 0,
		strstr(msg, END_MARK) ? "the file ends inside a section: \"}\" is missing" : msg);
}

static int on_end_mark(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	(void)cfg, (void)opt, (void)argc, (void)argv;
	parse.reached_end = true;
	return 0;
}

static struct seen_option *seen_option(cfg_opt_t *opt)
{
	for (size_t i = 0; i < parse.seen_len; i++) {
		if (parse.seen[i].opt == opt)
			return &parse.seen[i];
	}
	parse.seen = xreallocarray(parse.seen, parse.seen_len + 1, sizeof(*parse.seen));
	parse.seen[parse.seen_len] = (struct seen_option){.opt = opt};
	return &parse.seen[parse.seen_len++];
}

/* libconfuse keeps no lines of options, but a comment each, which nothing else here uses. */
static void remember_line(cfg_t *cfg, cfg_opt_t *opt)
{
	char where[512];

	snprintf(where, sizeof(where), "%s:%d", parse.name, cfg->line);
	(void)cfg_opt_setcomment(opt, where);
}

static int refuse_repetition(cfg_t *cfg, cfg_opt_t *opt)
{
	remember_line(cfg, opt);
	if (opt->flags & CFGF_MULTI)
		return 0;
	struct seen_option *s = seen_option(opt);
	if (s->complete) {
		cfg_error(cfg, "%s is set twice", cfg_opt_name(opt));
		return -1;
	}
	unsigned size = cfg_opt_size(opt);
	s->complete = !(opt->flags & CFGF_LIST) || size == s->size;
	s->size = size;
	return 0;
}

static void add_checks(cfg_opt_t *opts)
{
	for (; opts->name; opts++) {
		opts->validcb = refuse_repetition;
		if (opts->type == CFGT_SEC)
			add_checks(opts->subopts);
	}
}

/* libconfuse copies the table in cfg_init, so ours may go right after it. */
static cfg_t *init_with_end_mark(cfg_opt_t *opts)
{
	size_t n = 0;

	while (opts[n].name)
		n++;
	_cleanup_free_ cfg_opt_t *with_end = xcalloc(n + 2, sizeof(*opts));
	memcpy(with_end, opts, n * sizeof(*opts));
	with_end[n] = (cfg_opt_t)CFG_FUNC(END_MARK, on_end_mark);
	with_end[n + 1] = (cfg_opt_t)CFG_END();
	add_checks(opts);
	for (size_t i = 0; i < n; i++)
		with_end[i].validcb = refuse_repetition;
	return cfg_init(with_end, CFGF_NONE);
}

static const struct {
	const char *text, *why;
} refused[] = {
	{"${", "nothing here is taken from the environment"},
	{END_MARK, "it is what ends a file for the parser"},
};

static int refuse_text(const char *name, const char *text, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const char *at = strstr(text, refused[i].text);
		int line = 1;
		for (const char *p = text; at && p < at; p++)
			line += *p == '\n';
		if (at)
			return err_code(e, EXIT_CONFIG, "%s:%d: \"%s\" is not allowed: %s", name,
				line, refused[i].text, refused[i].why);
	}
	return 0;
}

cfg_t *config_parse(const char *name, const char *text, cfg_opt_t *opts, struct err *e)
{
	if (refuse_text(name, text, e) < 0)
		return NULL;
	_cleanup_cfg_ cfg_t *cfg = init_with_end_mark(opts);
	if (!cfg) {
		err_set(e, "%s: cannot start the parser", name);
		return NULL;
	}
	_cleanup_free_ char *marked = xasprintf("%s\n" END_MARK "()\n", text);
	_cleanup_fclose_ FILE *f = fmemopen(marked, strlen(marked), "r");
	if (!f) {
		err_errno(e, "%s", name);
		return NULL;
	}
	free(cfg->filename);
	cfg->filename = strdup(name);
	cfg_set_error_function(cfg, on_error);
	parse.err = e;
	parse.name = name;
	e->code = 0;
	bool ok = cfg_parse_fp(cfg, f) == CFG_SUCCESS && parse.reached_end;
	free(parse.seen);
	memset(&parse, 0, sizeof(parse));
	if (ok)
		return steal(&cfg);
	if (!e->code)
		err_code(e, EXIT_CONFIG, "%s: cannot be parsed", name);
	return NULL;
}

typedef int read_fn(const char *path, size_t max, struct buf *b, struct err *e);

static cfg_t *load(const char *path, read_fn *read_it, cfg_opt_t *opts, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};

	if (read_it(path, CONFIG_MAX, &b, e) < 0) {
		e->code = EXIT_CONFIG;
		return NULL;
	}
	if (b.len && memchr(b.data, '\0', b.len)) {
		err_code(e, EXIT_CONFIG, "%s: holds a NUL byte, this is no text file", path);
		return NULL;
	}
	return config_parse(path, buf_str(&b), opts, e);
}

cfg_t *config_load(const char *path, cfg_opt_t *opts, struct err *e)
{
	return load(path, io_read_file, opts, e);
}

cfg_t *config_load_plain(const char *path, cfg_opt_t *opts, struct err *e)
{
	return load(path, io_read_plain, opts, e);
}

const char *config_where(cfg_t *sec)
{
	static char where[512];

	snprintf(where, sizeof(where), "%s:%d", sec->filename ? sec->filename : "?", sec->line);
	return where;
}

const char *config_where_key(cfg_t *sec, const char *key)
{
	cfg_opt_t *opt = cfg_getopt(sec, key);
	const char *where = opt ? cfg_opt_getcomment(opt) : NULL;

	if (where)
		return where;
	return sec->title ? config_where(sec) : sec->filename ? sec->filename : "?";
}

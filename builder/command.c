/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <string.h>
#include "command.h"
#include "util.h"

#define OPTIONS_MAX 32
#define HELP_KEY 0x100 /* beside the letters */
#define USAGE_WIDTH 80

static const struct command_option help_option = {"help", HELP_KEY, NULL, "this"};

/* The i-th option: the command's own, then --help; NULL past that. */
static const struct command_option *option_at(const struct command *c, size_t i)
{
	size_t n = 0;

	while (c->options && c->options[n].name)
		n++;
	if (i < n)
		return &c->options[i];
	return i == n ? &help_option : NULL;
}

static void fill_getopt(const struct command *c, struct option *out)
{
	const struct command_option *o;

	memset(out, 0, (OPTIONS_MAX + 1) * sizeof(*out));
	for (size_t i = 0; i < OPTIONS_MAX && (o = option_at(c, i)); i++)
		out[i] = (struct option){.name = o->name,
			.has_arg = o->arg ? required_argument : no_argument,
			.val = o->key};
}

static int refuse(const struct command *c, int argc, char **argv, int why, struct err *e)
{
	const char *given = argv[optind > 1 && optind <= argc ? optind - 1 : argc - 1];

	if (why == ':')
		err_code(e, EXIT_USAGE, "%s: %s wants an argument; see bramble %s --help", c->name,
			given, c->name);
	else if (optopt == 0)
		err_code(e, EXIT_USAGE, "%s: no option %s; see bramble %s --help", c->name, given,
			c->name);
	else
		err_code(e, EXIT_USAGE, "%s: %s is not understood; see bramble %s --help", c->name,
			given, c->name);
	return COMMAND_BAD;
}

/* Mostly a variable nobody set: "" is the name of nothing. A command for a node may have such. */
static bool has_empty(const struct command *c, char *const *operands)
{
	for (; !c->stop_at_operand && *operands; operands++) {
		if (!**operands)
			return true;
	}
	return false;
}

static int check_operands(const struct command *c, int n, char *const *operands, struct err *e)
{
	if (has_empty(c, operands)) {
		err_code(
			e, EXIT_USAGE, "%s: an argument is empty; is a variable not set?", c->name);
		return COMMAND_BAD;
	}
	if (n >= c->min && (c->max < 0 || n <= c->max))
		return COMMAND_END;
	err_code(e, EXIT_USAGE, "%s: %s: bramble %s%s%s; see bramble %s --help", c->name,
		n < c->min ? "something is missing" : "too many arguments", c->name,
		*c->operands ? " " : "", c->operands, c->name);
	return COMMAND_BAD;
}

int command_next(const struct command *c, int argc, char **argv, struct err *e)
{
	struct option options[OPTIONS_MAX + 1];

	fill_getopt(c, options);
	opterr = 0;
	/* ":" first: a missing argument is told apart from an unknown option. */
	int key = getopt_long(argc, argv, c->stop_at_operand ? "+:" : ":", options, NULL);
	if (key == -1)
		return check_operands(c, argc - optind, argv + optind, e);
	if (key == ':' || key == '?')
		return refuse(c, argc, argv, key, e);
	if (key != HELP_KEY)
		return key;
	command_print_help(c, stdout);
	return COMMAND_HELP;
}

/* Words of the usage line, wrapped under the first. */
struct wrap {
	FILE *f;
	size_t column, indent;
};

static void put_word(struct wrap *w, const char *word)
{
	size_t n = strlen(word);

	if (w->column + 1 + n > USAGE_WIDTH && w->column > w->indent) {
		fprintf(w->f, "\n%*s", (int)w->indent, "");
		w->column = w->indent;
	}
	fprintf(w->f, " %s", word);
	w->column += 1 + n;
}

void command_print_usage(const struct command *c, FILE *f)
{
	struct wrap w = {.f = f};
	const struct command_option *o;

	w.indent = w.column = (size_t)fprintf(f, "usage: bramble %s", c->name);
	for (size_t i = 0; (o = option_at(c, i)) && o != &help_option; i++) {
		_cleanup_free_ char *word =
			xasprintf("[--%s%s%s]", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		put_word(&w, word);
	}
	if (*c->operands)
		put_word(&w, c->operands);
	fputc('\n', f);
}

static int label_width(const struct command *c)
{
	const struct command_option *o;
	size_t width = 0;

	for (size_t i = 0; (o = option_at(c, i)); i++) {
		size_t n = strlen(o->name) + (o->arg ? 1 + strlen(o->arg) : 0);
		width = n > width ? n : width;
	}
	return (int)width;
}

static void print_options(const struct command *c, FILE *f)
{
	const struct command_option *o;
	int width = label_width(c);

	for (size_t i = 0; (o = option_at(c, i)); i++) {
		_cleanup_free_ char *label =
			xasprintf("%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		fprintf(f, "  --%-*s  %s\n", width, label, o->help);
	}
}

void command_print_help(const struct command *c, FILE *f)
{
	command_print_usage(c, f);
	fprintf(f, "\n%s\n\n", c->about ? c->about : c->summary);
	print_options(c, f);
	for (size_t i = 0; c->sub && c->sub[i]; i++) {
		if (i == 0)
			fputc('\n', f);
		fprintf(f, "  bramble %-16s %s\n", c->sub[i]->name, c->sub[i]->summary);
	}
}

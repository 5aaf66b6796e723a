/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shell completion and a plain list for tests, made from the same tables as --help. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "util.h"

static void list_command(const struct command *c)
{
	printf("%s:", c->name);
	for (size_t i = 0; c->options && c->options[i].name; i++)
		printf(" --%s", c->options[i].name);
	printf(" --help\n");
	for (size_t i = 0; c->sub && c->sub[i]; i++)
		list_command(c->sub[i]);
}

static void list(void)
{
	for (size_t i = 0; all_commands[i]; i++)
		list_command(all_commands[i]);
}

/* Where two words name a command, the first one's own options come with the first alone. */
static void bash_case(const struct command *c)
{
	printf("\t\"%s\") words=\"", c->name);
	for (size_t i = 0; c->sub && c->sub[i]; i++)
		printf("%s ", strrchr(c->sub[i]->name, ' ') + 1);
	for (size_t i = 0; c->options && c->options[i].name; i++)
		printf("--%s ", c->options[i].name);
	printf("--help\" ;;\n");
	for (size_t i = 0; c->sub && c->sub[i]; i++)
		bash_case(c->sub[i]);
}

static void bash(void)
{
	printf("# bash completion for bramble: eval \"$(bramble completion bash)\"\n"
	       "_bramble() {\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} words=\n"
	       "\tCOMPREPLY=()\n"
	       "\tif [[ $COMP_CWORD -eq 1 ]]; then\n"
	       "\t\twords=\"");
	for (size_t i = 0; all_commands[i]; i++)
		printf("%s ", all_commands[i]->name);
	printf("--help --version\"\n"
	       "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\t\treturn\n"
	       "\tfi\n"
	       "\tlocal name=${COMP_WORDS[1]} two=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\"\n"
	       "\tfor name in \"$two\" \"${COMP_WORDS[1]}\"; do\n"
	       "\tcase $name in\n");
	for (size_t i = 0; all_commands[i]; i++)
		bash_case(all_commands[i]);
	printf("\tesac\n"
	       "\t[[ -n $words ]] && break\n"
	       "\tdone\n"
	       "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	       "\t[[ $cur == -* ]] || COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
	       "}\n"
	       "complete -o filenames -F _bramble bramble\n");
}

struct output {
	const char *name;
	void (*print)(void);
};

static const struct output outputs[] = {
	{"bash", bash},
	{"list", list},
};

static int completion(int argc, char **argv, struct err *e)
{
	int end = command_next(&completion_command, argc, argv, e);

	if (end != COMMAND_END)
		return command_result(end);
	for (size_t i = 0; i < ARRAY_SIZE(outputs); i++) {
		if (strcmp(argv[optind], outputs[i].name) == 0) {
			outputs[i].print();
			return 0;
		}
	}
	return err_code(e, EXIT_USAGE, "completion: \"%s\" is none of bash, list", argv[optind]);
}

const struct command completion_command = {
	.name = "completion",
	.operands = "bash | list",
	.min = 1,
	.max = 1,
	.summary = "print what completes these commands in a shell",
	.about = "bash: to be evaluated in ~/.bashrc. list: all commands and their options.",
	.run = completion,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One password on all nodes: HA does not replicate its users. */
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <string.h>
#include <termios.h>
#include "cmd.h"
#include "remote.h"

#define PASSWORD_MAX 64
#define USER "neo4j" /* by whom the agents ask */

struct password {
	char text[PASSWORD_MAX + 3];
};

static void wipe(struct password *p)
{
	sodium_memzero(p, sizeof(*p));
}
#define _cleanup_password_ _cleanup_(wipe)

/* One line of f, which may lack its end. */
static int read_line(FILE *f, const char *name, struct password *p, struct err *e)
{
	errno = 0;
	if (!fgets(p->text, sizeof(p->text), f)) {
		if (check_interrupted(e) < 0)
			return -1;
		return errno ? err_errno(e, "%s", name) : err_set(e, "%s: is empty", name);
	}
	p->text[strcspn(p->text, "\r\n")] = '\0';
	if (!p->text[0] || strlen(p->text) > PASSWORD_MAX)
		return err_code(
			e, EXIT_USAGE, "%s: a password has 1 to %d characters", name, PASSWORD_MAX);
	if (!is_printable(p->text, strlen(p->text)))
		return err_code(
			e, EXIT_USAGE, "%s: a password is of printable ASCII characters", name);
	return 0;
}

/* The terminal shows nothing of it, and is as before afterwards. */
static int ask(FILE *tty, const char *prompt, struct password *p, struct err *e)
{
	struct termios before, silent;

	if (tcgetattr(fileno(tty), &before) < 0)
		return err_errno(e, "the terminal");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(tty, "%s", prompt);
	fflush(tty);
	tcsetattr(fileno(tty), TCSAFLUSH, &silent);
	int rc = read_line(tty, "the password", p, e);
	tcsetattr(fileno(tty), TCSAFLUSH, &before);
	fprintf(tty, "\n");
	return rc;
}

static int ask_twice(const char *user, struct password *p, struct err *e)
{
	_cleanup_fclose_ FILE *tty = fopen("/dev/tty", "r+");
	_cleanup_password_ struct password again = {{0}};
	_cleanup_free_ char *prompt = xasprintf("new password of %s: ", user);

	if (!tty)
		return err_code(e, EXIT_USAGE,
			"there is no terminal to ask for the password; --file FILE has it");
	if (ask(tty, prompt, p, e) < 0 || ask(tty, "the same again: ", &again, e) < 0)
		return -1;
	return strcmp(p->text, again.text) == 0 ? 0 : err_set(e, "these are two passwords");
}

static int read_password(const char *file, const char *user, struct password *p, struct err *e)
{
	if (!file)
		return ask_twice(user, p, e);
	if (strcmp(file, "-") == 0)
		return read_line(stdin, "standard input", p, e);
	_cleanup_fclose_ FILE *f = fopen(file, "re");
	return f ? read_line(f, file, p, e) : err_errno(e, "%s", file);
}

static int all_are_there(const struct remote *r, struct err *e)
{
	const struct cluster *c = r->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		struct remote_status s;
		if (!(c->nodes[i].roles & ROLE_DATA))
			continue;
		if (remote_status(r, &c->nodes[i], &s, e) < 0)
			return err_prefix(e, "a password is changed when all data nodes are there");
		if (strcmp(s.state, "serving") != 0)
			return err_set(e,
				"a password is changed when all data nodes serve: %s is %s",
				c->nodes[i].name, s.state);
	}
	return 0;
}

static int tell_all(
	const struct remote *r, const char *user, const struct password *p, struct err *e)
{
	const struct cluster *c = r->cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if (!(c->nodes[i].roles & ROLE_DATA))
			continue;
		json_t *request = json_pack(
			"{s:s, s:s, s:s}", "verb", "passwd", "user", user, "password", p->text);
		if (remote_ask(r, &c->nodes[i], request, NULL, NULL, NULL, e) < 0)
			return err_prefix(e, "say it again, with the same password");
		printf("%s: has it\n", c->nodes[i].name);
		fflush(stdout);
	}
	return 0;
}

static int change(const struct remote *r, const char *file, const char *user, struct err *e)
{
	_cleanup_password_ struct password p = {{0}};

	if (all_are_there(r, e) < 0 || read_password(file, user, &p, e) < 0 ||
		tell_all(r, user, &p, e) < 0)
		return -1;
	if (strcmp(user, USER) != 0)
		return 0;
	return state_set_password(r->cluster, p.text, e);
}

static int run(int argc, char **argv, struct err *e)
{
	const char *file = NULL;
	int key;

	while ((key = command_next(&passwd_command, argc, argv, e)) >= 0)
		file = optarg;
	if (key != COMMAND_END)
		return command_result(key);
	_cleanup_remote_ struct remote r = {0};
	const char *user = optind + 1 < argc ? argv[optind + 1] : USER;
	if (remote_check_word("passwd: the user's name", user, e) < 0)
		return -1;
	return remote_open(&r, argv[optind], e) < 0 ? -1 : change(&r, file, user, e);
}

static const struct command_option options[] = {
	{"file", 'f', "FILE", "its first line is the password (-: standard input)"},
	{0},
};

const struct command passwd_command = {
	.name = "passwd",
	.operands = "CONF [USER]",
	.min = 1,
	.max = 2,
	.summary = "change Neo4j's password on all nodes",
	.about = "Gives USER (neo4j) another password on all data nodes of a live cluster, which\n"
		 "must serve: Neo4j HA does not replicate its users. It is asked for twice, or "
		 "taken\n"
		 "from a file. That of neo4j is also the one the agents ask by, and images built "
		 "from\n"
		 "now on have it.",
	.options = options,
	.run = run,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <getopt.h>
#include <sodium.h>
#include <string.h>
#include "adopt.h"
#include "agent.h"
#include "apply/enact.h"
#include "assign.h"
#include "guard.h"
#include "helper/helper_server.h"
#include "log.h"
#include "upgrade/install.h"
#include "users/user_files.h"
#include "users/users_pull.h"
#include "util.h"

struct option_row {
	const char *name; /* without its dashes */
	size_t offset;    /* of its const char * in struct agent_options */
	const char *preset, *value, *help;
};

static const struct option_row options[] = {
	{"root", offsetof(struct agent_options, root), "", "DIR",
		"look for /etc/bramble, /srv/bramble and /run/bramble below DIR"},
	{"http", offsetof(struct agent_options, http), "*:7470", "ADDR:PORT",
		"serve the API there"},
	{"peer", offsetof(struct agent_options, peer), "0.0.0.0:7471", "ADDR:PORT",
		"talk to the other agents there, and be told what to do (TCP)"},
	{"service-manager", offsetof(struct agent_options, service_manager), SERVICE_MANAGER,
		"FILE", "let the helper ask and start units with FILE"},
	{"nft", offsetof(struct agent_options, nft), NFT, "FILE",
		"let the helper set the firewall with FILE"},
	{"vip-interface", offsetof(struct agent_options, vip_interface), "", "NAME",
		"let the helper put the floating address there"},
	{"from", offsetof(struct agent_options, from), "", "ADDR:PORT",
		"take the generation from the member there"},
	{"generation", offsetof(struct agent_options, generation), "", "N", "which one"},
};

struct command {
	const char *name;
	int (*run)(const struct agent_options *o, struct err *e);
	const char *help;
};

static const struct command commands[] = {
	{"run", agent_run, "be this node's agent until SIGTERM"},
	{"grow", agent_grow, "let p3 reach the end of the card"},
	{"helper", helper_run, "do what takes rights, in bramble-helper.service"},
	{"guard", guard_run, "end Neo4j when its lease is over, in bramble-guard.service"},
	{"adopt", adopt_run, "make what is on p3 the agent's, in bramble-agent.service"},
	{"hosts", agent_hosts, "give Neo4j its initial hosts, in neo4j.service"},
	{"proxy", agent_proxy,
		"tell the proxy where the members are, in bramble-addresses.service"},
	{"assign", assign_run, "settle which node this card is, in bramble-assign.service"},
	{"settings", agent_settings, "take over bramble.txt, in bramble-settings.service"},
	{"enact", enact_run, "put a generation's files in place, in bramble-enact.service"},
	{"pull", agent_pull, "take a generation from another member, for `run`"},
	{USERS_PULL, users_pull, "take Neo4j's users from another member, for `run`"},
	{USER_FILES_READ, user_files_read, "tell Neo4j's users, for `helper`"},
	{USER_FILES_WRITE, user_files_write, "write Neo4j's users, for `helper`"},
	{"prepare", agent_prepare, "make p3 fit for Neo4j's start, in neo4j.service"},
	{"upgraded", agent_upgraded, "note whose the store is now, in bramble-upgrade.service"},
	{"unpack", agent_unpack, "unpack a store to restore, in bramble-unpack.service"},
	{"install", install_run, "install another Neo4j, in bramble-install.service"},
	{"switch", switch_run, "take that one for this node's, in bramble-switch.service"},
	{"check", agent_check, "check node.conf and cluster.secret (also -c)"},
};

static void usage(FILE *to)
{
	fputs("usage: bramble-agent [options] command\n\n", to);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-11s %s\n", commands[i].name, commands[i].help);
	fputc('\n', to);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		fprintf(to, "  --%s %s\n      %s (default: %s)\n", options[i].name,
			options[i].value, options[i].help,
			options[i].preset[0] ? options[i].preset : "none");
	fputs("  --version\n  --help\n", to);
}

static void set_option(struct agent_options *o, const struct option_row *row, const char *value)
{
	memcpy((char *)o + row->offset, &value, sizeof(value));
}

/* Long options in the order of the table, then the two without a value. */
static void fill_getopt(struct option *to)
{
	size_t n = ARRAY_SIZE(options);

	for (size_t i = 0; i < n; i++)
		to[i] = (struct option){options[i].name, required_argument, NULL, 0};
	to[n] = (struct option){"version", no_argument, NULL, 'V'};
	to[n + 1] = (struct option){"help", no_argument, NULL, 'h'};
	to[n + 2] = (struct option){0};
}

/* The name of the command to run, or NULL when all is done already. */
static const char *parse(int argc, char **argv, struct agent_options *o)
{
	struct option longs[ARRAY_SIZE(options) + 3];
	const char *command = NULL;
	int c, index = 0;

	fill_getopt(longs);
	while ((c = getopt_long(argc, argv, "c", longs, &index)) != -1) {
		switch (c) {
		case 0:
			set_option(o, &options[index], optarg);
			break;
		case 'c':
			command = "check";
			break;
		case 'V':
			puts("bramble-agent " BRAMBLE_VERSION);
			return NULL;
		case 'h':
			usage(stdout);
			return NULL;
		default:
			usage(stderr);
			exit(EXIT_USAGE);
		}
	}
	if (!command && optind + 1 == argc)
		return argv[optind];
	if (command && optind == argc)
		return command;
	usage(stderr);
	exit(EXIT_USAGE);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	fprintf(stderr, "bramble-agent: unknown command %s\n", name);
	exit(EXIT_USAGE);
}

int main(int argc, char **argv)
{
	struct agent_options o;
	struct err e = {.code = EXIT_FAILED};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		set_option(&o, &options[i], options[i].preset);
	const char *name = parse(argc, argv, &o);
	if (!name)
		return 0;
	if (sodium_init() < 0) {
		log_error("bramble-agent: no random numbers");
		return EXIT_FAILED;
	}
	if (find_command(name)->run(&o, &e) == 0)
		return 0;
	log_error("bramble-agent: %s", e.msg);
	return e.code;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A slave's store, whole and consistent, in one file here: backup_file.h. */
#include "backup/backup_file.h"
#include <getopt.h>
#include <string.h>
#include <time.h>
#include "backup.h"
#include "cmd.h"
#include "remote.h"

#define LOOK_AGAIN_MS 500
#define PATIENCE 240 /* times: as long as a Pi may take to start Neo4j */

struct job {
	const char *path, *from;
	bool offline;
	const struct remote *remote;
	struct backup_writer *writer;
	struct remote_teller teller;
	struct err failed; /* while the store came; code 0: it has not */
	uint64_t bytes;
};

static void close_job(struct job *j)
{
	backup_writer_free(j->writer);
}

static const struct node *pick_named(const struct job *j, struct err *e)
{
	const struct node *n = cluster_node(j->remote->cluster, j->from);

	if (n && n->roles & ROLE_DATA)
		return n;
	err_code(e, EXIT_USAGE, "%s: no data node \"%s\"", j->remote->cluster->path, j->from);
	return NULL;
}

/* A slave that serves; where there is none, the only data node there is. */
static const struct node *pick(const struct job *j, struct err *e)
{
	const struct cluster *c = j->remote->cluster;
	const struct node *only = NULL, *slave = NULL;
	struct err why = {0};

	if (j->from)
		return pick_named(j, e);
	for (size_t i = 0; i < c->nnodes && !slave && !interrupted; i++) {
		const struct node *n = &c->nodes[i];
		struct remote_status s;
		if (!(n->roles & ROLE_DATA))
			continue;
		only = cluster_count(c, ROLE_DATA) == 1 ? n : NULL;
		if (remote_status(j->remote, n, &s, &why) == 0 && strcmp(s.neo4j, "slave") == 0 &&
			strcmp(s.state, "serving") == 0)
			slave = n;
	}
	if (!slave && !only)
		err_set(e, "no slave serves, whose store could be copied%s%s", why.code ? "; " : "",
			why.code ? why.msg : "");
	return slave ? slave : only;
}

/* What cannot be kept must not be taken on to its end: the error ends the call. */
static int take_data(void *arg, const char *p, size_t n)
{
	struct job *j = arg;

	if (backup_take(j->writer, p, n, &j->failed) < 0)
		return -1;
	j->bytes += n;
	return 0;
}

static void copy_text(const json_t *answer, const char *key, char *to, size_t size)
{
	const char *s = json_string_value(json_object_get(answer, key));

	snprintf(to, size, "%s", s ? s : "");
}

static void take_about(const json_t *answer, struct backup_about *a)
{
	time_t now = time(NULL);
	struct tm tm;

	copy_text(answer, "cluster", a->cluster, sizeof(a->cluster));
	copy_text(answer, "id", a->id, sizeof(a->id));
	copy_text(answer, "node", a->node, sizeof(a->node));
	copy_text(answer, "neo4j", a->neo4j, sizeof(a->neo4j));
	strftime(a->taken, sizeof(a->taken), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
}

static int fetch(struct job *j, const struct node *n, struct backup_about *about, struct err *e)
{
	struct remote_listener listener = {
		.progress = remote_tell, .arg = &j->teller, .take = take_data, .take_arg = j};
	_cleanup_json_ json_t *answer = NULL;
	json_t *request = json_pack("{s:s, s:b}", "verb", "backup", "offline", j->offline);

	j->teller.node = n->name;
	if (remote_ask(j->remote, n, request, &listener, &answer, NULL, e) < 0) {
		if (j->failed.code)
			*e = j->failed;
		return -1;
	}
	take_about(answer, about);
	return backup_finish(j->writer, about, e);
}

/* The backup is made, whatever becomes of this. */
static void wait_until_serving(const struct job *j, const struct node *n)
{
	struct remote_status s = {0};
	struct err e;

	for (int i = 0; i < PATIENCE && strcmp(s.state, "serving") != 0; i++) {
		if (remote_pause(LOOK_AGAIN_MS, &e) < 0)
			return;
		(void)!remote_status(j->remote, n, &s, &e);
	}
	if (strcmp(s.state, "serving") == 0)
		printf("%s: serves again\n", n->name);
	else
		fprintf(stderr, "bramble: %s does not serve yet: see bramble status\n", n->name);
}

static int run(struct job *j, struct err *e)
{
	const struct node *n = pick(j, e);
	struct backup_about about = {0};

	if (!n) {
		(void)!check_interrupted(e);
		return -1;
	}
	j->writer = backup_create(j->path, e);
	if (!j->writer || fetch(j, n, &about, e) < 0)
		return -1;
	printf("%s: %s's store up to transaction %llu, %llu files, %.1f MB\n", j->path, n->name,
		(unsigned long long)about.store.last_tx, (unsigned long long)about.sums.files,
		(double)about.sums.bytes / 1e6);
	fflush(stdout);
	wait_until_serving(j, n);
	return 0;
}

int live_backup(const struct remote *r, const char *path, struct err *e)
{
	_cleanup_(close_job) struct job j = {.path = path, .remote = r};

	return run(&j, e);
}

static int backup(int argc, char **argv, struct err *e)
{
	_cleanup_remote_ struct remote r = {0};
	_cleanup_(close_job) struct job j = {.remote = &r};
	int key;

	while ((key = command_next(&backup_command, argc, argv, e)) >= 0) {
		if (key == 'f')
			j.from = optarg;
		else
			j.offline = true;
	}
	if (key != COMMAND_END)
		return command_result(key);
	j.path = argv[optind + 1];
	return remote_open(&r, argv[optind], e) < 0 ? -1 : run(&j, e);
}

static const struct command_option options[] = {
	{"from", 'f', "NODE", "take this slave's store (default: the first that serves)"},
	{"offline", 'o', NULL, "a cluster with one store stops serving meanwhile"},
	{0},
};

const struct command backup_command = {
	.name = "backup",
	.operands = "CONF FILE",
	.min = 2,
	.max = 2,
	.summary = "copy the store of a live cluster to a file",
	.about = "Stops one slave's Neo4j in its turn, copies its store to FILE, and starts it "
		 "again;\n"
		 "the others serve all the while. FILE is there when it is whole, and not before. "
		 "It\n"
		 "is what `bramble restore` takes, and a tar that any tool unpacks.",
	.options = options,
	.run = backup,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup takes the place of the store of a live cluster: the master gets it, the others copy. */
#include <getopt.h>
#include <string.h>
#include "backup/backup_file.h"
#include "cmd.h"
#include "neo4j_upgrade.h"
#include "task.h"

#define BASE_TX 1 /* of a store in which nothing was ever written (TransactionIdStore) */

struct job {
	const char *path;
	bool replace;
	struct remote remote;
	struct backup_about about;
	struct backup_reader *reader;
};

static void close_job(struct job *j)
{
	backup_reader_free(j->reader);
	remote_close(&j->remote);
}

/* Is there anything that somebody may miss? It is kept aside, but nobody would find it there. */
static int check_value(const struct job *j, const struct live_task *t, struct err *e)
{
	struct remote_status s;

	if (j->replace)
		return 0;
	if (remote_status(&j->remote, t->keeper, &s, e) < 0)
		return -1;
	if (s.last_tx >= 0 && s.last_tx <= BASE_TX)
		return 0;
	if (s.last_tx < 0)
		return err_set(e,
			"%s does not tell what its store holds; --replace puts the store of "
			"all nodes aside for the backup",
			t->keeper->name);
	return err_set(e,
		"the cluster's store holds %lld transactions, and whatever was written since "
		"the backup would be gone from it; --replace says that it may be put aside "
		"for the backup",
		(long long)s.last_tx);
}

/* A backup of another version is not for this Neo4j, or not without an upgrade. */
static int check_version(const struct job *j, const struct live_task *t, struct err *e)
{
	_cleanup_json_ json_t *answer = NULL;
	bool alone;

	if (live_task_status(&j->remote, t->keeper, &answer, e) < 0)
		return -1;
	const char *neo4j = json_string_value(json_object_get(answer, "neo4j"));
	if (!neo4j)
		return err_set(e, "%s does not tell its Neo4j's version", t->keeper->name);
	if (strcmp(neo4j, j->about.neo4j) == 0)
		return 0;
	if (neo4j_upgrade_find(j->about.neo4j, neo4j, NULL, &alone, e) < 0)
		return err_prefix(e, "%s", j->path);
	if (!alone)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: a store of Neo4j %s, and the cluster runs %s: restore it into a cluster "
		"with %s, and upgrade that",
		j->path, j->about.neo4j, neo4j, j->about.neo4j);
}

static int feed(void *arg, struct buf *out, struct err *e)
{
	struct job *j = arg;

	return backup_next(j->reader, out, e);
}

static int stage_all(struct job *j, const struct live_task *t, struct err *e)
{
	const struct cluster *c = j->remote.cluster;

	j->reader = backup_open(j->path, e);
	if (!j->reader || live_task_stage(t, t->keeper, true, e) < 0)
		return -1;
	printf("%s: has the backup\n", t->keeper->name);
	fflush(stdout);
	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = &c->nodes[i];
		if ((n->roles & (ROLE_DATA | ROLE_ARBITER)) && n != t->keeper &&
			live_task_stage(t, n, false, e) < 0)
			return -1;
	}
	return 0;
}

static int run(struct job *j, struct err *e)
{
	struct live_task t = {
		.remote = &j->remote, .kind = "restore", .neo4j = "", .feed = feed, .arg = j};

	if (backup_check(j->path, &j->about, e) < 0)
		return -1;
	if (live_task_look(&t, e) < 0)
		return err_prefix(e, "a backup is restored into a whole cluster only");
	t.bytes = j->about.sums.bytes;
	if (check_version(j, &t, e) < 0 || check_value(j, &t, e) < 0 || stage_all(j, &t, e) < 0 ||
		live_task_call(&t, e) < 0 || live_task_watch(&t, e) < 0)
		return -1;
	printf("restored: the store of %s, up to transaction %llu, of %s\n", j->about.cluster,
		(unsigned long long)j->about.store.last_tx, j->about.taken);
	return 0;
}

static int restore(int argc, char **argv, struct err *e)
{
	_cleanup_(close_job) struct job j = {0};
	int key;

	while ((key = command_next(&restore_command, argc, argv, e)) >= 0)
		j.replace = true;
	if (key != COMMAND_END)
		return command_result(key);
	j.path = argv[optind];
	return remote_open(&j.remote, argv[optind + 1], e) < 0 ? -1 : run(&j, e);
}

static const struct command_option options[] = {
	{"replace", 'r', NULL, "also where the cluster's store holds something: it is put aside"},
	{0},
};

const struct command restore_command = {
	.name = "restore",
	.operands = "FILE CONF",
	.min = 2,
	.max = 2,
	.summary = "put a backup into a live cluster",
	.about = "Puts the store in FILE, made by `bramble backup`, in place of a live cluster's: "
		 "the\n"
		 "master gets it, and the others copy it from there. Nothing is served meanwhile, "
		 "and\n"
		 "users and passwords stay the cluster's. The old stores are kept aside on the "
		 "cards.\n"
		 "Once it has begun the nodes finish it by themselves.",
	.options = options,
	.run = restore,
};

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Another Neo4j for a live cluster, as the manual has it for HA, which knows no rolling upgrade: a
 * backup, all stop, the master's store is upgraded alone, the others copy it. What each node gets
 * is taken out of its image, so that it is what a flashed card would have; one that was flashed
 * has it, and its store waits.
 */
#include <getopt.h>
#include <string.h>
#include "cmd.h"
#include "image/ext4_look.h"
#include "inspect/card.h"
#include "live/backup.h"
#include "neo4j.h"
#include "neo4j_upgrade.h"
#include "pack_tree.h"
#include "task.h"

#define CONF_MAX 65536
#define PROGRAM "/opt/neo4j"
#define RUNS_NEO4J (ROLE_DATA | ROLE_ARBITER)
#define WORK_DATA "/srv/bramble/neo4j/upgrade" /* upgrade-copy has it too */

struct job {
	const char *images, *backup;
	bool no_backup;
	struct remote remote;
	char neo4j[32];              /* what comes */
	bool has[CLUSTER_MAX_NODES]; /* whose cards hold it already: at most their stores wait */
	bool needed;                 /* by anybody */
};

/* --- what one node gets: its image's /opt/neo4j, node.conf, and the configuration of the one run
 */

struct source {
	struct ext4 *fs;
	struct pack pack;
	struct pack_tree program; /* nothing: the node has it */
	uint64_t bytes;
	struct buf conf, alone;
	bool begun, done;
};

static void source_close(struct source *s)
{
	pack_tree_close(&s->program);
	ext4_abandon(&s->fs);
	buf_free(&s->conf);
	buf_free(&s->alone);
}

/* The run that upgrades has its data elsewhere: the store itself is only read. */
static void render_alone(struct source *s, const char *version, const char *conf)
{
	static const char key[] = "dbms.directories.data=";
	_cleanup_buf_ struct buf all = {0};

	neo4j_upgrade_render(version, conf, &all);
	for (const char *line = buf_str(&all), *end; *line; line = end) {
		end = strchrnul(line, '\n');
		end += *end == '\n';
		if (str_starts(line, key))
			buf_printf(&s->alone, "%s%s\n", key, WORK_DATA);
		else
			buf_add(&s->alone, line, (size_t)(end - line));
	}
}

static int source_open(struct source *s, const struct card *card, bool program, struct err *e)
{
	_cleanup_buf_ struct buf neo4j = {0};

	s->fs = card_open_ext4(card, CARD_ROOT, e);
	if (!s->fs || ext4_read(s->fs, "/etc/bramble/node.conf", &s->conf, e) < 0 ||
		ext4_read(s->fs, PROGRAM "/conf/neo4j.conf", &neo4j, e) < 0)
		return -1;
	render_alone(s, card->identity.neo4j_version, buf_str(&neo4j));
	s->bytes += s->conf.len + s->alone.len;
	if (program && pack_tree_open(&s->program, s->fs, PROGRAM, "neo4j", e) < 0)
		return -1;
	s->bytes += s->program.bytes;
	return 0;
}

static void put_whole(
	struct source *s, const char *path, unsigned mode, const struct buf *b, struct buf *out)
{
	pack_file(&s->pack, path, mode, b->len, out);
	pack_data(&s->pack, buf_str(b), b->len, out);
}

static void put_confs(struct source *s, struct buf *out)
{
	pack_begin(&s->pack, out);
	put_whole(s, "node.conf", 0644, &s->conf, out);
	pack_dir(&s->pack, "alone", 0755, out);
	put_whole(s, "alone/neo4j.conf", 0644, &s->alone, out);
	if (s->program.n)
		pack_dir(&s->pack, "neo4j", 0755, out);
	s->begun = true;
}

static int feed(void *arg, struct buf *out, struct err *e)
{
	struct source *s = arg;

	if (s->done)
		return 0;
	if (!s->begun) {
		put_confs(s, out);
		return 1;
	}
	int more = pack_tree_next(&s->program, &s->pack, out, e);
	if (more == 0) {
		pack_end(&s->pack, NULL, out);
		s->done = true;
	}
	return more < 0 ? -1 : 1;
}

/* --- may it be? */

static int read_card(const struct job *j, const struct node *n, struct card *card, struct err *e)
{
	_cleanup_free_ char *images =
		j->images ? xstrdup(j->images) : cluster_images_dir(j->remote.cluster);
	_cleanup_free_ char *path = xasprintf("%s/%s.img", images, n->name);

	if (card_read(card, path, path, e) < 0)
		return err_prefix(e, "bramble build makes what the nodes get");
	const struct card_identity *id = &card->identity;
	if (!id->cluster_id || strcmp(id->cluster_id, j->remote.id) != 0 || !id->node ||
		strcmp(id->node, n->name) != 0 || !id->neo4j_version || !id->neo4j_profile)
		return err_code(e, EXIT_INPUT, "%s: is no image of %s", path, n->name);
	return 0;
}

/* All images have the same Neo4j. */
static int check_image(struct job *j, const struct card *card, struct err *e)
{
	const char *to = card->identity.neo4j_version;

	if (strlen(to) >= sizeof(j->neo4j))
		return err_set(e, "%s: no Neo4j has a version like %s", card->name, to);
	if (j->neo4j[0] && strcmp(j->neo4j, to) != 0)
		return err_code(e, EXIT_INPUT, "the images hold Neo4j %s and %s: build them anew",
			j->neo4j, to);
	memcpy(j->neo4j, to, strlen(to) + 1);
	return 0;
}

/* It can take over the store of what the node runs, or ran before it was flashed. */
static int check_node(struct job *j, const struct node *n, struct err *e)
{
	_cleanup_card_ struct card card = {0};
	_cleanup_json_ json_t *answer = NULL;

	if (read_card(j, n, &card, e) < 0 || check_image(j, &card, e) < 0 ||
		live_task_status(&j->remote, n, &answer, e) < 0)
		return -1;
	const char *has = json_string_value(json_object_get(answer, "neo4j"));
	const char *awaits = json_string_value(json_object_get(answer, "awaits"));
	if (!has)
		return err_set(e, "%s: does not tell its Neo4j's version", n->name);
	bool *same = &j->has[n - j->remote.cluster->nodes];
	*same = strcmp(has, j->neo4j) == 0;
	bool held = awaits && awaits[0];
	if (held && neo4j_version_compare(has, j->neo4j) > 0)
		return err_code(e, EXIT_INPUT,
			"%s waits with Neo4j %s, and the images hold %s: name that one in %s and "
			"build, or flash this node",
			n->name, has, j->neo4j, j->remote.cluster->path);
	if (held)
		has = awaits;
	if (strcmp(has, j->neo4j) == 0)
		return 0; /* it may be the only one that has another: that one is to be flashed */
	j->needed = true;
	if (neo4j_version_compare(has, j->neo4j) > 0)
		return err_code(e, EXIT_INPUT,
			"%s has a store of Neo4j %s, which the images' %s cannot open", n->name,
			has, j->neo4j);
	if (neo4j_upgrade_live(has, j->neo4j, card.identity.neo4j_profile, e) < 0)
		return err_prefix(e, "nothing has changed: %s", n->name);
	return 0;
}

static int for_all(
	struct job *j, int (*f)(struct job *j, const struct node *n, struct err *e), struct err *e)
{
	const struct cluster *c = j->remote.cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if ((c->nodes[i].roles & RUNS_NEO4J) && f(j, &c->nodes[i], e) < 0)
			return -1;
	}
	return 0;
}

/* --- the work */

static int stage(
	const struct job *j, const struct live_task *t, const struct node *n, struct err *e)
{
	_cleanup_card_ struct card card = {0};
	_cleanup_(source_close) struct source s = {0};

	bool has = j->has[n - j->remote.cluster->nodes];
	if (read_card(j, n, &card, e) < 0 || source_open(&s, &card, !has, e) < 0)
		return -1;
	struct live_task mine = *t;
	mine.bytes = s.bytes;
	mine.feed = feed;
	mine.arg = &s;
	if (live_task_stage(&mine, n, true, e) < 0)
		return -1;
	printf("%s: has Neo4j %s%s\n", n->name, j->neo4j, has ? "" : " beside its own");
	fflush(stdout);
	return 0;
}

static int stage_all(const struct job *j, const struct live_task *t, struct err *e)
{
	const struct cluster *c = j->remote.cluster;

	for (size_t i = 0; i < c->nnodes; i++) {
		if ((c->nodes[i].roles & RUNS_NEO4J) && stage(j, t, &c->nodes[i], e) < 0)
			return err_prefix(e, "nothing has changed");
	}
	return 0;
}

static int run(struct job *j, struct err *e)
{
	struct live_task t = {.remote = &j->remote, .kind = "upgrade"};

	if (j->remote.cluster->identical_images && !j->images)
		return err_code(e, EXIT_CONFIG,
			"upgrade takes what each node gets from an image of its own: build these "
			"with "
			"identical_images = false and name their folder with --images");
	if (for_all(j, check_node, e) < 0)
		return -1;
	if (!j->needed)
		return err_set(e,
			"all nodes have Neo4j %s, and that is what the images hold: name another "
			"one in %s and build",
			j->neo4j, j->remote.cluster->path);
	t.neo4j = j->neo4j;
	if (live_task_look(&t, e) < 0)
		return err_prefix(e, "only a whole cluster is upgraded");
	if (j->backup && t.held)
		return err_set(e,
			"nothing has changed: no slave rests for a backup while %u nodes are "
			"held; with --no-backup each keeps its old store aside all the same",
			t.held);
	if (j->backup && live_backup(&j->remote, j->backup, e) < 0)
		return err_prefix(e, "nothing has changed: the backup before it failed");
	/* The backup had a slave restart. */
	if (stage_all(j, &t, e) < 0 || live_task_call(&t, e) < 0 || live_task_watch(&t, e) < 0)
		return -1;
	printf("upgraded: all nodes run Neo4j %s; their old stores are kept aside\n", j->neo4j);
	return 0;
}

static int upgrade(int argc, char **argv, struct err *e)
{
	struct job j = {0};
	int key;

	while ((key = command_next(&upgrade_command, argc, argv, e)) >= 0) {
		if (key == 'i')
			j.images = optarg;
		else if (key == 'b')
			j.backup = optarg;
		else
			j.no_backup = true;
	}
	if (key != COMMAND_END)
		return command_result(key);
	if (!j.backup == !j.no_backup)
		return err_code(e, EXIT_USAGE,
			"upgrade: --backup FILE copies the store before, --no-backup does not; say "
			"one of them");
	int rc = remote_open(&j.remote, argv[optind], e) < 0 ? -1 : run(&j, e);
	remote_close(&j.remote);
	return rc;
}

static const struct command_option options[] = {
	{"backup", 'b', "FILE", "copy the store to FILE before"},
	{"no-backup", 'n', NULL, "go on without"},
	{"images", 'i', "DIR", "where NODE.img are (the folder `bramble build` fills)"},
	{0},
};

const struct command upgrade_command = {
	.name = "upgrade",
	.operands = "CONF",
	.min = 1,
	.max = 1,
	.summary = "give a live cluster another version of Neo4j",
	.about =
		"Gives the nodes of a live cluster the Neo4j that their images hold: name it in "
		"CONF\n"
		"and build first. Each gets it beside its own; then all stop, the master last, a "
		"copy\n"
		"of its store is upgraded, and the others copy that. Nothing is served meanwhile.\n"
		"Nodes whose cards were flashed with it, and whose stores wait for it, take part.\n"
		"Should the upgrade fail, all start again as they were. Once it has begun the "
		"nodes\n"
		"finish it by themselves.",
	.options = options,
	.run = upgrade,
};

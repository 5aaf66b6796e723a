/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "cluster/state.h"
#include "cmd.h"
#include "identical.h"
#include "inspect/card.h"
#include "inspect/show.h"
#include "inspect/source.h"
#include "input/archive.h"
#include "live/ssh.h"

#define TAR_MAX (64u << 10)

static const struct command_option options[] = {
	{"cluster", 'c', "FILE", "the cluster.conf, if not NAME.conf in this folder"},
	{0},
};

static int parse(int argc, char **argv, const char **cluster, struct err *e)
{
	int key;

	while ((key = command_next(&recover_command, argc, argv, e)) >= 0)
		*cluster = optarg;
	return key;
}

/* A node's cluster.secret: two lines while the secret is being changed (`bramble rotate`). */
struct secrets {
	char *from;
	char line[2][65]; /* the second: "" */
};

/* What the cards say together. */
struct found {
	struct state state;
	char *cluster; /* its name */
	char *id_from, *password_from, *neo4j_from;
	struct secrets *secrets; /* of each card */
	size_t n;
};

static void free_found(struct found *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->secrets[i].from);
		sodium_memzero(f->secrets[i].line, sizeof(f->secrets[i].line));
	}
	free(f->secrets);
	free(f->cluster);
	free(f->id_from);
	free(f->password_from);
	free(f->neo4j_from);
}

/* What a node's /etc/bramble holds, whoever read it. */
enum { CONF, SECRET, STATS_PASSWORD, NEO4J_PASSWORD, FILES };

static const char *const files[FILES] = {
	[CONF] = "node.conf",
	[SECRET] = "cluster.secret",
	[STATS_PASSWORD] = "stats.password",
	[NEO4J_PASSWORD] = "neo4j.password",
};

struct told {
	struct buf text[FILES]; /* empty: not there */
};

static void free_told(struct told *t)
{
	for (size_t i = 0; i < FILES; i++)
		buf_free(&t->text[i]);
}

/* n - 1 hex digits and a line end; what follows it, NULL: they are none. */
static const char *take_hex(const char *from, char *text, size_t n)
{
	size_t len = strcspn(from, "\n");
	uint8_t bytes[32];

	if (len != n - 1)
		return NULL;
	memcpy(text, from, len);
	text[len] = '\0';
	return hex_decode(bytes, len / 2, text) == 0 ? from + len + (from[len] == '\n') : NULL;
}

static int read_hex(const struct told *t, size_t file, char *text, size_t n, struct err *e)
{
	const struct buf *b = &t->text[file];

	if (b->len && take_hex(buf_str(b), text, n))
		return 0;
	return err_code(
		e, EXIT_INPUT, "/etc/bramble/%s: is not %zu hex digits", files[file], n - 1);
}

static int read_secrets(const struct told *t, struct secrets *s, struct err *e)
{
	if (read_hex(t, SECRET, s->line[0], sizeof(s->line[0]), e) < 0)
		return -1;
	const char *rest = buf_str(&t->text[SECRET]) + strcspn(buf_str(&t->text[SECRET]), "\n");
	if (!*rest || !rest[1])
		return 0;
	rest = take_hex(rest + 1, s->line[1], sizeof(s->line[1]));
	if (rest && !*rest)
		return 0;
	return err_code(e, EXIT_INPUT, "/etc/bramble/%s: its second line is not %zu hex digits",
		files[SECRET], sizeof(s->line[1]) - 1);
}

static int read_hex_if_there(const struct told *t, size_t file, char *text, size_t n, struct err *e)
{
	return t->text[file].len ? read_hex(t, file, text, n, e) : 0;
}

/* A person's, or one of ours: printable, and a line end (state_set_password). */
static int read_password_if_there(
	const struct told *t, size_t file, char *text, size_t n, struct err *e)
{
	const struct buf *b = &t->text[file];
	size_t len = b->len ? strcspn(buf_str(b), "\n") : 0;

	if (!b->len)
		return 0;
	if (len == 0 || len >= n || !is_printable(b->data, len))
		return err_code(e, EXIT_INPUT,
			"/etc/bramble/%s: is not 1 to %zu printable ASCII characters", files[file],
			n - 1);
	memcpy(text, b->data, len);
	text[len] = '\0';
	return 0;
}

/* c: only its identity is filled in. */
static int read_state(
	const struct told *t, struct card *c, struct state *s, struct secrets *k, struct err *e)
{
	if (t->text[CONF].len)
		card_read_node_conf(&c->identity, buf_str(&t->text[CONF]));
	const char *id = c->identity.cluster_id;

	if (!card_is_node(c) || strlen(id) != sizeof(s->id) - 1 || c->identity.generation < 1 ||
		c->identity.generation > STATE_GENERATION_MAX)
		return err_code(e, EXIT_INPUT, "no card of a bramble cluster");
	memcpy(s->id, id, sizeof(s->id));
	s->generation = (unsigned)c->identity.generation;
	if (read_secrets(t, k, e) < 0 ||
		read_password_if_there(
			t, NEO4J_PASSWORD, s->neo4j_password, sizeof(s->neo4j_password), e) < 0)
		return -1;
	return read_hex_if_there(
		t, STATS_PASSWORD, s->stats_password, sizeof(s->stats_password), e);
}

static int disagree(const char *what, const char *first, struct err *e)
{
	return err_code(e, EXIT_INPUT, "its %s is not %s's: these are not cards of one cluster",
		what, first);
}

/* One of the passwords: only some nodes have it, and those that do agree. */
static int merge_password(char *have, const char *told, size_t n, char **from, const char *name,
	const char *what, struct err *e)
{
	if (!*told)
		return 0;
	if (*from && strcmp(have, told) != 0)
		return disagree(what, *from, e);
	if (!*from)
		*from = xstrdup(name);
	memcpy(have, told, n);
	return 0;
}

/* The first card sets what all others must have; a generation is only ever behind. */
static int merge(struct found *f, const char *name, const char *cluster, const struct state *s,
	struct err *e)
{
	if (!f->id_from) {
		f->state = *s;
		f->cluster = xstrdup(cluster ? cluster : "");
		f->id_from = xstrdup(name);
	}
	if (strcmp(f->state.id, s->id) != 0)
		return disagree("cluster id", f->id_from, e);
	if (s->generation > f->state.generation)
		f->state.generation = s->generation;
	if (merge_password(f->state.neo4j_password, s->neo4j_password, sizeof(s->neo4j_password),
		    &f->neo4j_from, name, "Neo4j password", e) < 0)
		return -1;
	return merge_password(f->state.stats_password, s->stats_password, sizeof(s->stats_password),
		&f->password_from, name, "stats password", e);
}

/* Of any node that has that file; "": none has. */
static int read_put_aside(struct ext4 *fs, const struct identical *all, const char *path,
	struct buf *text, struct err *e)
{
	for (size_t i = 0; i < all->n; i++) {
		const char *node = all->node[i].name;
		ssize_t n = generation_count(&all->list, node);
		for (ssize_t k = 0; k < n; k++) {
			struct generation_file f = generation_file_at(&all->list, node, (size_t)k);
			if (f.kind != GENERATION_FILE || strcmp(f.path, path) != 0)
				continue;
			_cleanup_free_ char *content = xasprintf(IDENTICAL_DIR "/%s", f.digest);
			return ext4_read(fs, content, text, e);
		}
	}
	return 0;
}

/* An image for all nodes: what they have in common lies with what makes a card each of them. */
static int read_identical(struct ext4 *fs, struct told *t, struct err *e)
{
	static struct identical all; /* too large for the stack */
	_cleanup_buf_ struct buf list = {0};
	int rc = 0;

	if (ext4_read(fs, IDENTICAL_LIST, &list, e) < 0 ||
		identical_parse(buf_str(&list), list.len, &all, e) < 0)
		return -1;
	for (size_t i = 0; i < FILES && rc == 0; i++) {
		_cleanup_free_ char *path = xasprintf("/etc/bramble/%s", files[i]);
		rc = read_put_aside(fs, &all, path, &t->text[i], e);
	}
	identical_close(&all);
	return rc;
}

static int read_own(struct ext4 *fs, struct told *t, struct err *e)
{
	for (size_t i = 0; i < FILES; i++) {
		_cleanup_free_ char *path = xasprintf("/etc/bramble/%s", files[i]);
		if (ext4_exists(fs, path) && ext4_read(fs, path, &t->text[i], e) < 0)
			return -1;
	}
	return 0;
}

static int read_card(const char *name, struct told *t, struct err *e)
{
	_cleanup_source_ struct source source = SOURCE_NONE;
	_cleanup_card_ struct card card = {0};

	if (source_open(&source, name, e) < 0 || card_read(&card, name, source.image, e) < 0)
		return -1;
	if (!card_is_node(&card) && !card_is_for_all(&card))
		return 0;
	_cleanup_ext4_ struct ext4 *fs = card_open_ext4(&card, CARD_ROOT, e);
	if (!fs || read_own(fs, t, e) < 0)
		return -1;
	return card_is_node(&card) ? 0 : read_identical(fs, t, e);
}

/* A running node, by ssh: whoever may become root there may have the secrets. */
static int read_host(const char *host, struct told *t, struct err *e)
{
	static const char command[] =
		"cd /etc/bramble && sudo -n tar -cf - $(ls node.conf cluster.secret "
		"stats.password neo4j.password 2>/dev/null)";
	_cleanup_buf_ struct buf tar = {0};

	if (ssh_run(host, command, TAR_MAX, &tar, e) < 0)
		return -1;
	for (size_t i = 0; i < FILES; i++) {
		if (archive_read_memory(tar.data, tar.len, files[i], &t->text[i], e) < 0)
			return err_prefix(e, "%s", host);
	}
	return 0;
}

/* --- which secret it is */

static bool knows(const struct secrets *k, const char *secret)
{
	return strcmp(k->line[0], secret) == 0 || strcmp(k->line[1], secret) == 0;
}

static bool is_changing(const struct secrets *k)
{
	return k->line[1][0] != '\0';
}

/* Of those that are changing theirs: do all know it, or does any? */
static bool changing_know(const struct found *f, const char *secret, bool all)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct secrets *k = &f->secrets[i];
		if (is_changing(k) && knows(k, secret) != all)
			return !all;
	}
	return all;
}

/*
 * What comes first where there are two lines is known to all nodes, in each step of a change (all
 * take one before any takes the next), be it the old one or the new one: which, nobody can tell. So
 * the change is finished with it.
 */
static const struct secrets *choose(const struct found *f)
{
	const struct secrets *one = &f->secrets[0];

	for (size_t i = 0; i < f->n; i++) {
		const struct secrets *k = &f->secrets[i];
		if (is_changing(k) && changing_know(f, k->line[0], true))
			return k;
		if (is_changing(k))
			one = k; /* fits will name who does not know it */
	}
	return one;
}

/* A card with one line may be of before: then it is only to be of this cluster. */
static bool fits(const struct found *f, const struct secrets *k, const struct secrets *chosen)
{
	if (is_changing(k) || !is_changing(chosen))
		return knows(k, chosen->line[0]);
	return changing_know(f, k->line[0], false);
}

static int decide_secret(struct found *f, struct err *e)
{
	const struct secrets *chosen = choose(f);

	for (size_t i = 0; i < f->n; i++) {
		if (!fits(f, &f->secrets[i], chosen))
			return err_code(e, EXIT_INPUT,
				"%s: its secret is not %s's: these are not cards of one cluster, "
				"or of before and after a `bramble rotate`; name running nodes",
				f->secrets[i].from, chosen->from);
	}
	memcpy(f->state.secret, chosen->line[0], sizeof(f->state.secret));
	if (is_changing(chosen)) {
		memcpy(f->state.next, chosen->line[0], sizeof(f->state.next));
		memcpy(f->state.second, chosen->line[1], sizeof(f->state.second));
	}
	return 0;
}

static int add_node(struct found *f, const char *name, struct err *e)
{
	_cleanup_(free_told) struct told told = {0};
	_cleanup_card_ struct card card = {0};
	struct state s = {0};
	struct secrets k = {0};
	bool is_there = access(name, F_OK) == 0 || errno != ENOENT;
	bool is_host = !is_there && strchr(name, '@') && !strchr(name, '/');

	if (!is_there && !is_host)
		return err_code(e, EXIT_INPUT,
			"%s: no such file or device; a running node is asked as USER@HOST", name);
	if ((is_host ? read_host : read_card)(name, &told, e) < 0)
		return -1;
	if (read_state(&told, &card, &s, &k, e) < 0 ||
		merge(f, name, card.identity.cluster, &s, e) < 0)
		return err_prefix(e, "%s", name);
	k.from = xstrdup(name);
	f->secrets = xreallocarray(f->secrets, f->n + 1, sizeof(*f->secrets));
	f->secrets[f->n++] = k;
	return 0;
}

static struct cluster *load_cluster(const struct found *f, const char *conf, struct err *e)
{
	_cleanup_free_ char *own = xasprintf("%s.conf", f->cluster);

	if (!conf && strchr(f->cluster, '/')) {
		err_code(e, EXIT_INPUT, "%s: a cluster name with \"/\"", f->id_from);
		return NULL;
	}
	_cleanup_cluster_ struct cluster *c = cluster_load(conf ? conf : own, e);
	if (!c) {
		err_prefix(e, "cluster %s", f->cluster);
		return NULL;
	}
	if (strcmp(c->name, f->cluster) != 0) {
		_cleanup_free_ char *name = printable(f->cluster, false);
		err_code(e, EXIT_CONFIG, "%s describes cluster \"%s\", the cards are of \"%s\"",
			c->path, c->name, name);
		return NULL;
	}
	return steal(&c);
}

/* What cards do not tell, or not all of it. */
static void print_notes(const struct found *f, const struct cluster *c)
{
	if (!f->password_from && cluster_count(c, ROLE_PROXY))
		printf("note: none of the cards is a proxy's; unless the folder had one, the stats "
		       "page's password is a new one from the next build on\n");
	if (f->state.next[0])
		printf("note: the secret was being changed; say `bramble rotate %s`, which "
		       "finishes it. That may be with the one of before, which cards cannot tell "
		       "from the new one: say it once more to be rid of both\n",
			c->path);
	if (!f->state.apply_seed[0])
		printf("note: apply.key, with which `bramble apply` signs, is on no card; the next "
		       "build makes another one. All nodes must have that before they take "
		       "anything from `bramble apply` again: build, and flash all cards once "
		       "(--keep-data)\n");
}

static int recover(int argc, char **argv, struct err *e)
{
	_cleanup_(free_found) struct found f = {0};
	const char *conf = NULL;
	int end = parse(argc, argv, &conf, e);

	if (end != COMMAND_END)
		return command_result(end);
	for (int i = optind; i < argc; i++) {
		if (add_node(&f, argv[i], e) < 0)
			return -1;
	}
	if (decide_secret(&f, e) < 0)
		return -1;
	_cleanup_cluster_ struct cluster *c = load_cluster(&f, conf, e);
	if (!c || state_adopt(c, &f.state, e) < 0)
		return -1;
	_cleanup_free_ char *dir = cluster_state_dir(c);
	printf("%s: the state of cluster %s, id %s, generation %u\n", dir, c->name, f.state.id,
		f.state.generation);
	print_notes(&f, c);
	return 0;
}

const struct command recover_command = {
	.name = "recover-state",
	.operands = "IMAGE|DEVICE|USER@HOST...",
	.min = 1,
	.max = -1,
	.summary = "rebuild a lost NAME.state/ from cards or running nodes",
	.about = "Rebuilds a cluster's lost state folder (id, secret, generation, passwords) from\n"
		 "cards or images of its nodes, or from running ones by ssh; they must agree. A\n"
		 "different state that is there is never overwritten. While the secret is being\n"
		 "changed (`bramble rotate`) only running nodes tell all.",
	.options = options,
	.run = recover,
};

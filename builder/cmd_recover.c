/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "cluster/state.h"
#include "cmd.h"
#include "inspect/card.h"
#include "inspect/show.h"
#include "inspect/source.h"

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

/* What the cards say together. */
struct found {
	struct state state;
	char *cluster; /* its name */
	char *id_from, *password_from;
};

static void free_found(struct found *f)
{
	free(f->cluster);
	free(f->id_from);
	free(f->password_from);
}

/* n - 1 hex digits and a line end. */
static int read_hex(struct ext4 *fs, const char *path, char *text, size_t n, struct err *e)
{
	_cleanup_buf_ struct buf b = {0};
	uint8_t bytes[32];

	if (ext4_read(fs, path, &b, e) < 0)
		return -1;
	size_t len = strcspn(buf_str(&b), "\n");
	if (len == n - 1) {
		memcpy(text, b.data, len);
		text[len] = '\0';
		if (hex_decode(bytes, len / 2, text) == 0)
			return 0;
	}
	return err_code(e, EXIT_INPUT, "%s: is not %zu hex digits", path, n - 1);
}

static int read_state(const struct card *c, struct state *s, struct err *e)
{
	static const char password[] = "/etc/bramble/stats.password";
	const char *id = c->identity.cluster_id;

	if (!card_is_node(c) || strlen(id) != sizeof(s->id) - 1 || c->identity.generation < 1 ||
		c->identity.generation > STATE_GENERATION_MAX)
		return err_code(e, EXIT_INPUT, "no card of a bramble cluster");
	memcpy(s->id, id, sizeof(s->id));
	s->generation = (unsigned)c->identity.generation;
	_cleanup_ext4_ struct ext4 *fs = card_open_ext4(c, CARD_ROOT, e);
	if (!fs || read_hex(fs, "/etc/bramble/cluster.secret", s->secret, sizeof(s->secret), e) < 0)
		return -1;
	if (!ext4_exists(fs, password))
		return 0;
	return read_hex(fs, password, s->stats_password, sizeof(s->stats_password), e);
}

static int disagree(const char *what, const char *first, struct err *e)
{
	return err_code(e, EXIT_INPUT, "its %s is not %s's: these are not cards of one cluster",
		what, first);
}

/* The first card sets what all others must have; a generation is only ever behind. */
static int merge(struct found *f, const struct card *c, const struct state *s, struct err *e)
{
	if (!f->id_from) {
		f->state = *s;
		f->cluster = xstrdup(c->identity.cluster ? c->identity.cluster : "");
		f->id_from = xstrdup(c->name);
		f->state.stats_password[0] = '\0';
	}
	if (strcmp(f->state.id, s->id) != 0)
		return disagree("cluster id", f->id_from, e);
	if (strcmp(f->state.secret, s->secret) != 0)
		return disagree("secret", f->id_from, e);
	if (s->generation > f->state.generation)
		f->state.generation = s->generation;
	if (!s->stats_password[0])
		return 0;
	if (f->password_from && strcmp(f->state.stats_password, s->stats_password) != 0)
		return disagree("stats password", f->password_from, e);
	if (!f->password_from)
		f->password_from = xstrdup(c->name);
	memcpy(f->state.stats_password, s->stats_password, sizeof(s->stats_password));
	return 0;
}

static int add_card(struct found *f, const char *name, struct err *e)
{
	_cleanup_source_ struct source source = SOURCE_NONE;
	_cleanup_card_ struct card card = {0};
	struct state s = {0};

	if (access(name, F_OK) < 0 && errno == ENOENT)
		return err_code(e, EXIT_INPUT,
			"%s: no such file or device; a running node cannot be asked yet, name its "
			"card "
			"or image",
			name);
	if (source_open(&source, name, e) < 0 || card_read(&card, name, source.image, e) < 0)
		return -1;
	if (read_state(&card, &s, e) < 0 || merge(f, &card, &s, e) < 0)
		return err_prefix(e, "%s", name);
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

static int recover(int argc, char **argv, struct err *e)
{
	_cleanup_(free_found) struct found f = {0};
	const char *conf = NULL;
	int end = parse(argc, argv, &conf, e);

	if (end != COMMAND_END)
		return command_result(end);
	for (int i = optind; i < argc; i++) {
		if (add_card(&f, argv[i], e) < 0)
			return -1;
	}
	_cleanup_cluster_ struct cluster *c = load_cluster(&f, conf, e);
	if (!c || state_adopt(c, &f.state, e) < 0)
		return -1;
	_cleanup_free_ char *dir = cluster_state_dir(c);
	printf("%s: the state of cluster %s, id %s, generation %u\n", dir, c->name, f.state.id,
		f.state.generation);
	if (!f.password_from && cluster_count(c, ROLE_PROXY))
		printf("note: none of the cards is a proxy's; unless the folder had one, the stats "
		       "page's password is a new one from the next build on\n");
	return 0;
}

const struct command recover_command = {
	.name = "recover-state",
	.operands = "IMAGE|DEVICE...",
	.min = 1,
	.max = -1,
	.summary = "rebuild a lost NAME.state/ from cards",
	.about = "Rebuilds a cluster's lost state folder (id, secret, generation, password of the\n"
		 "stats page) from cards or images of its nodes, which must agree. A different "
		 "state\n"
		 "that is there is never overwritten.",
	.options = options,
	.run = recover,
};

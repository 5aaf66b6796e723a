/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <getopt.h>
#include <netdb.h>
#include <string.h>
#include "ask.h"
#include "cmd.h"
#include "net.h"
#include "remote.h"
#include "screen.h"

#define WATCH_MS 1000

/* "HOST" or "HOST:PORT" with an IPv4 address or a name that resolves to one. */
static int resolve(const char *where, struct sockaddr_in *to, struct err *e)
{
	const char *colon = strchr(where, ':');
	_cleanup_free_ char *host =
		xstrndup(where, colon ? (size_t)(colon - where) : strlen(where));
	_cleanup_free_ char *port = colon ? xstrdup(colon + 1) : xasprintf("%d", AGENT_PORT);
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;

	if (!*host || parse_port(port) < 1) /* getaddrinfo takes a number modulo 65536 */
		return err_code(e, EXIT_USAGE, "\"%s\" is not HOST or HOST:PORT", where);
	int rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0)
		return err_set(e, "%s: %s", host, gai_strerror(rc));
	memcpy(to, found->ai_addr, sizeof(*to));
	freeaddrinfo(found);
	return 0;
}

static void draw(struct screen *s, const struct cluster_view *v, const char *where)
{
	_cleanup_buf_ struct buf text = {0}, why = {0};
	struct render_style style = screen_style(s);

	const char *from = v->from[0] ? v->from : "the agent";
	bool named = strcmp(from, where) == 0;
	buf_printf(&text, "%s, as %s%s%s sees it: %s\n", v->cluster[0] ? v->cluster : "a cluster",
		from, named ? "" : " at ", named ? "" : where,
		view_formed(v, &why) ? "formed" : "not formed");
	if (v->vip[0])
		buf_printf(&text, "The floating address %s is %s%s\n", v->vip,
			v->vip_at[0] ? "at " : "nowhere", v->vip_at);
	render_table(v, &style, &text);
	screen_draw(s, buf_str(&text));
}

/* Whom to ask: one agent, or those of a cluster.conf until one answers. */
struct target {
	const char *where; /* who answered last */
	struct sockaddr_in to;
	struct cluster *cluster; /* NULL: one agent */
	size_t next;             /* the node that is asked first */
};

static void target_close(struct target *t)
{
	cluster_free(t->cluster);
}

static bool is_conf(const char *operand)
{
	size_t n = strlen(operand);

	return strchr(operand, '/') || (n > 5 && strcmp(operand + n - 5, ".conf") == 0);
}

static int target_open(struct target *t, const char *operand, struct err *e)
{
	*t = (struct target){.where = operand};
	if (!is_conf(operand))
		return resolve(operand, &t->to, e);
	t->cluster = cluster_load(operand, e);
	return t->cluster ? 0 : -1;
}

static int ask_node(struct target *t, const struct node *n, struct buf *body, struct err *e)
{
	if (remote_address(n, AGENT_PORT, &t->to) < 0)
		return err_errno(e, "%s", n->name);
	t->where = n->name;
	return ask_agent(&t->to, n->name, body, e);
}

static int ask(struct target *t, struct buf *body, struct err *e)
{
	if (!t->cluster)
		return ask_agent(&t->to, t->where, body, e);
	_cleanup_buf_ struct buf whys = {0};
	for (size_t i = 0; i < t->cluster->nnodes && !interrupted; i++) {
		struct err failed = {0};
		size_t at = (t->next + i) % t->cluster->nnodes;
		if (ask_node(t, &t->cluster->nodes[at], body, &failed) == 0) {
			t->next = at;
			return 0;
		}
		buf_printf(&whys, "%s%s", whys.len ? "; " : "", failed.msg);
	}
	return interrupted ? check_interrupted(e) : err_set(e, "%s", buf_str(&whys));
}

static int show_once(struct screen *s, struct target *t, bool json, struct err *e)
{
	_cleanup_buf_ struct buf body = {0};
	struct cluster_view v;

	if (ask(t, &body, e) < 0)
		return -1;
	if (view_parse(buf_str(&body), body.len, &v, e) < 0)
		return err_prefix(e, "%s", t->where);
	if (json)
		fwrite(body.data, 1, body.len, stdout);
	else
		draw(s, &v, t->where);
	return 0;
}

/* An agent that does not answer for a while is part of what one watches. */
static int watch(struct screen *s, struct target *t, struct err *e)
{
	while (!interrupted) {
		struct err failed = {0};
		if (show_once(s, t, false, &failed) < 0) {
			err_tame(&failed);
			_cleanup_free_ char *line = xasprintf("%s\n", failed.msg);
			screen_draw(s, line);
		}
		usleep(WATCH_MS * 1000);
	}
	screen_end(s);
	return check_interrupted(e);
}

static const struct command_option options[] = {
	{"json", 'j', NULL, "print the agent's answer as it is"},
	{"watch", 'w', NULL, "ask every second, until Ctrl-C"},
	{0},
};

static int status(int argc, char **argv, struct err *e)
{
	bool json = false, watching = false;
	_cleanup_(target_close) struct target t = {0};
	struct screen s;
	int key;

	while ((key = command_next(&status_command, argc, argv, e)) >= 0) {
		json |= key == 'j';
		watching |= key == 'w';
	}
	if (key != COMMAND_END)
		return command_result(key);
	if (json && watching)
		return err_code(e, EXIT_USAGE, "status: --json or --watch, not both");
	if (target_open(&t, optind < argc ? argv[optind] : "127.0.0.1", e) < 0)
		return -1;
	screen_begin(&s, stdout);
	return watching ? watch(&s, &t, e) : show_once(&s, &t, json, e);
}

const struct command status_command = {
	.name = "status",
	.operands = "[CONF | HOST[:PORT]]",
	.max = 1,
	.summary = "show a live cluster as a table",
	.about = "Asks a node's agent (127.0.0.1:7470 unless told), or those of the nodes in CONF\n"
		 "until one answers, how the cluster is.",
	.options = options,
	.run = status,
};

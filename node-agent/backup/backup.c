/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include "../control/verbs.h"
#include "log.h"
#include "pack_out.h"

#define PIECE (32u << 10)

const char *backup_wish(const struct backup *b)
{
	return b->phase == BACKUP_WAITS ? "for a backup of its store" : "";
}

void backup_turn(struct backup *b)
{
	if (b->phase == BACKUP_WAITS)
		b->phase = BACKUP_RESTS;
}

/* --- may it be? */

static size_t other_stores(const struct verbs *v)
{
	size_t n = 0;

	for (size_t i = 0; i < v->id->nmembers; i++)
		n += i != v->id->self && (v->id->members[i].roles & ROLE_DATA) != 0;
	return n;
}

static const char *cannot(const struct verbs *v, bool offline)
{
	bool others = other_stores(v) > 0;

	if (!(identity_self(v->id)->roles & ROLE_DATA))
		return "this node has no store";
	if (v->id->mode == NEO4J_CAUSAL)
		return "of a causal cluster Neo4j itself makes backups (neo4j-admin backup)";
	if (v->backup.phase != BACKUP_NONE)
		return "a backup of this node is under way already";
	if (v->self.state != NODE_SERVING)
		return "this node's Neo4j does not serve, so its store may lack something";
	if (others && v->self.role == NEO4J_MASTER)
		return "this node is the master; take a slave's store";
	if (!others && !offline)
		return "it has the only store: Neo4j would have to stop for as long as the copy "
		       "takes; --offline says that it may";
	return NULL;
}

static void begin(struct call *c, const json_t *request)
{
	struct verbs *v = c->agent;
	const char *why = cannot(v, json_is_true(json_object_get(request, "offline")));

	if (why) {
		call_fail(c, CALL_REFUSED, "%s", why);
		return;
	}
	pid_t pid = v->backup.pid;
	v->backup =
		(struct backup){.phase = BACKUP_WAITS, .call = c, .pid = pid, .pipe = {.fd = -1}};
	c->own = &v->backup;
}

/* --- the stream */

static void close_pipe(struct backup *b)
{
	loop_del(&b->pipe);
	if (b->pipe.fd >= 0)
		close(b->pipe.fd);
	b->pipe.fd = -1;
}

static void finish(struct backup *b)
{
	const struct verbs *v = b->call->agent;
	char id[2 * CLUSTER_ID_SIZE + 1];

	hex_encode(id, v->id->cluster_id, CLUSTER_ID_SIZE);
	call_done(b->call, json_pack("{s:s, s:s, s:s, s:s}", "cluster", v->id->cluster, "id", id,
				   "node", identity_self(v->id)->name, "neo4j", v->id->neo4j));
}

/* Not before the last piece has left is the next one taken: the child waits meanwhile. */
static void pipe_ready(struct loop_source *s, uint32_t events)
{
	struct backup *b = container_of(s, struct backup, pipe);
	char piece[PIECE];
	ssize_t n = read(s->fd, piece, sizeof(piece));

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	loop_del(s);
	if (n > 0)
		call_data(b->call, piece, (size_t)n);
	else if (n == 0)
		finish(b);
	else
		call_fail(b->call, CALL_FAILED, "the store: %s", strerror(errno));
}

static void more(struct call *c)
{
	const struct verbs *v = c->agent;
	struct backup *b = c->own;

	if (b->pipe.fd >= 0 && loop_add(v->loop, &b->pipe) < 0)
		call_fail(c, CALL_FAILED, "out of memory");
}

static void send_store(struct backup *b, struct verbs *v)
{
	_cleanup_free_ char *store = xasprintf("%s/srv/bramble", v->root);
	int end[2];

	if (pipe2(end, O_CLOEXEC) < 0) {
		call_fail(b->call, CALL_FAILED, "%s", strerror(errno));
		return;
	}
	b->pid = pack_out(store, end[1]);
	close(end[1]);
	b->pipe = (struct loop_source){.fd = end[0], .events = EPOLLIN, .ready = pipe_ready};
	b->phase = BACKUP_SENDS;
	if (b->pid < 0 || fcntl(end[0], F_SETFL, O_NONBLOCK) < 0) {
		b->pid = b->pid < 0 ? 0 : b->pid;
		call_fail(b->call, CALL_FAILED, "%s", strerror(errno));
		return;
	}
	more(b->call);
}

/* --- each round */

static void tick(struct call *c)
{
	struct verbs *v = c->agent;
	struct backup *b = c->own;

	if (b->phase == BACKUP_WAITS)
		call_progress(c, "waits for its turn to stop Neo4j%s%s",
			v->self.why && v->self.why[0] ? "; " : "", v->self.why ? v->self.why : "");
	else if (b->phase == BACKUP_RESTS && v->process)
		call_progress(c, "stops Neo4j");
	else if (b->phase == BACKUP_RESTS && !b->pid)
		send_store(b, v);
}

static void end(struct call *c)
{
	struct backup *b = c->own;

	if (!b)
		return;
	close_pipe(b);
	if (b->pid)
		kill(b->pid, SIGKILL);
	if (b->phase != BACKUP_NONE)
		log_info("backup: over");
	b->phase = BACKUP_NONE;
}

void backup_step(struct backup *b)
{
	if (b->pid && waitpid(b->pid, NULL, WNOHANG) == b->pid)
		b->pid = 0;
}

const struct verb backup_verb = {
	.name = "backup", .begin = begin, .more = more, .tick = tick, .end = end};

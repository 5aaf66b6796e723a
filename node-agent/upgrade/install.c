/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "../backup/unpack.h"
#include "buf.h"
#include "install.h"
#include "io.h"
#include "util.h"

#define CONF_MAX 65536

/* A version becomes part of a path. */
static bool is_name(const char *version)
{
	static const char good[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-+~";

	return *version && version[strspn(version, good)] == '\0';
}

static int check_new(
	const char *root, const char *from, const struct identity *new, bool *here, struct err *e)
{
	_cleanup_free_ char *program = xasprintf("%s/neo4j", from);
	struct identity now;

	if (identity_load_root(root, &now, e) < 0)
		return -1;
	if (!is_name(new->neo4j))
		return err_set(e, "what came is no Neo4j");
	*here = strcmp(new->neo4j, now.neo4j) == 0;
	if (*here && access(program, F_OK) == 0)
		return err_set(e, "Neo4j %s is what this node has", now.neo4j);
	if (memcmp(new->cluster_id, now.cluster_id, CLUSTER_ID_SIZE) != 0 ||
		strcmp(identity_self(new)->name, identity_self(&now)->name) != 0)
		return err_set(e, "what came is another node's");
	return new->mode == now.mode
		       ? 0
		       : err_set(e, "what came runs in another mode than this node's Neo4j");
}

/* The tree goes to where it stays; one of the same version that is not in use is replaced. */
static int put_tree(const char *from, const char *to, struct err *e)
{
	_cleanup_free_ char *program = xasprintf("%s/bin/neo4j", from);

	if (access(program, X_OK) < 0)
		return err_errno(e, "%s", program);
	if (io_remove_tree(to, e) < 0)
		return -1;
	return rename(from, to) < 0 ? err_errno(e, "%s", to) : 0;
}

static int put_program(
	const char *root, const char *new, const char *version, bool here, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/neo4j", new);
	_cleanup_free_ char *to = xasprintf("%s/opt/neo4j-%s", root, version);
	_cleanup_free_ char *link = xasprintf("%s/program", new);
	_cleanup_free_ char *target = xasprintf("../neo4j-%s", version);

	if (!here && put_tree(from, to, e) < 0)
		return -1;
	if (symlink(target, link) < 0)
		return err_errno(e, "%s", link);
	sync();
	return 0;
}

static int install(const char *root, const char *from, struct err *e)
{
	_cleanup_free_ char *new = xasprintf("%s" INSTALL_NEW, root);
	_cleanup_free_ char *conf = xasprintf("%s/node.conf", new);
	struct identity id;
	bool here = false;

	if (unpack(from, new, e) < 0 || identity_load(conf, &id, e) < 0 ||
		check_new(root, new, &id, &here, e) < 0)
		return -1;
	return put_program(root, new, id.neo4j, here, e);
}

int install_run(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *from = xasprintf("%s/srv/bramble/" UNPACK_FROM, o->root);
	_cleanup_free_ char *result = xasprintf("%s" INSTALL_RESULT, o->root);
	struct stat st;

	if (stat(from, &st) < 0)
		return err_errno(e, "%s", from);
	int rc = install(o->root, from, e);
	return unpack_tell(&st, result, rc, e);
}

/* --- the switch */

/* The line that begins with "neo4j {"; NULL: there is none. */
static const char *find_line(const char *text, size_t *n)
{
	for (const char *line = text; *line; line += *line == '\n') {
		*n = strcspn(line, "\n");
		if (str_starts(line, "neo4j {"))
			return line;
		line += *n;
	}
	return NULL;
}

int switch_line(const char *conf, const char *from, struct buf *out)
{
	size_t old_size, new_size;
	const char *old = find_line(conf, &old_size), *new = find_line(from, &new_size);

	if (!old || !new)
		return -1;
	buf_add(out, conf, (size_t)(old - conf));
	buf_add(out, new, new_size);
	buf_puts(out, old + old_size);
	return buf_ok(out) ? 0 : -1;
}

static int switch_conf(const char *root, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/etc/bramble/node.conf", root);
	_cleanup_free_ char *new = xasprintf("%s" INSTALL_NEW "/node.conf", root);
	_cleanup_buf_ struct buf conf = {0}, from = {0}, out = {0};

	if (io_read_file(path, CONF_MAX, &conf, e) < 0 || io_read_file(new, CONF_MAX, &from, e) < 0)
		return -1;
	if (switch_line(buf_str(&conf), buf_str(&from), &out) < 0)
		return err_set(e, "%s: has no line for Neo4j", path);
	return io_write_atomic(path, out.data, out.len, 0644, e);
}

static int switch_link(const char *root, const char *version, struct err *e)
{
	_cleanup_free_ char *link = xasprintf("%s/opt/neo4j", root);
	_cleanup_free_ char *new = xasprintf("%s.new", link);
	_cleanup_free_ char *target = xasprintf("neo4j-%s", version);

	(void)unlink(new);
	if (symlink(target, new) < 0 || rename(new, link) < 0 || io_sync_parent(link) < 0)
		return err_errno(e, "%s", link);
	return 0;
}

int switch_run(const struct agent_options *o, struct err *e)
{
	_cleanup_free_ char *conf = xasprintf("%s" INSTALL_NEW "/node.conf", o->root);
	struct identity id;

	if (identity_load(conf, &id, e) < 0)
		return -1;
	_cleanup_free_ char *program = xasprintf("%s/opt/neo4j-%s/bin/neo4j", o->root, id.neo4j);
	if (access(program, X_OK) < 0)
		return err_errno(e, "%s", program);
	return switch_conf(o->root, e) < 0 ? -1 : switch_link(o->root, id.neo4j, e);
}

bool switch_is_begun(const char *root, const char *known)
{
	struct identity id;
	struct err ignored;

	return identity_load_root(root, &id, &ignored) == 0 && strcmp(id.neo4j, known) != 0;
}

bool switch_is_done(const char *root, const char *version)
{
	_cleanup_free_ char *link = xasprintf("%s/opt/neo4j", root);
	_cleanup_free_ char *want = xasprintf("neo4j-%s", version);
	char target[128];
	struct identity id;
	struct err e;
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n < 0 || identity_load_root(root, &id, &e) < 0)
		return false;
	target[n] = '\0';
	return strcmp(target, want) == 0 && strcmp(id.neo4j, version) == 0;
}

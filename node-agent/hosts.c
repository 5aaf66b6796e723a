/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include <sys/stat.h>
#include "hosts.h"
#include "io.h"
#include "neo4j_lines.h"
#include "util.h"

#define CONF_MAX (256u << 10)
#define CLUSTER_PORT 5001 /* ha.cluster_server, ha.host.coordination */

static const struct member *voter(const struct identity *id, unsigned server_id)
{
	for (size_t i = 0; i < id->nmembers; i++) {
		const struct member *m = &id->members[i];
		if ((m->roles & ROLE_VOTER) && m->id == server_id)
			return m;
	}
	return NULL;
}

/* The name of its address, or NULL. */
static const char *address_of(
	const struct hosts *h, const struct member *m, char text[INET_ADDRSTRLEN])
{
	struct in_addr a = book_find(h->book, m->name);

	if (!a.s_addr)
		a = m->address;
	return a.s_addr ? inet_ntop(AF_INET, &a, text, INET_ADDRSTRLEN) : NULL;
}

/* By ascending id, as the builder renders them. */
static int add_hosts(const struct hosts *h, struct buf *to, struct err *e)
{
	const char *sep = "";
	char text[INET_ADDRSTRLEN];

	for (unsigned i = 0; i < 128; i++) {
		if (!idset_has(h->initial, i))
			continue;
		const struct member *m = voter(h->id, i);
		const char *address = m ? address_of(h, m, text) : NULL;
		if (!m)
			return err_set(e, "initial hosts: no member has the id %u", i);
		if (!address)
			return err_set(e, "initial hosts: nobody knows yet where %s is", m->name);
		buf_printf(to, "%s%s:%d", sep, address, CLUSTER_PORT);
		sep = ",";
	}
	return sep[0] ? 0 : err_set(e, "initial hosts: there would be none");
}

static const struct neo4j_own_key *own_key(const char *line)
{
	for (const struct neo4j_own_key *k = neo4j_own_keys; k->key; k++) {
		if (str_starts(line, k->key))
			return k;
	}
	return NULL;
}

static bool is_elsewhere(const struct hosts *h)
{
	const struct member *self = identity_self(h->id);
	struct in_addr now = book_find(h->book, self->name);

	return !self->address.s_addr || (now.s_addr && now.s_addr != self->address.s_addr);
}

/*
 * Also of a node that is where node.conf says: it may have been elsewhere, and then these lines are
 * this agent's and no longer the builder's. That a Neo4j listens for its own machine alone is the
 * builder's word.
 */
static const struct neo4j_own_key *key_to_replace(const struct hosts *h, const char *line)
{
	const struct neo4j_own_key *own = own_key(line);
	bool local = own && str_starts(line + strlen(own->key), "127.");

	return local && !is_elsewhere(h) ? NULL : own;
}

static int add_line(
	const struct hosts *h, const char *line, size_t n, struct buf *to, struct err *e)
{
	const struct neo4j_own_key *own = key_to_replace(h, line);
	char text[INET_ADDRSTRLEN];

	if (h->initial && str_starts(line, NEO4J_INITIAL_HOSTS)) {
		buf_puts(to, NEO4J_INITIAL_HOSTS);
		int r = add_hosts(h, to, e);
		if (!idset_has(h->initial, identity_self(h->id)->id))
			buf_puts(to, "\n" NEO4J_ALLOW_INIT "false");
		return r;
	}
	if (!own) {
		buf_add(to, line, n);
		return 0;
	}
	const char *address = address_of(h, identity_self(h->id), text);
	if (!address)
		return err_set(e, "this node has no address yet");
	buf_printf(to, "%s%s%s", own->key, address, own->port);
	return 0;
}

int hosts_replace(const struct hosts *h, const char *text, struct buf *to, struct err *e)
{
	bool found = !h->initial;

	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		bool before = h->initial && str_starts(line, NEO4J_ALLOW_INIT);
		found |= str_starts(line, NEO4J_INITIAL_HOSTS);
		if (!before && add_line(h, line, n, to, e) < 0)
			return -1;
		if (!before && line[n])
			buf_puts(to, "\n");
		line += n + (line[n] != '\0');
	}
	if (!found)
		return err_set(e, "there is no line %s", NEO4J_INITIAL_HOSTS);
	return buf_ok(to) ? 0 : err_set(e, "out of memory");
}

int hosts_write(const struct hosts *h, const char *path, struct err *e)
{
	_cleanup_buf_ struct buf before = {0}, after = {0};
	struct stat st;

	if (io_read_file(path, CONF_MAX, &before, e) < 0)
		return -1;
	if (stat(path, &st) < 0)
		return err_errno(e, "%s", path);
	if (hosts_replace(h, buf_str(&before), &after, e) < 0)
		return err_prefix(e, "%s", path);
	if (strcmp(buf_str(&before), buf_str(&after)) == 0)
		return 0;
	return io_write_atomic(path, after.data, after.len, st.st_mode & 0777, e);
}

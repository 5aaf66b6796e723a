/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cards that begin with the store of a backup: every data node gets all of it, so that the first
 * formation, by whatever order they come and however often the power fails, is of members with one
 * and the same store. It lies where a live restore unpacks it, and the marker says so: the agent
 * takes it in place of none at the first start, and Neo4j failing to start removes no such store.
 */
#include <string.h>
#include "build.h"
#include "neo4j_upgrade.h"

#define PLACE "/neo4j/data/incoming" /* node-agent/backup/unpack.h */
#define ROOM (UINT64_C(96) << 20)    /* for the journal, and for Neo4j to start in */

static int check_version(const struct build *b, struct err *e)
{
	const char *from = b->backup.neo4j, *to = b->inputs.neo4j_version;
	bool alone;

	if (strcmp(from, to) == 0)
		return 0;
	if (neo4j_upgrade_find(from, to, NULL, &alone, e) < 0)
		return err_prefix(e, "%s", b->restore);
	if (!alone)
		return 0;
	return err_code(e, EXIT_INPUT,
		"%s: a store of Neo4j %s, and the cards get %s: build them with %s, and upgrade "
		"the live cluster",
		b->restore, from, to, from);
}

static int check_room(const struct build *b, struct err *e)
{
	uint64_t need = b->backup.sums.bytes + b->backup.sums.bytes / 8 + ROOM;

	if (need <= b->cluster->data_size)
		return 0;
	return err_code(e, EXIT_CONFIG, "%s: data_size: the store in %s needs %llu MiB",
		b->cluster->path, b->restore, (unsigned long long)(need >> 20) + 1);
}

int restore_store_look(struct build *b, struct err *e)
{
	if (!b->restore)
		return 0;
	if (b->inputs.profile.mode == NEO4J_CAUSAL)
		return err_code(e, EXIT_CONFIG,
			"%s: the members of a causal cluster are restored one by one, by "
			"neo4j-admin",
			b->cluster->path);
	if (b->cluster->identical_images)
		return err_code(e, EXIT_CONFIG,
			"%s: an image for all nodes has no node's store; start the cluster and use "
			"bramble restore",
			b->cluster->path);
	if (backup_check(b->restore, &b->backup, e) < 0 || check_version(b, e) < 0)
		return -1;
	return check_room(b, e);
}

/* --- onto p3 */

static char *place_of(const char *path)
{
	return xasprintf(PLACE "/%s", path);
}

static int put_dir(void *arg, const char *path, unsigned mode, struct err *e)
{
	_cleanup_free_ char *place = place_of(path);

	return ext4_mkdir(arg, place, NEO4J_ONLY(mode | 0700), e);
}

static int put_file(void *arg, const char *path, unsigned mode, uint64_t size, struct err *e)
{
	_cleanup_free_ char *place = place_of(path);

	return ext4_file_begin(arg, place, size, NEO4J_ONLY(mode | 0600), e);
}

static int put_data(void *arg, const void *p, size_t n, struct err *e)
{
	return ext4_file_add(arg, p, n, e);
}

static int end_file(void *arg, struct err *e)
{
	return ext4_file_end(arg, e);
}

static int put_all(struct backup_reader *from, struct ext4 *data, struct err *e)
{
	const struct pack_sink sink = {put_dir, put_file, put_data, end_file, data};
	_cleanup_buf_ struct buf piece = {0};
	struct pack_reader r = {0};
	int more = 1, rc = 0;

	pack_reader_begin(&r);
	while (more > 0 && rc >= 0) {
		piece.len = 0;
		more = backup_next(from, &piece, e);
		if (!buf_ok(&piece))
			more = err_set(e, "out of memory");
		if (more >= 0)
			rc = pack_read(&r, buf_str(&piece), piece.len, &sink, e);
	}
	pack_reader_end(&r);
	if (more < 0 || rc < 0)
		return -1;
	return rc == 1 ? 0 : err_set(e, "its end is missing");
}

int restore_store_put(const struct build *b, struct ext4 *data, struct err *e)
{
	_cleanup_(backup_reader_cleanup) struct backup_reader *from = backup_open(b->restore, e);

	if (!from || ext4_mkdir(data, "/neo4j/data", NEO4J_ONLY(0755), e) < 0 ||
		ext4_mkdir(data, PLACE, NEO4J_ONLY(0755), e) < 0)
		return -1;
	return put_all(from, data, e) < 0 ? err_prefix(e, "%s", b->restore) : 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <sys/stat.h>
#include "backup/unpack.h"
#include "io.h"
#include "neo4j_bean.h"
#include "store_at_rest.h"
#include "util.h"

static const char *const stores[] = {
	"neo4j/data/databases/graph.db", /* 3.x */
	"neo4j/data/graph.db",           /* 2.x */
};

char *store_folder(const char *dir)
{
	for (size_t i = 0; i < ARRAY_SIZE(stores); i++) {
		char *path = xasprintf("%s/%s", dir, stores[i]);
		struct stat st;
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return path;
		free(path);
	}
	return NULL;
}

int store_read(const char *folder, struct neostore *n, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/neostore", folder);
	uint8_t head[NEOSTORE_NEEDS];
	struct stat st;
	_cleanup_close_ int fd = io_open_plain(AT_FDCWD, path, &st, e);

	if (fd < 0)
		return -1;
	if (io_pread_full(fd, head, sizeof(head), 0) < 0)
		return err_errno(e, "%s", path);
	return neostore_parse(head, sizeof(head), n, e);
}

/* What was unpacked and not begun with yet, else the store. */
static char *folder_of(const char *dir, bool next)
{
	char *unpacked = next ? xasprintf("%s/" UNPACK_TO, dir) : NULL;

	if (unpacked && access(unpacked, F_OK) == 0)
		return unpacked;
	free(unpacked);
	return store_folder(dir);
}

/* Its own file is written now and then, the log before anything is acknowledged. */
int store_end_read(struct store_end *s, const char *dir, bool next, struct err *e)
{
	_cleanup_free_ char *folder = folder_of(dir, next);
	struct neostore n = {0};

	if (!folder) {
		*s = (struct store_end){0};
		return 0;
	}
	s->tx = TX_UNKNOWN;
	s->exact = false;
	if (tx_log_read(folder, &s->log, e) < 0 || (store_read(folder, &n, e) < 0 && !s->log.last))
		return -1;
	s->tx = n.last_tx > s->log.last ? n.last_tx : s->log.last;
	s->exact = s->log.exact && s->tx == s->log.last;
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as Neo4j's transaction log. What must hold: a commit more makes it no shorter, and
 * exact; with the begin of another transaction behind it, it is not.
 */
// use: node-agent/tx_log.c
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "buf.h"
#include "folder.h"
#include "node-agent/tx_log.h"
#include "util.h"

static int read_log(const void *p, size_t n, struct tx_log *l)
{
	_cleanup_free_ char *path = xasprintf("%s/neostore.transaction.db.0", folder());
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct err e;

	*l = (struct tx_log){0};
	must(fd >= 0 && io_write_full(fd, p, n) == 0);
	return tx_log_read(folder(), l, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t entry[18] = {0xf6, 5};
	_cleanup_buf_ struct buf whole = {0};
	struct tx_log before, after;

	if (read_log(data, size, &before) < 0 || size < 16)
		return 0;
	for (size_t i = 0; i < 8; i++)
		entry[2 + i] = (uint8_t)((before.last + 1) >> (8 * (7 - i)));
	buf_add(&whole, data, size);
	buf_add(&whole, entry, sizeof(entry));
	must(read_log(buf_str(&whole), whole.len, &after) == 0 && after.last >= before.last);
	must(after.last != before.last + 1 || after.exact);
	buf_add(&whole, "\xf6\1x", 3);
	must(read_log(buf_str(&whole), whole.len, &after) == 0 && !after.exact);
	return 0;
}

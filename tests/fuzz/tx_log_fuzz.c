/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as Neo4j's transaction log. What must hold: a commit more makes it no shorter. */
// use: node-agent/tx_log.c
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "buf.h"
#include "folder.h"
#include "node-agent/tx_log.h"
#include "util.h"

static int read_log(const void *p, size_t n, uint64_t *last)
{
	_cleanup_free_ char *path = xasprintf("%s/neostore.transaction.db.0", folder());
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct tx_log l = {0};
	struct err e;

	must(fd >= 0 && io_write_full(fd, p, n) == 0);
	int r = tx_log_read(folder(), &l, &e);
	*last = l.last;
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t entry[18] = {0xf6, 5};
	_cleanup_buf_ struct buf whole = {0};
	uint64_t last, more;

	if (read_log(data, size, &last) < 0 || size < 16)
		return 0;
	for (size_t i = 0; i < 8; i++)
		entry[2 + i] = (uint8_t)((last + 1) >> (8 * (7 - i)));
	buf_add(&whole, data, size);
	buf_add(&whole, entry, sizeof(entry));
	must(read_log(buf_str(&whole), whole.len, &more) == 0 && more >= last);
	return 0;
}

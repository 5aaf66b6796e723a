/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_TX_LOG_H
#define BRAMBLE_TX_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include "err.h"

/*
 * How far a store goes, as its transaction log tells: the files neostore.transaction.db.N that
 * Neo4j 2.2 to 3.5 has in the store's folder. A commit is acknowledged once it is forced into the
 * log, whatever else of the store is on the card by then.
 *
 * A file begins with 16 bytes: a version, and the last transaction committed before it
 * (LogHeaderWriter). A transaction ends with 18: the version of its entries, 5, its number, the
 * time (LogEntryWriter.writeCommitEntry); all are big-endian. What is between does not tell how
 * long it is, so nobody but Neo4j can walk through a log. But behind the last commit there can only
 * be the begin of a transaction that was torn, and checkpoints: among all at the log's end that
 * looks like a commit the highest number is the last transaction's, or higher where a property
 * looks like one. So nothing that was acknowledged is ever missed; only a torn transaction of more
 * than TX_LOG_TAIL that imitates a commit could hide what was before it.
 */
#define TX_LOG_TAIL (1u << 20)  /* bytes at the end of a file that are searched ... */
#define TX_LOG_MOST (16u << 20) /* ... and, while nothing is found in them, so many */

/* Pure. What looks like a commit has a number in this range. */
struct tx_range {
	uint64_t above, most;
};

/*
 * The highest number of what looks like a commit in n bytes, 0: none does. One that ends where they
 * end counts only if the log does, too.
 */
uint64_t tx_log_scan(const uint8_t *p, size_t n, bool end, const struct tx_range *range);
/*
 * Is what ends a log, n bytes, that commit, and behind it nothing but checkpoints and zeros? Then
 * nothing is torn, and no property can look like it: its transaction's own commit would follow.
 */
bool tx_log_ends(const uint8_t *p, size_t n, uint64_t last);

/* A log that was read, and what of its newest file tells that it has changed since; zeros: none. */
struct tx_log {
	uint64_t last; /* no transaction in it has a higher number */
	bool exact;    /* that one is in it, and nothing is torn behind it (tx_log_ends) */
	bool unclear;  /* nobody can tell */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec time;
};

/*
 * Reads the log in folder, unless it is as it was; one that is not there is empty, with 0 for its
 * last. -1: nobody can tell; that is remembered likewise. The folder is Neo4j's: whatever lies
 * there does not make the caller wait.
 */
MUST_CHECK int tx_log_read(const char *folder, struct tx_log *l, struct err *e);

#endif

/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_DIGEST_H
#define BRAMBLE_DIGEST_H

#include "hash.h"

/*
 * The hash of a file's bytes, or of a folder's names and files, remembered: inputs are hundreds of
 * megabytes, and each build wants all their hashes. A file is taken for unchanged while device,
 * inode, size, mtime and ctime are (ctime cannot be set back). One that changed within the last
 * two seconds is not remembered: it could change again under the same times, as Git knows too
 * (racy-git.txt). What is remembered lies in CACHE/digests; none of it is needed.
 */
MUST_CHECK int digest_path(const char *path, char hex[static HASH_HEX], struct err *e);

#endif

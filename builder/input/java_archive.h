/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_JAVA_ARCHIVE_H
#define BRAMBLE_JAVA_ARCHIVE_H

#include "arch.h"

/*
 * A JRE or JDK as Temurin, Zulu and Liberica pack them (.tar.gz, .tar.xz, .zip): one top folder
 * with bin/java and a file `release` of NAME="value" lines. What `release` says is checked against
 * the program's own ELF header, because people rename and repack.
 */
#define JAVA_VERSION_SIZE 32
struct java_archive {
	unsigned major;                  /* 8, 11, 17, 21 */
	char version[JAVA_VERSION_SIZE]; /* as `release` has it, "17.0.9" */
	enum arch arch;
};

/*
 * Reads as far as it must. EXIT_INPUT when it is no such archive, not for Linux, for musl instead
 * of glibc (Alpine's), or when release and program disagree.
 */
MUST_CHECK int java_archive_look(const char *path, struct java_archive *j, struct err *e);

#endif

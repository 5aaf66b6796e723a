/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "boot_word.h"
#include "io.h"
#include "log.h"
#include "util.h"

#define DIR "/run/bramble-boot"
#define WORD_MAX 4096

void boot_word_set(const char *root, const char *name, const char *why)
{
	_cleanup_free_ char *dir = xasprintf("%s" DIR, root);
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	struct err e;

	if (!why && unlink(path) < 0 && errno != ENOENT)
		log_warn("%s: %s", path, strerror(errno));
	if (why && (io_mkdir_p(dir, 0755, &e) < 0 ||
			   io_write_atomic(path, why, strlen(why), 0644, &e) < 0))
		log_warn("%s", e.msg);
}

bool boot_word_get(const char *root, const char *name, char to[BOOT_WORD_SIZE])
{
	_cleanup_free_ char *path = xasprintf("%s" DIR "/%s", root, name);
	_cleanup_buf_ struct buf text = {0};
	struct err none;

	to[0] = '\0';
	if (io_read_file(path, WORD_MAX, &text, &none) < 0 || !text.len)
		return false;
	snprintf(to, BOOT_WORD_SIZE, "%s", buf_str(&text));
	for (char *p = to; *p; p++) {
		if (!is_printable(p, 1))
			*p = '?';
	}
	return true;
}

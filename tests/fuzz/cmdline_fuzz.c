/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a cmdline.txt. What must hold for those that are taken: what is dropped is gone,
 * what is set is there once, each edit twice is the edit once, and what follows the first line
 * stays byte for byte. Built with libFuzzer, or with replay.c to run a corpus.
 */
// use: builder/release/cmdline.c
#include <stdlib.h>
#include <string.h>
#include "builder/release/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
	if (!held)
		abort();
}

static void edit(struct buf *b)
{
	cmdline_drop(b, "init=");
	cmdline_drop(b, "quiet");
	cmdline_drop(b, "resize");
	cmdline_set_disk(b, 0x0badcafe, 0x12345678);
	cmdline_set(b, "cfg80211.ieee80211_regdom=", "DE");
}

static const char *rest(const struct buf *b)
{
	const char *end = strchr(buf_str(b), '\n');

	return end ? end + 1 : "";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf b = {0}, once = {0};
	_cleanup_free_ char *value = NULL;
	struct err e;

	buf_add(&b, data, size);
	if (cmdline_check(&b, &e) < 0)
		return 0;
	_cleanup_free_ char *before = xstrdup(rest(&b));
	edit(&b);
	must(buf_ok(&b) && strlen(buf_str(&b)) == b.len);
	must(!cmdline_has(&b, "init=", NULL) && !cmdline_has(&b, "quiet", NULL));
	must(!cmdline_has(&b, "resize", NULL));
	must(cmdline_has(&b, "cfg80211.ieee80211_regdom=", &value) && strcmp(value, "DE") == 0);
	must(strlen(rest(&b)) == strlen(before));
	buf_add(&once, b.data, b.len);
	edit(&b);
	must(b.len == once.len && memcmp(b.data, once.data, b.len) == 0);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as an /etc/fstab. What must hold for those that are taken: "/" is p2 of the card, p3
 * is mounted once, and the edit twice is the edit once. Built with libFuzzer, or with replay.c to
 * run a corpus.
 */
// use: builder/release/fstab.c
#include <stdlib.h>
#include <string.h>
#include "builder/release/fstab.h"

#define OLD 0x0badcafe
#define NEW 0x12345678
#define DATA "/srv/bramble"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool held)
{
	if (!held)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf b = {0}, once = {0};
	struct err e;

	buf_add(&b, data, size);
	_cleanup_free_ char *boot = fstab_mount_point(&b, OLD, 1);
	if (fstab_edit(&b, OLD, NEW, DATA, &e) < 0)
		return 0;
	_cleanup_free_ char *root = fstab_mount_point(&b, NEW, 2);
	_cleanup_free_ char *p3 = fstab_mount_point(&b, NEW, 3);
	must(buf_ok(&b) && strlen(buf_str(&b)) == b.len && b.data[b.len - 1] == '\n');
	must(root && strcmp(root, "/") == 0);
	must(p3 != NULL);
	buf_add(&once, b.data, b.len);
	must(fstab_edit(&b, OLD, NEW, DATA, &e) == 0);
	must(b.len == once.len && memcmp(b.data, once.data, b.len) == 0);
	return 0;
}

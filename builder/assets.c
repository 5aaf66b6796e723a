/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include "assets.h"

static void free_archive(struct archive **a)
{
	archive_read_free(*a);
}

static int add_content(struct hash *h, struct archive *a)
{
	const void *piece;
	size_t n;
	la_int64_t at;
	int rc;

	while ((rc = archive_read_data_block(a, &piece, &n, &at)) == ARCHIVE_OK)
		hash_bytes(h, piece, n);
	return rc == ARCHIVE_EOF ? 0 : -1;
}

/* Name, kind, mode, where a link leads, bytes. Not the times: they never reach a card. */
static int add_entry(struct hash *h, struct archive *a, struct archive_entry *en)
{
	const char *link = archive_entry_symlink(en);
	uint32_t mode = archive_entry_mode(en);

	hash_text(h, archive_entry_pathname(en));
	hash_bytes(h, &mode, sizeof(mode));
	hash_text(h, link ? link : "");
	return add_content(h, a);
}

int assets_digest(const char *top, char hex[static HASH_HEX], struct err *e)
{
	_cleanup_(free_archive) struct archive *a = archive_read_new();
	struct archive_entry *en;
	struct hash h;
	size_t n = strlen(top);
	int rc;

	hash_begin(&h);
	archive_read_support_format_tar(a);
	archive_read_support_format_gnutar(a);
	rc = archive_read_open_memory(a, assets, assets_size);
	while (rc == ARCHIVE_OK && (rc = archive_read_next_header(a, &en)) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(en);
		if (strncmp(name, top, n) == 0 && name[n] == '/' && add_entry(&h, a, en) < 0)
			rc = ARCHIVE_FATAL;
	}
	hash_end(&h, hex);
	return rc == ARCHIVE_EOF ? 0 : err_set(e, "assets: %s", archive_error_string(a));
}

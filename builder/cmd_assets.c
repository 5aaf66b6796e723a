/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <archive.h>
#include <archive_entry.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "assets.h"
#include "cmd.h"
#include "io.h"

static int list_entry(struct archive_entry *en)
{
	printf("%s %8lld %s\n", archive_entry_strmode(en), (long long)archive_entry_size(en),
		archive_entry_pathname(en));
	return ARCHIVE_OK;
}

static int extract_entry(struct archive *a, struct archive_entry *en, const char *dir)
{
	_cleanup_free_ char *to = xasprintf("%s/%s", dir, archive_entry_pathname(en));

	archive_entry_set_pathname(en, to);
	return archive_read_extract(a, en, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME);
}

static int each_asset(const char *dir, struct err *e)
{
	struct archive *a = archive_read_new();
	struct archive_entry *en;
	int rc;

	archive_read_support_format_tar(a);
	archive_read_support_format_gnutar(a);
	rc = archive_read_open_memory(a, assets, assets_size);
	while (rc == ARCHIVE_OK && (rc = archive_read_next_header(a, &en)) == ARCHIVE_OK)
		rc = dir ? extract_entry(a, en, dir) : list_entry(en);
	if (rc != ARCHIVE_EOF)
		err_set(e, "assets: %s", archive_error_string(a));
	archive_read_free(a);
	return rc == ARCHIVE_EOF ? 0 : -1;
}

static int show_assets(int argc, char **argv, struct err *e)
{
	int o = command_next(&assets_command, argc, argv, e);

	if (o != COMMAND_END)
		return command_result(o);
	argc -= optind;
	argv += optind;
	if (argc == 0 || (argc == 1 && strcmp(argv[0], "list") == 0))
		return each_asset(NULL, e);
	if (argc != 2 || strcmp(argv[0], "extract") != 0)
		return err_code(e, EXIT_USAGE, "assets: see bramble assets --help");
	return io_mkdir_p(argv[1], 0755, e) < 0 ? -1 : each_asset(argv[1], e);
}

const struct command assets_command = {
	.name = "assets",
	.operands = "[list | extract DIR]",
	.max = 2,
	.summary = "show what is embedded in this program",
	.about = "What is inside this program for the cards: overlays and the static programs.",
	.run = show_assets,
};

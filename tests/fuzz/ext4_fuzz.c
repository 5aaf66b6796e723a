/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as an ext4 filesystem: whatever libext2fs makes of a hostile superblock, descriptors,
 * inodes and folders, looking at it ends, and an edit of what was accepted for editing ends too.
 */
// use: builder/image/ext4.c builder/image/ext4_edit.c builder/image/ext4_look.c builder/run.c
#include "builder/image/ext4_look.h"
#include "cmd.h"
#include "fuzz.h"

#define SIZE (512u << 10)

volatile int interrupted;

int check_interrupted(struct err *e)
{
	(void)e;
	return 0;
}

static void look(struct ext4 *fs)
{
	struct ext4_info info;
	struct ext4_stat st;
	struct err e;
	_cleanup_buf_ struct buf text = {0}, link = {0};
	_cleanup_names_ char **names = ext4_names(fs, "/etc", &e);

	ext4_info(fs, &info);
	must(strlen(info.label) < sizeof(info.label) && strlen(info.uuid) == 36);
	free(info.features);
	ext4_stat(fs, "/etc/hostname", &st);
	ext4_tree_size(fs, "/etc");
	if (ext4_read(fs, "/etc/hostname", &text, &e) < 0 ||
		ext4_readlink(fs, "/etc/link", &link, &e) < 0)
		must(e.msg[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e;
	const char *path = fuzz_file(data, size, SIZE);
	_cleanup_ext4_ struct ext4 *fs = ext4_open_look(path, 0, &e);

	if (!fs)
		return 0;
	look(fs);
	if (ext4_check_checksums(path, 0, &e) < 0)
		must(e.msg[0] != '\0');
	_cleanup_ext4_ struct ext4 *edit = ext4_open(path, 0, &e);
	if (!edit)
		return 0;
	if (ext4_write(edit, "/etc/new/file", "text", 4, EXT4_ROOT(0600), &e) < 0 ||
		ext4_remove(edit, "/etc/link", &e) < 0 || ext4_close(&edit, &e) < 0)
		must(e.msg[0] != '\0');
	return 0;
}

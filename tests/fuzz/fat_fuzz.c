/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a FAT filesystem. What must hold: whatever opens lies within the file, counts no
 * more room than it has, and is read to its end or refused.
 */
// use: builder/image/fat_read.c builder/image/fat_dir.c builder/image/fat_check.c
#include "builder/image/fat_read.h"
#include "fuzz.h"

#define SIZE (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const files[] = {"cmdline.txt", "overlays/a-long-name.dtbo", "big.bin"};
	struct fat_info info;
	struct err e;
	_cleanup_fat_ struct fat *f = fat_open(fuzz_file(data, size, SIZE), 0, 0, &e);

	if (!f)
		return 0;
	_cleanup_buf_ struct buf names = {0};
	fat_info(f, &info);
	if (fat_names(f, &names, &e) == 0)
		must(buf_ok(&names) && strlen(buf_str(&names)) == names.len);
	must(info.size <= (size > SIZE ? size : SIZE) && info.free <= info.size);
	must(strlen(info.label) < sizeof(info.label));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_buf_ struct buf b = {0};
		if (fat_read_file(f, files[i], &b, &e) == 0)
			must(buf_ok(&b));
	}
	if (fat_check(f, &e) < 0)
		must(e.msg[0] != '\0');
	return 0;
}

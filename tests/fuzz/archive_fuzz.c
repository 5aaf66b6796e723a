/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as an archive: what it says it holds, and unpacked into a small ext4 as a confined tree
 * and as a .deb. Whatever they are it ends, and the one file that was there is as it was.
 */
// mutations: 40
// use: builder/input/xz.c builder/workers.c
// use: builder/input/archive.c builder/input/unpack.c builder/input/deb.c builder/input/stanza.c
// use: builder/input/neo4j_archive.c builder/input/java_archive.c builder/arch.c
// use: builder/image/ext4.c builder/image/ext4_edit.c builder/image/sparse.c builder/progress.c
// use: builder/run.c
#include "builder/image/sparse.h"
#include "builder/input/archive.h"
#include "builder/input/deb.h"
#include "builder/input/java_archive.h"
#include "builder/input/neo4j_archive.h"
#include "builder/run.h"
#include "cmd.h"
#include "fuzz.h"

#define IMAGE_SIZE (8 << 20)

volatile int interrupted;

int check_interrupted(struct err *e)
{
	(void)e;
	return 0;
}

/* An empty root, as it was made the first time. */
static struct ext4 *fresh_root(void)
{
	static char made[] = "/tmp/bramble-fuzz-XXXXXX", path[32];
	static int fd = -1, source = -1;
	struct err e = {0};

	if (fd < 0) {
		fd = memfd_create("root", MFD_CLOEXEC);
		source = mkostemp(made, O_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		must(source >= 0 && ftruncate(source, IMAGE_SIZE) == 0);
		const char *const mke2fs[] = {"mke2fs", "-q", "-F", "-t", "ext4", "-O",
			"^has_journal,^orphan_file,^metadata_csum_seed", made, NULL};
		must(run_tool(mke2fs, NULL, NULL, 0, &e) == 0);
		unlink(made);
	}
	must(ftruncate(fd, 0) == 0 && ftruncate(fd, IMAGE_SIZE) == 0);
	must(sparse_copy_range(source, 0, fd, 0, IMAGE_SIZE, &e) == 0);
	struct ext4 *fs = ext4_open(path, 0, &e);
	must(fs && ext4_write(fs, "/etc/shadow", "secret", 6, EXT4_ROOT(0600), &e) == 0);
	return fs;
}

static void must_be_unchanged(struct ext4 *fs)
{
	struct err e;
	_cleanup_buf_ struct buf b = {0};

	must(ext4_read(fs, "/etc/shadow", &b, &e) == 0 && strcmp(buf_str(&b), "secret") == 0);
}

static void try_looks(const char *path)
{
	_cleanup_neo4j_archive_ struct neo4j_archive n = {0};
	struct java_archive j = {0};
	struct err e = {0};

	if (neo4j_archive_look(path, &n, &e) == 0)
		must(n.version && *n.version);
	if (java_archive_look(path, &j, &e) == 0)
		must(j.major && j.arch);
}

/* Decoded ahead of its stage: what is in there, or an error and no half of it that counts. */
static void try_decode(const char *path, struct ext4 *fs)
{
	_cleanup_free_ char *out = xasprintf("%s.decoded", path);
	struct progress p = {0};
	struct err e = {0}, f = {0};

	unlink(out);
	if (archive_decode(path, out, 1u << 20, &e) < 0)
		must(e.code && e.msg[0]);
	else if (archive_unpack_below(path, out, fs, "/opt/y", &p, &f) < 0)
		must(f.code && f.msg[0]);
	unlink(out);
}

/* As recover-state gets it from a host. */
static void try_memory(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf b = {0};
	struct err e = {0};

	if (archive_read_memory(data, size, "node.conf", &b, &e) < 0)
		must(e.code && e.msg[0]);
	must(b.len <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = fuzz_file(data, size, 0);
	struct progress p = {0};
	struct err e = {0};
	_cleanup_deb_ struct deb d = {0};

	try_looks(path);
	_cleanup_ext4_ struct ext4 *fs = fresh_root();
	if (archive_unpack_below(path, NULL, fs, "/opt/x", &p, &e) < 0)
		must(e.code && e.msg[0]);
	if (deb_read_control(path, &d, &e) == 0 && deb_unpack(&d, fs, &e) < 0)
		must(e.code && e.msg[0]);
	try_decode(path, fs);
	try_memory(data, size);
	must_be_unchanged(fs);
	return 0;
}

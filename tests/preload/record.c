/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a program does to the files of one folder, written down, and the program killed on the way:
 * LD_PRELOAD this for tests/agent/torn_test.py.
 *
 *	RECORD_DIR	the folder; what happens elsewhere is nobody's business
 *	RECORD_TO	a file that gets one line per call: "create INODE NAME", "write INODE HEX",
 *			"sync INODE", "sync-names", "rename OLD NEW", "symlink NAME TARGET",
 *			"unlink NAME", "close"; "exchange ONE OTHER", "link NAME"
 *	RECORD_KILL	the process dies right before that call; 1 is the first
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

static unsigned calls;

/* Before the call; the line is whole or not there. */
static void __attribute__((format(printf, 1, 2))) note(const char *fmt, ...)
{
	const char *at = getenv("RECORD_KILL"), *to = getenv("RECORD_TO");
	va_list ap;

	if (at && ++calls == (unsigned)atoi(at))
		raise(SIGKILL);
	int fd = to ? REAL(open)(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	va_start(ap, fmt);
	vdprintf(fd, fmt, ap);
	va_end(ap);
	REAL(close)(fd);
}

/* The name below the folder, or NULL. */
static const char *below(const char *path)
{
	const char *dir = getenv("RECORD_DIR");
	size_t n = dir ? strlen(dir) : 0;

	return n && strncmp(path, dir, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static const char *name_of(int fd, char path[PATH_MAX])
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, PATH_MAX - 1);
	path[n > 0 ? n : 0] = '\0';
	return below(path);
}

static unsigned long inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (unsigned long)st.st_ino : 0;
}

static void created(int fd, const char *path)
{
	const char *name = below(path);

	if (fd >= 0 && name)
		note("create %lu %s\n", inode(fd), name);
}

int mkostemp64(char *path, int flags)
{
	int fd = REAL(mkostemp64)(path, flags);

	created(fd, path);
	return fd;
}

int open64(const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	int fd = REAL(open64)(path, flags, mode);
	if (flags & (O_CREAT | O_TRUNC))
		created(fd, path);
	return fd;
}

int openat64(int dir, const char *name, int flags, ...)
{
	char path[PATH_MAX];
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	int fd = REAL(openat64)(dir, name, flags, mode);
	if (fd >= 0 && flags & (O_CREAT | O_TRUNC) && name_of(fd, path))
		created(fd, path);
	return fd;
}

ssize_t write(int fd, const void *p, size_t n)
{
	char path[PATH_MAX], *hex = calloc(n + 1, 2);

	for (size_t i = 0; hex && i < n; i++)
		sprintf(hex + 2 * i, "%02x", ((const unsigned char *)p)[i]);
	if (hex && name_of(fd, path))
		note("write %lu %s\n", inode(fd), hex);
	free(hex);
	return REAL(write)(fd, p, n);
}

int fsync(int fd)
{
	char path[PATH_MAX];
	const char *dir = getenv("RECORD_DIR");

	if (name_of(fd, path))
		note("sync %lu\n", inode(fd));
	else if (dir && strcmp(path, dir) == 0)
		note("sync-names\n");
	return REAL(fsync)(fd);
}

int rename(const char *old, const char *new)
{
	if (below(old) && below(new))
		note("rename %s %s\n", below(old), below(new));
	return REAL(rename)(old, new);
}

/* The whole path of a name in an open folder. */
static const char *whole(int dir, const char *name, char path[PATH_MAX])
{
	(void)name_of(dir, path);
	size_t n = strlen(path);
	snprintf(path + n, PATH_MAX - n, "/%s", name);
	return path;
}

int renameat(int old_dir, const char *old, int new_dir, const char *new)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (below(whole(old_dir, old, from)) && below(whole(new_dir, new, to)))
		note("rename %s %s\n", below(from), below(to));
	return REAL(renameat)(old_dir, old, new_dir, new);
}

/* Of folders, too: only to be killed at. */
int renameat2(int old_dir, const char *old, int new_dir, const char *new, unsigned flags)
{
	if (below(old) && below(new))
		note("%s %s %s\n", flags ? "exchange" : "rename", below(old), below(new));
	return REAL(renameat2)(old_dir, old, new_dir, new, flags);
}

int linkat(int old_dir, const char *old, int new_dir, const char *new, int flags)
{
	char path[PATH_MAX];

	if (below(whole(new_dir, new, path)))
		note("link %s\n", below(path));
	return REAL(linkat)(old_dir, old, new_dir, new, flags);
}

int symlink(const char *target, const char *path)
{
	if (below(path))
		note("symlink %s %s\n", below(path), target);
	return REAL(symlink)(target, path);
}

int unlink(const char *path)
{
	if (below(path))
		note("unlink %s\n", below(path));
	return REAL(unlink)(path);
}

int unlinkat(int dir, const char *name, int flags)
{
	char path[PATH_MAX];

	if (below(whole(dir, name, path)))
		note("unlink %s\n", below(path));
	return REAL(unlinkat)(dir, name, flags);
}

int close(int fd)
{
	char path[PATH_MAX];

	if (name_of(fd, path))
		note("close\n");
	return REAL(close)(fd);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Preloaded into bramble: makes the Nth call of a kind fail for want of room, or kills the process
 * (and with it its workers) right before it. Counted over all processes of a build.
 *
 *	FAULT=write:7:ENOSPC	the 7th write(2) or pwrite(2) fails, and all after it: a
 *				full disk stays full
 *	FAULT=rename:3:KILL	SIGKILL to the first process before the 3rd rename
 *	FAULT_COUNT=FILE	where the counters are (one uint32_t a kind); made if missing
 *
 * Files outside $FAULT_BELOW are left alone; of descriptors /proc tells the path.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum kind { WRITE, ALLOCATE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, KINDS };
static const char *const kinds[KINDS] = {
	"write", "allocate", "truncate", "sync", "rename", "unlink", "mkdir"};

static struct {
	int ready;
	enum kind kind;
	unsigned at;
	int kill; /* else ENOSPC */
	pid_t first;
	uint32_t *count;
	const char *below;
} fault = {.kind = KINDS};

static void parse(const char *text)
{
	char kind[16] = "", how[16] = "";

	if (!text || sscanf(text, "%15[^:]:%u:%15s", kind, &fault.at, how) != 3)
		return;
	for (int i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i], kind) == 0)
			fault.kind = (enum kind)i;
	}
	fault.kill = strcmp(how, "KILL") == 0;
}

__attribute__((constructor)) static void begin(void)
{
	const char *file = getenv("FAULT_COUNT");
	int fd = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0 || ftruncate(fd, sizeof(uint32_t) * KINDS) < 0)
		return;
	fault.count =
		mmap(NULL, sizeof(uint32_t) * KINDS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	fault.below = getenv("FAULT_BELOW");
	fault.first = getpid();
	parse(getenv("FAULT"));
	fault.ready = fault.count != MAP_FAILED && fault.below;
}

static int concerns_path(const char *path)
{
	char real[PATH_MAX];

	if (path[0] != '/' && getcwd(real, sizeof(real)))
		return strncmp(real, fault.below, strlen(fault.below)) == 0;
	return strncmp(path, fault.below, strlen(fault.below)) == 0;
}

static int concerns_fd(int fd)
{
	char link[32], path[PATH_MAX];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return path[0] == '/' && concerns_path(path); /* else a pipe or the like */
}

/* 1: this call fails, errno is set. */
static int strike(enum kind kind)
{
	unsigned n = __atomic_add_fetch(&fault.count[kind], 1, __ATOMIC_RELAXED);

	if (kind != fault.kind || n < fault.at)
		return 0;
	if (fault.kill) {
		kill(fault.first, SIGKILL);
		pause(); /* a worker dies with its parent */
	}
	errno = ENOSPC;
	return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define HIT_FD(kind, fd) (fault.ready && concerns_fd(fd) && strike(kind))
#define HIT_PATH(kind, path) (fault.ready && concerns_path(path) && strike(kind))

ssize_t write(int fd, const void *p, size_t n)
{
	return HIT_FD(WRITE, fd) ? -1 : REAL(write)(fd, p, n);
}
ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return HIT_FD(WRITE, fd) ? -1 : REAL(pwrite)(fd, p, n, at);
}
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return HIT_FD(WRITE, fd) ? -1 : REAL(pwrite64)(fd, p, n, at);
}
int fallocate(int fd, int mode, off_t at, off_t n)
{
	return HIT_FD(ALLOCATE, fd) ? -1 : REAL(fallocate)(fd, mode, at, n);
}
int fallocate64(int fd, int mode, off64_t at, off64_t n)
{
	return HIT_FD(ALLOCATE, fd) ? -1 : REAL(fallocate64)(fd, mode, at, n);
}
int ftruncate(int fd, off_t n)
{
	return HIT_FD(TRUNCATE, fd) ? -1 : REAL(ftruncate)(fd, n);
}
int ftruncate64(int fd, off64_t n)
{
	return HIT_FD(TRUNCATE, fd) ? -1 : REAL(ftruncate64)(fd, n);
}
int fsync(int fd)
{
	return HIT_FD(SYNC, fd) ? -1 : REAL(fsync)(fd);
}
int fdatasync(int fd)
{
	return HIT_FD(SYNC, fd) ? -1 : REAL(fdatasync)(fd);
}
int rename(const char *from, const char *to)
{
	return HIT_PATH(RENAME, to) ? -1 : REAL(rename)(from, to);
}
/* Removing frees room: it never fails for want of it. */
int unlink(const char *path)
{
	return fault.kill && HIT_PATH(UNLINK, path) ? -1 : REAL(unlink)(path);
}
int mkdir(const char *path, mode_t mode)
{
	return HIT_PATH(MKDIR, path) ? -1 : REAL(mkdir)(path, mode);
}

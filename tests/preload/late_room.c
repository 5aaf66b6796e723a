/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sockets whose peers read between two looks at them: so many sends of much say that there is no
 * room ($LATE_ROOM), and the next one takes it all the same.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MUCH 4096

static bool is_full(int fd, size_t n)
{
	const char *times = getenv("LATE_ROOM");
	struct stat st;
	static int turn;

	if (n < MUCH || !times || fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	return turn++ % (atoi(times) + 1);
}

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	ssize_t (*real)(int, const void *, size_t, int) =
		(ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");

	if (is_full(fd, n)) {
		errno = EAGAIN;
		return -1;
	}
	return real(fd, p, n, flags);
}

/* OpenSSL's way. */
ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t (*real)(int, const void *, size_t) =
		(ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");

	if (is_full(fd, n)) {
		errno = EAGAIN;
		return -1;
	}
	return real(fd, p, n);
}

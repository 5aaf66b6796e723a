/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A socket whose peer reads between two looks at it: so many sends of much say that there is no
 * room ($LATE_ROOM), and the next one takes it all the same.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define MUCH 16384

ssize_t send(int fd, const void *p, size_t n, int flags)
{
	ssize_t (*real)(int, const void *, size_t, int) =
		(ssize_t(*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
	static int turn;
	const char *times = getenv("LATE_ROOM");

	if (n >= MUCH && times && turn++ % (atoi(times) + 1)) {
		errno = EAGAIN;
		return -1;
	}
	return real(fd, p, n, flags);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A peer that now takes a connection and now does not: while the file $REFUSE is there, every other
 * connect fails.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int connect(int fd, const struct sockaddr *to, socklen_t n)
{
	int (*real)(int, const struct sockaddr *, socklen_t) =
		(int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
	const char *file = getenv("REFUSE");
	static int turn;

	if (file && to->sa_family == AF_INET && access(file, F_OK) == 0 && turn++ % 2 == 0) {
		errno = ECONNREFUSED;
		return -1;
	}
	return real(fd, to, n);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <unistd.h>
#include "leave.h"

#define FDS_MAX 1024 /* more than the agent ever has */

void leave_agent(int keep)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int fd = STDERR_FILENO + 1; fd < FDS_MAX; fd++) {
		if (fd != keep)
			close(fd);
	}
}

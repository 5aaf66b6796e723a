/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include "handover/inherit.h"
#include "net.h"

#define LISTENERS "BRAMBLE_LISTENERS" /* "FD WHERE;..." */
#define READY "BRAMBLE_READY"         /* FD */
#define ORDERS "BRAMBLE_ORDERS"
#define LISTENERS_MAX 8

static struct {
	bool read;
	struct {
		int fd;
		char where[128];
	} listeners[LISTENERS_MAX];
	size_t n;
	int ready_fd;
} inherited = {.ready_fd = -1};

static bool is_listener(int fd)
{
	int yes = 0;
	socklen_t len = sizeof(yes);

	return fd > STDERR_FILENO && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &yes, &len) == 0 &&
	       yes;
}

static void close_on_exec(int fd)
{
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void read_listener(char *text)
{
	char *where = strchr(text, ' ');
	int fd = atoi(text);

	if (!where || !is_listener(fd) || inherited.n == LISTENERS_MAX ||
		strlen(where + 1) >= sizeof(inherited.listeners[0].where))
		return;
	close_on_exec(fd);
	inherited.listeners[inherited.n].fd = fd;
	snprintf(inherited.listeners[inherited.n++].where, sizeof(inherited.listeners[0].where),
		"%s", where + 1);
}

/* Once; nothing of it stays in the environment. */
static void read_environment(void)
{
	const char *listeners = getenv(LISTENERS), *ready = getenv(READY);

	if (inherited.read)
		return;
	inherited.read = true;
	_cleanup_free_ char *copied = xstrdup(listeners ? listeners : "");
	char *rest = copied;
	for (char *one; (one = strsep(&rest, ";"));)
		read_listener(one);
	if (ready && atoi(ready) > STDERR_FILENO) {
		inherited.ready_fd = atoi(ready);
		close_on_exec(inherited.ready_fd);
	}
	unsetenv(LISTENERS);
	unsetenv(READY);
}

int inherit_listen(const char *where, struct err *e)
{
	read_environment();
	for (size_t i = 0; i < inherited.n; i++) {
		if (inherited.listeners[i].fd < 0 ||
			strcmp(inherited.listeners[i].where, where) != 0)
			continue;
		net_keep_alive(inherited.listeners[i].fd); /* an older program did not ask for it */
		return steal_fd(&inherited.listeners[i].fd);
	}
	return net_listen(where, e);
}

bool inherit_is_next(void)
{
	read_environment();
	return inherited.ready_fd >= 0;
}

bool inherit_done(void)
{
	read_environment();
	for (size_t i = 0; i < inherited.n; i++)
		cleanup_close(&inherited.listeners[i].fd);
	inherited.n = 0;
	if (inherited.ready_fd < 0)
		return false;
	(void)!write(inherited.ready_fd, "R", 1);
	close(steal_fd(&inherited.ready_fd));
	return true;
}

char *inherit_orders(void)
{
	const char *orders = getenv(ORDERS);
	char *copied = orders ? xstrdup(orders) : NULL;

	unsetenv(ORDERS);
	return copied;
}

void inherit_leave(struct buf *listeners, const char *where, int fd)
{
	if (fd < 0)
		return;
	(void)fcntl(fd, F_SETFD, 0);
	buf_printf(listeners, "%d %s;", fd, where);
}

void inherit_put_environment(const struct buf *listeners, int ready_fd, const char *orders)
{
	char number[16];

	(void)fcntl(ready_fd, F_SETFD, 0);
	snprintf(number, sizeof(number), "%d", ready_fd);
	setenv(LISTENERS, buf_str(listeners), 1);
	setenv(READY, number, 1);
	setenv(ORDERS, orders, 1);
	/* The watchdog is fed by who serves. */
	snprintf(number, sizeof(number), "%d", (int)getpid());
	if (getenv("WATCHDOG_PID"))
		setenv("WATCHDOG_PID", number, 1);
}

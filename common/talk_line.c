/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include "talk_line.h"
#include "util.h"

void talk_line_close(struct talk_line *l)
{
	talk_end(&l->talk);
	cleanup_close(&l->fd);
}

int talk_line_wait(int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	int r = poll(&p, 1, ms);

	if (r == 0)
		errno = ETIMEDOUT;
	return r > 0 ? 0 : -1;
}

int talk_line_send(struct talk_line *l, int ms)
{
	struct buf *out = &l->talk.out;

	while (out->len) {
		ssize_t n = send(l->fd, out->data, out->len, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN && talk_line_wait(l->fd, POLLOUT, ms) == 0)
			continue;
		if (n < 0)
			return -1;
		buf_consume(out, (size_t)n);
	}
	return 0;
}

int talk_line_receive(struct talk_line *l, int ms)
{
	char *to;
	size_t room = talk_room(&l->talk, &to);

	if (talk_line_wait(l->fd, POLLIN, ms) < 0)
		return -1;
	ssize_t n = recv(l->fd, to, room, 0);
	if (n > 0)
		talk_took(&l->talk, (size_t)n);
	return n > 0 ? 1 : (int)n;
}

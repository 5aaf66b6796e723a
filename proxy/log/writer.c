/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "log.h"
#include "util.h"
#include "writer.h"

#define PIPE_BYTES (256 << 10)
#define FREE_MS 1000
#define IN_FD (STDERR_FILENO + 1) /* the pipe, in the child */

struct writer {
	pid_t pid;
};

/* The child's own. */
struct sink {
	const char *path;
	int fd; /* -1 while it cannot be opened */
	off_t size, max;
	bool said; /* that writing fails */
};

static volatile sig_atomic_t reopen_wanted;

static void on_reopen(int signo)
{
	(void)signo;
	reopen_wanted = 1;
}

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
}

static void sink_open(struct sink *s)
{
	struct stat st;

	if (s->fd >= 0)
		close(s->fd);
	s->fd = open_file(s->path);
	s->size = s->fd >= 0 && fstat(s->fd, &st) == 0 ? st.st_size : 0;
}

static void sink_rotate(struct sink *s)
{
	_cleanup_free_ char *old = xasprintf("%s.1", s->path);

	if (rename(s->path, old) < 0 && !s->said) {
		log_warn("access log: %s: cannot become %s: %s", s->path, old, strerror(errno));
		s->said = true;
	}
	sink_open(s);
}

/* Says once that it fails, and once that it works again. */
static void sink_put(struct sink *s, const char *p, size_t n)
{
	if (s->fd < 0)
		sink_open(s);
	ssize_t r = s->fd < 0 ? -1 : write(s->fd, p, n);
	if (r > 0)
		s->size += r;
	bool failed = r < (ssize_t)n;
	if (failed != s->said)
		log_warn("access log: %s: %s", s->path,
			failed ? strerror(r < 0 ? errno : ENOSPC) : "is written again");
	s->said = failed;
	if (s->size >= s->max)
		sink_rotate(s);
}

static _Noreturn void child(int in, const char *path, unsigned max_mb)
{
	struct sink s = {.path = path, .fd = -1, .max = (off_t)max_mb << 20};
	struct sigaction act = {.sa_handler = on_reopen}; /* no SA_RESTART: read returns */
	sigset_t none;
	static char data[65536];

	prctl(PR_SET_NAME, "bramble-log");
	sigaction(SIGUSR1, &act, NULL);
	signal(SIGTERM, SIG_IGN); /* the rest in the pipe is still to be written */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (;;) {
		ssize_t n = read(in, data, sizeof(data));
		if (reopen_wanted) {
			reopen_wanted = 0;
			sink_open(&s);
		}
		if (n > 0)
			sink_put(&s, data, (size_t)n);
		else if (n == 0 || errno != EINTR)
			_exit(0);
	}
}

/*
 * Of all that the proxy has open only the pipe, as IN_FD: with its other end this would never see
 * it close, and with a listener take connections for a port that proxy.conf has no more. Not by
 * close_range, which kernels before 5.9 lack: there glibc's closefrom goes through /proc/self/fd.
 */
static void hold_only(int in)
{
	if (dup2(in, IN_FD) < 0)
		_exit(1);
	closefrom(IN_FD + 1);
}

struct writer *writer_new(const char *path, unsigned max_mb, int *fd, struct err *e)
{
	_cleanup_close_ int probe = open_file(path);
	int ends[2];

	if (probe < 0 || pipe2(ends, O_CLOEXEC) < 0) {
		err_errno(e, "access log: %s", path);
		return NULL;
	}
	_cleanup_close_ int in = ends[0];
	_cleanup_close_ int out = ends[1];
	(void)fcntl(out, F_SETPIPE_SZ, PIPE_BYTES);
	if (fcntl(out, F_SETFL, O_NONBLOCK) < 0) {
		err_errno(e, "access log: %s", path);
		return NULL;
	}
	struct writer *w = xcalloc(1, sizeof(*w));
	w->pid = fork();
	if (w->pid < 0) {
		err_errno(e, "access log: a process for %s", path);
		free(w);
		return NULL;
	}
	if (w->pid == 0) {
		hold_only(in);
		child(IN_FD, path, max_mb);
	}
	*fd = steal_fd(&out);
	return w;
}

void writer_reopen(struct writer *w)
{
	kill(w->pid, SIGUSR1);
}

void writer_free(struct writer *w)
{
	if (!w)
		return;
	for (int ms = 0; waitpid(w->pid, NULL, WNOHANG) == 0 && ms < FREE_MS; ms += 10)
		poll(NULL, 0, 10);
	free(w);
}

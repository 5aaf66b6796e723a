/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The process that writes the access log holds nothing of what the proxy had open: a port would
 * stay taken, and the process itself would not end. Also where the kernel has no close_range.
 */
// use: proxy/log/writer.c
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "io.h"
#include "proxy/log/writer.h"
#include "tap.h"
#include "util.h"

#define HIGH_FD 200 /* far above the log's own */
#define PATIENCE_MS 10000

static char folder[] = "/tmp/bramble-writer-XXXXXX";

/* Of an end that only the writer may still hold. */
static bool is_let_go(int reader)
{
	struct pollfd p = {.fd = reader};

	return poll(&p, 1, PATIENCE_MS) == 1 && (p.revents & POLLHUP);
}

/* Else one that does not end would hold what the test prints to. It heeds SIGQUIT. */
static void end_all(void)
{
	signal(SIGQUIT, SIG_IGN);
	kill(0, SIGQUIT);
}

static void check_written(const char *path, struct writer *w, int log)
{
	_cleanup_buf_ struct buf text = {0};
	struct err e;

	ok(write(log, "a line\n", 7) == 7, "a line is taken");
	close(log);
	writer_free(w);
	if (!ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "it ends with its pipe"))
		end_all();
	ok(io_read_file(path, 100, &text, &e) == 0, "and the file is there");
	is_str(buf_str(&text), "a line\n", "with what was taken");
}

static void test_holds_nothing(const char *kernel)
{
	_cleanup_free_ char *path = xasprintf("%s/access.log", folder);
	int below[2], above[2], log = -1;
	struct err e = {0};

	if (!ok(pipe2(below, O_CLOEXEC) == 0 && pipe2(above, O_CLOEXEC) == 0, "%s", kernel) ||
		!ok(dup2(above[1], HIGH_FD) == HIGH_FD, "two open pipes"))
		return;
	struct writer *w = writer_new(path, 1, &log, &e);
	if (!ok(w != NULL, "a writer %s", e.msg))
		return;
	close(below[1]);
	close(above[1]);
	close(HIGH_FD);
	ok(is_let_go(below[0]), "it holds nothing opened before its pipe");
	ok(is_let_go(above[0]), "nor with a higher number");
	check_written(path, w, log);
	close(below[0]);
	close(above[0]);
	unlink(path);
}

/* From here on, for this process and all it makes: as a kernel before 5.9 answers. */
static bool lose_close_range(void)
{
	struct sock_filter words[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {.len = ARRAY_SIZE(words), .filter = words};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0 &&
	       syscall(SYS_close_range, HIGH_FD, HIGH_FD, 0) == -1 && errno == ENOSYS;
}

int main(void)
{
	if (!ok(mkdtemp(folder) != NULL, "a folder"))
		return done();
	setpgid(0, 0); /* for end_all */
	test_holds_nothing("the kernel as it is");
	if (lose_close_range())
		test_holds_nothing("a kernel without close_range");
	else
		ok(true, "a kernel without close_range # SKIP this one takes no filters");
	rmdir(folder);
	return done();
}

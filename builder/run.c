/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "cmd.h"
#include "io.h"
#include "run.h"

#define OUTPUT_MAX (1u << 20)

#define TEXT_OF(n) #n
#define TEXT(n) TEXT_OF(n)
#define MOMENT TEXT(RUN_MOMENT)
/* 2038-01-01: a filesystem that was written after "now" is one more thing e2fsck would mend. */
#define AFTER_ALL "2145916800"

static const char *const fixed_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LC_ALL=C",
	"TZ=UTC",
	"MKE2FS_CONFIG=/dev/null",
	"MTOOLSRC=/dev/null",
	"MTOOLS_SKIP_CHECK=1",
	"SOURCE_DATE_EPOCH=" MOMENT,   /* mtools; mke2fs from 1.47.1 on */
	"E2FSPROGS_FAKE_TIME=" MOMENT, /* libext2fs */
	"E2FSCK_TIME=" AFTER_ALL,
	NULL,
};

const char *run_find(const char *tool)
{
	static const char *const dirs[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
	static char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", dirs[i], tool);
		if (access(path, X_OK) == 0)
			return path;
	}
	return NULL;
}

int run_check_path(const char *path, struct err *e)
{
	if (!strstr(path, "@@") && !strchr(path, '?'))
		return 0;
	return err_set(e, "%s: mtools and e2fsprogs cannot take a path with \"@@\" or \"?\"", path);
}

/* An anonymous file as a standard stream: no pipe can fill up, no polling is needed. */
static int memory_file(const char *name, const struct buf *content)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0 && content &&
		(io_write_full(fd, content->data, content->len) < 0 ||
			lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int read_back(int fd, struct buf *b, struct err *e)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0 || size > (off_t)OUTPUT_MAX)
		return err_set(e, "too much output");
	char *dst = buf_reserve(b, (size_t)size);
	if (!dst || io_pread_full(fd, dst, (size_t)size, 0) < 0)
		return err_errno(e, "cannot read its output");
	b->len += (size_t)size;
	buf_add(b, "", 0);
	return 0;
}

static int wait_for(pid_t pid, int *status)
{
	while (waitpid(pid, status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return 0;
}

static int spawn_and_wait(const char *const argv[], int in, int out, int err, int *status)
{
	posix_spawn_file_actions_t fa;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&fa, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&fa, err, STDERR_FILENO);
	int rc = posix_spawn(
		&pid, run_find(argv[0]), &fa, NULL, (char *const *)argv, (char *const *)fixed_env);
	posix_spawn_file_actions_destroy(&fa);
	errno = rc;
	return rc ? -1 : wait_for(pid, status);
}

/* A line of standard error that is not the reason: empty, or said before the trouble. */
static bool is_chatter(const char *line)
{
	size_t n = strcspn(line, "\n");
	const char *warning = strstr(line, "arning:");

	return line[n] && (n == 0 || (warning && warning < line + n));
}

/* "mke2fs: Could not allocate..." or, for a silent tool, how it ended. */
static int tool_error(const char *tool, int status, int err_fd, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	if (WIFSIGNALED(status))
		return err_set(e, "%s was killed by signal %d", tool, WTERMSIG(status));
	if (read_back(err_fd, &text, e) < 0)
		return err_prefix(e, "%s", tool);
	const char *line = buf_str(&text);
	while (is_chatter(line))
		line += strcspn(line, "\n") + 1;
	if (!*line)
		return err_set(e, "%s ended with status %d", tool, WEXITSTATUS(status));
	return err_set(e, "%s: %.*s", tool, (int)strcspn(line, "\n"), line);
}

int run_tool(
	const char *const argv[], const struct buf *in, struct buf *out, int ok_max, struct err *e)
{
	int status = 0;

	if (!run_find(argv[0]))
		return err_code(e, EXIT_FAILED,
			"%s is not installed (Debian: e2fsprogs, mtools, dosfstools)", argv[0]);
	_cleanup_close_ int in_fd = memory_file("stdin", in);
	_cleanup_close_ int out_fd = memory_file("stdout", NULL);
	_cleanup_close_ int err_fd = memory_file("stderr", NULL);
	if (in_fd < 0 || out_fd < 0 || err_fd < 0)
		return err_errno(e, "%s", argv[0]);
	if (spawn_and_wait(argv, in_fd, out_fd, err_fd, &status) < 0)
		return err_errno(e, "%s", argv[0]);
	if (check_interrupted(e) < 0)
		return -1; /* Ctrl-C went to the tool too */
	if (!WIFEXITED(status) || WEXITSTATUS(status) > ok_max)
		return tool_error(argv[0], status, err_fd, e);
	if (out && read_back(out_fd, out, e) < 0)
		return err_prefix(e, "%s", argv[0]);
	return 0;
}

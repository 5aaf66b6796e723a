/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include "log.h"
#include "service.h"
#include "util.h"

#define OUTPUT_MAX 4096

struct active_state {
	const char *name;
	enum service_state state;
};

/* systemd's ActiveState. While a unit comes or goes it may have a process: that is running. */
static const struct active_state active_states[] = {
	{"active", SERVICE_RUNNING},
	{"reloading", SERVICE_RUNNING},
	{"activating", SERVICE_RUNNING},
	{"deactivating", SERVICE_RUNNING},
	{"inactive", SERVICE_STOPPED},
	{"failed", SERVICE_STOPPED},
};

static enum service_state state_of(const char *value, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(active_states); i++) {
		const char *name = active_states[i].name;
		if (strlen(name) == n && memcmp(name, value, n) == 0)
			return active_states[i].state;
	}
	return SERVICE_UNKNOWN;
}

enum service_state service_parse(const char *show, long *main_pid)
{
	static const char active[] = "ActiveState=", pid[] = "MainPID=";
	enum service_state state = SERVICE_UNKNOWN;

	*main_pid = 0;
	for (const char *line = show; *line; line += strspn(line, "\n")) {
		size_t n = strcspn(line, "\n");
		if (str_starts(line, active))
			state = state_of(line + strlen(active), n - strlen(active));
		else if (str_starts(line, pid))
			*main_pid = atol(line + strlen(pid));
		line += n;
	}
	return state;
}

/*
 * The child gets its output into a pipe, its errors into our log, an empty signal mask and a
 * small environment: NOTIFY_SOCKET above all is not for it.
 */
static pid_t spawn(const char *const *argv, int output)
{
	static char *const env[] = {
		(char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", (char *)"LC_ALL=C", NULL};
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, output, STDOUT_FILENO);
	errno = posix_spawn(&pid, argv[0], &fa, &attr, (char *const *)argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	return errno ? -1 : pid;
}

static ssize_t read_output(struct service *s)
{
	char chunk[512];
	ssize_t n = read(s->output.fd, chunk, sizeof(chunk));

	if (n > 0 && s->text.len < OUTPUT_MAX)
		buf_add(&s->text, chunk, (size_t)n);
	return n;
}

static void output_ready(struct loop_source *src, uint32_t events)
{
	(void)events;
	if (read_output(container_of(src, struct service, output)) == 0)
		loop_del(src);
}

static int run(struct service *s, const char *const *argv)
{
	int end[2];

	if (pipe2(end, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	pid_t pid = spawn(argv, end[1]);
	close(end[1]);
	s->output = (struct loop_source){.fd = end[0], .events = EPOLLIN, .ready = output_ready};
	if (pid < 0 || loop_add(s->loop, &s->output) < 0) {
		log_error("%s: cannot run %s: %s", s->unit, argv[0], strerror(errno));
		close(end[0]);
		return -1;
	}
	s->child = pid;
	buf_free(&s->text);
	loop_timer_set(s->loop, &s->timeout, CHILD_TIMEOUT_MS);
	return 0;
}

static void run_start(struct service *s)
{
	const char *argv[] = {s->manager, "start", "--no-block", s->unit, NULL};

	s->want_start = false;
	s->child_starts = true;
	log_info("%s: start", s->unit);
	if (run(s, argv) < 0)
		s->changed(s->arg);
}

static void run_show(struct service *s)
{
	const char *argv[] = {s->manager, "show", "-p", "ActiveState,MainPID", s->unit, NULL};

	loop_timer_set(s->loop, &s->poll, POLL_MS);
	s->child_starts = false;
	if (run(s, argv) == 0)
		return;
	s->state = SERVICE_UNKNOWN;
	s->changed(s->arg);
}

static void poll_fire(struct loop_timer *t)
{
	struct service *s = container_of(t, struct service, poll);

	if (!s->child)
		run_show(s);
}

static void timeout_fire(struct loop_timer *t)
{
	struct service *s = container_of(t, struct service, timeout);

	log_warn("%s: %s gives no answer", s->unit, s->manager);
	kill(s->child, SIGKILL);
}

void service_watch(struct service *s, struct loop *l, const char *manager, const char *unit,
	void (*changed)(void *arg), void *arg)
{
	*s = (struct service){
		.loop = l, .manager = manager, .unit = unit, .changed = changed, .arg = arg};
	s->output.fd = -1;
	loop_timer_init(&s->poll, poll_fire);
	loop_timer_init(&s->timeout, timeout_fire);
	loop_timer_set(l, &s->poll, 0);
}

void service_close(struct service *s)
{
	if (!s->loop)
		return;
	loop_timer_del(&s->poll);
	loop_timer_del(&s->timeout);
	loop_del(&s->output);
	if (s->child)
		close(s->output.fd);
	buf_free(&s->text);
}

void service_start(struct service *s)
{
	if (s->child)
		s->want_start = true;
	else
		run_start(s);
}

void service_poll_now(struct service *s)
{
	if (!s->child)
		run_show(s);
}

/* The pipe may hold bytes the loop has not brought yet; it does not block. */
static void drain(struct service *s)
{
	while (read_output(s) > 0)
		continue;
	loop_del(&s->output);
	close(s->output.fd);
	s->output.fd = -1;
}

static void take_answer(struct service *s, int status)
{
	enum service_state before = s->state;
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (s->child_starts) {
		if (!good)
			log_error("%s: %s could not start it", s->unit, s->manager);
		return;
	}
	s->state = good ? service_parse(buf_str(&s->text), &s->main_pid) : SERVICE_UNKNOWN;
	if (s->state == SERVICE_RUNNING && before != s->state)
		log_info("%s: runs, main process %ld", s->unit, s->main_pid);
	else if (before == SERVICE_RUNNING && s->state == SERVICE_STOPPED)
		log_warn("%s: ended", s->unit);
}

void service_reap(struct service *s)
{
	int status;

	if (!s->child || waitpid(s->child, &status, WNOHANG) != s->child)
		return;
	bool started = s->child_starts;
	s->child = 0;
	loop_timer_del(&s->timeout);
	drain(s);
	take_answer(s, status);
	if (s->want_start)
		run_start(s);
	else if (started)
		run_show(s);
	s->changed(s->arg);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "cmd.h"
#include "control.h"
#include "display.h"
#include "machine.h"
#include "record.h"
#include "supervise.h"
#include "watch.h"

#define TICK_MS 250
#define STOP_GRACE_MS 10000
#define JOBS_MAX 16
#define NSPAWN_REBOOTS 133

enum stopping { NOT_STOPPING, STOPPING_ORDERLY, STOPPING_NOW };

/* A power cut under way in a process of its own: it takes a second, the table goes on. */
struct job {
	pid_t pid;  /* 0: free */
	int client; /* who asked */
	int error;  /* what the process says when it fails */
	struct machine *machine;
};

struct supervisor {
	struct rehearsal *r;
	const struct supervise_options *o;
	struct loop *loop;
	struct watch *watch;
	struct control *control;
	struct display display;
	struct cluster_view view; /* as of the last answer */
	struct loop_timer tick, deadline, grace;
	struct job jobs[JOBS_MAX];
	bool formed, reported;
	char master[64];
	enum stopping stopping;
};

static void save(struct supervisor *s)
{
	struct err e = {0};

	if (record_save(s->r, &e) < 0)
		display_say(&s->display, "%s", e.msg);
}

static void event(struct supervisor *s, const char *what, const char *node)
{
	rehearsal_event(s->r, what, node);
	save(s);
}

/* --- the report to the caller in the foreground */

/* From here on the machines run in the background: the terminal belongs to somebody else. */
static void go_quiet(struct supervisor *s)
{
	_cleanup_free_ char *path = xasprintf("%s/supervisor.log", s->r->dir);
	_cleanup_close_ int in = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	display_end(&s->display);
	if (in >= 0)
		dup2(in, STDIN_FILENO);
	for (int fd = STDOUT_FILENO; out >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(out, fd);
	display_begin(&s->display, stdout);
}

static void report(struct supervisor *s, int code, const char *text)
{
	if (s->reported || s->o->report_fd < 0)
		return;
	s->reported = true;
	loop_timer_del(&s->deadline);
	go_quiet(s);
	control_answer(s->o->report_fd, code, text);
}

static bool all_booted(const struct supervisor *s)
{
	for (size_t i = 0; i < s->r->nmachines; i++) {
		if (!watch_heard(s->watch, &s->r->machines[i]))
			return false;
	}
	return true;
}

static void check_goal(struct supervisor *s)
{
	if ((s->o->goal == GOAL_BOOTED && all_booted(s)) ||
		(s->o->goal == GOAL_FORMED && s->formed))
		report(s, 0, "");
}

static void goal_missed(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, deadline);
	_cleanup_buf_ struct buf why = {0}, text = {0};

	buf_printf(&text, "not %s after %lld s",
		s->o->goal == GOAL_FORMED ? "formed" : "all booted",
		(long long)s->o->goal_ms / 1000);
	if (!view_formed(&s->view, &why))
		buf_printf(&text, ": %s", buf_str(&why));
	report(s, EXIT_FAILED, buf_str(&text));
}

/* --- what the agents say */

static void note_boots(struct supervisor *s)
{
	for (size_t i = 0; i < s->r->nmachines; i++) {
		struct machine *m = &s->r->machines[i];
		if (m->booted_ms || !watch_heard(s->watch, m))
			continue;
		m->booted_ms = boottime_ms();
		event(s, "booted", m->node);
	}
}

static void note_cluster(struct supervisor *s)
{
	_cleanup_buf_ struct buf why = {0};
	const struct view_node *master = view_master(&s->view);
	bool formed = view_formed(&s->view, &why);

	if (strcmp(master ? master->name : "", s->master) != 0) {
		snprintf(s->master, sizeof(s->master), "%s", master ? master->name : "");
		event(s, master ? "master" : "no_master", s->master);
	}
	if (formed != s->formed) {
		s->formed = formed;
		event(s, formed ? "formed" : "degraded", "");
	}
}

static void view_changed(void *arg)
{
	struct supervisor *s = arg;

	watch_view(s->watch, &s->view);
	note_boots(s);
	note_cluster(s);
	display_update(&s->display, s->r, &s->view);
	check_goal(s);
}

static void tick(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, tick);

	watch_ask(s->watch);
	view_changed(s);
	(void)loop_timer_set(s->loop, &s->tick, TICK_MS);
}

/* --- processes that end */

static struct job *find_job(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < JOBS_MAX; i++) {
		if (s->jobs[i].pid == pid)
			return &s->jobs[i];
	}
	return NULL;
}

static bool has_ended(pid_t pid, int *status)
{
	return pid > 0 && waitpid(pid, status, WNOHANG) == pid;
}

/* systemd-nspawn --keep-unit leaves it to whoever started it (EXIT_FORCE_RESTART). */
static bool boots_again(struct supervisor *s, struct machine *m, int status)
{
	struct err e;

	if (s->stopping || m->off_why[0] || !WIFEXITED(status) ||
		WEXITSTATUS(status) != NSPAWN_REBOOTS)
		return false;
	event(s, "reboot", m->node);
	if (machine_boot(s->r, m, &e) == 0)
		return true;
	snprintf(m->off_why, sizeof(m->off_why), "it boots no more: %.50s", e.msg);
	return false;
}

static void reap_machine(struct supervisor *s, struct machine *m)
{
	int status;

	if (!has_ended(m->pid, &status))
		return;
	m->pid = 0;
	if (boots_again(s, m, status))
		return;
	m->off_ms = boottime_ms();
	/* Not by our hand: it was switched off from inside, or failed. */
	if (!m->off_why[0]) {
		bool orderly = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		snprintf(m->off_why, sizeof(m->off_why), "%s",
			orderly ? "it powered itself off" : "it failed; see its console file");
	}
	event(s, "off", m->node);
}

static void reap_job(struct supervisor *s, struct job *j)
{
	char text[1024];
	int status;

	if (!has_ended(j->pid, &status))
		return;
	ssize_t n = read(j->error, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	/* Whoever hears of the cut may ask for power at once. */
	reap_machine(s, j->machine);
	control_answer(j->client, good ? 0 : EXIT_FAILED, text);
	close(j->error);
	j->pid = 0;
}

static bool any_power(const struct supervisor *s)
{
	for (size_t i = 0; i < s->r->nmachines; i++) {
		if (s->r->machines[i].pid)
			return true;
	}
	return false;
}

static void child_ended(void *arg, int signo)
{
	struct supervisor *s = arg;

	(void)signo;
	for (size_t i = 0; i < s->r->nmachines; i++)
		reap_machine(s, &s->r->machines[i]);
	for (size_t i = 0; i < JOBS_MAX; i++)
		reap_job(s, &s->jobs[i]);
	if (s->stopping && !any_power(s))
		loop_stop(s->loop);
}

/* --- stopping */

static void kill_machine(struct machine *m)
{
	struct err e;
	pid_t leader = machine_leader(m, &e);

	if (leader > 0)
		kill(leader, SIGKILL);
	else
		kill(m->pid, SIGKILL);
}

static void stop_machines(struct supervisor *s, enum stopping how)
{
	for (size_t i = 0; i < s->r->nmachines; i++) {
		struct machine *m = &s->r->machines[i];
		if (!m->pid)
			continue;
		snprintf(m->off_why, sizeof(m->off_why), "stopped");
		if (how == STOPPING_NOW)
			kill_machine(m);
		else
			kill(m->pid, SIGTERM); /* systemd-nspawn asks the machine to power off */
	}
}

static void grace_over(struct loop_timer *t);

/* Called again it gets more serious. */
static void stop(struct supervisor *s, enum stopping how)
{
	if (how <= s->stopping)
		how = STOPPING_NOW;
	if (!s->stopping)
		display_say(&s->display, "%s",
			how == STOPPING_NOW ? "stopping"
					    : "stopping the machines; Ctrl-C again does not wait");
	s->stopping = how;
	stop_machines(s, how);
	report(s, EXIT_INTERRUPTED, "stopped");
	(void)loop_timer_set(s->loop, &s->grace, STOP_GRACE_MS);
	if (!any_power(s))
		loop_stop(s->loop);
}

/* A second time round even kill -9 was in vain; the cleanup goes by control groups then. */
static void grace_over(struct loop_timer *t)
{
	struct supervisor *s = container_of(t, struct supervisor, grace);

	if (s->stopping == STOPPING_NOW)
		loop_stop(s->loop);
	else
		stop(s, STOPPING_NOW);
}

static void stop_signal(void *arg, int signo)
{
	(void)signo;
	stop(arg, STOPPING_ORDERLY);
}

/* --- what other invocations ask for */

static void answer_status(struct supervisor *s, int fd, char *unused)
{
	_cleanup_json_ json_t *root = record_json(s->r);
	_cleanup_buf_ struct buf why = {0};
	json_t *nodes = json_array();

	(void)unused;
	watch_view(s->watch, &s->view);
	for (size_t i = 0; i < s->view.nnodes; i++)
		json_array_append_new(nodes, view_node_json(&s->view.nodes[i]));
	json_object_set_new(root, "nodes", nodes);
	json_object_set_new(root, "formed", json_boolean(view_formed(&s->view, &why)));
	json_object_set_new(root, "why", json_string(buf_str(&why)));
	json_object_set_new(root, "master", json_string(s->master));
	json_object_set_new(root, "now_ms", json_integer((json_int_t)boottime_ms()));
	_cleanup_free_ char *text = json_dumps(root, JSON_INDENT(1));
	control_answer(fd, text ? 0 : EXIT_FAILED, text ? text : "out of memory");
}

static int start_cut(struct supervisor *s, struct job *j, enum cut how, struct err *e)
{
	int fds[2];
	pid_t parent = getpid();

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, "%s", j->machine->node);
	pid_t pid = fork();
	if (pid == 0) {
		struct err failed = {0};
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int rc = getppid() == parent ? machine_cut(s->r, j->machine, how, &failed) : -1;
		if (rc < 0)
			(void)!write(fds[1], failed.msg, strlen(failed.msg));
		_exit(rc < 0 ? EXIT_FAILED : 0);
	}
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return err_errno(e, "%s", j->machine->node);
	}
	j->pid = pid;
	j->error = fds[0];
	return 0;
}

static int cut(struct supervisor *s, int fd, struct machine *m, enum cut how, struct err *e)
{
	struct job *j = find_job(s, 0);

	if (!m->pid || m->off_why[0])
		return err_set(e, "%s has no power already", m->node);
	if (!j || s->stopping)
		return err_code(e, EXIT_BUSY, "busy");
	*j = (struct job){.client = fd, .machine = m};
	rehearsal_event(s->r, "cut", m->node);
	if (start_cut(s, j, how, e) < 0)
		return -1;
	snprintf(m->off_why, sizeof(m->off_why), "power cut");
	save(s);
	return 0;
}

static void cut_node(struct supervisor *s, int fd, const char *node, enum cut how)
{
	struct err e = {0};
	struct machine *m = rehearsal_machine(s->r, node, &e);

	if (!m || cut(s, fd, m, how, &e) < 0)
		control_answer(fd, e.code, e.msg);
}

static void answer_cut(struct supervisor *s, int fd, char *node)
{
	cut_node(s, fd, node, CUT_REAL);
}

static void answer_cut_keep(struct supervisor *s, int fd, char *node)
{
	cut_node(s, fd, node, CUT_KEEP_CACHE);
}

static int boot(struct supervisor *s, struct machine *m, struct err *e)
{
	if (m->pid)
		return err_set(e, "%s has power already", m->node);
	if (s->stopping)
		return err_code(e, EXIT_BUSY, "stopping");
	if (machine_boot(s->r, m, e) < 0)
		return -1;
	event(s, "power_on", m->node);
	return 0;
}

static void answer_boot(struct supervisor *s, int fd, char *node)
{
	struct err e = {0};
	struct machine *m = rehearsal_machine(s->r, node, &e);
	int rc = m ? boot(s, m, &e) : -1;

	control_answer(fd, rc < 0 ? e.code : 0, e.msg);
}

static void answer_stop(struct supervisor *s, int fd, char *how)
{
	control_answer(fd, 0, "");
	stop(s, strcmp(how, "now") == 0 ? STOPPING_NOW : STOPPING_ORDERLY);
}

static const struct verb {
	const char *name;
	void (*answer)(struct supervisor *s, int fd, char *arg);
} verbs[] = {
	{"status", answer_status},
	{"cut", answer_cut},
	{"cut-keep-cache", answer_cut_keep},
	{"boot", answer_boot},
	{"stop", answer_stop},
};

static void asked(void *arg, int fd, char *line)
{
	char *rest = line + strcspn(line, " ");

	if (*rest)
		*rest++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].name, line) == 0) {
			verbs[i].answer(arg, fd, rest);
			return;
		}
	}
	control_answer(fd, EXIT_USAGE, "the running rehearsal is of another version of bramble");
}

/* --- the whole */

static int listen_to_all(struct supervisor *s, struct err *e)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (loop_signal(s->loop, signals[i], stop_signal, s, e) < 0)
			return -1;
	}
	if (loop_signal(s->loop, SIGCHLD, child_ended, s, e) < 0)
		return -1;
	s->control = control_new(s->loop, s->r->cluster, asked, s, e);
	if (!s->control)
		return -1;
	s->watch = watch_new(s->loop, s->r, view_changed, s, e);
	return s->watch ? 0 : -1;
}

static int power_on(struct supervisor *s, struct err *e)
{
	rehearsal_event(s->r, "power_on", "");
	for (size_t i = 0; i < s->r->nmachines; i++) {
		if (boot(s, &s->r->machines[i], e) < 0)
			return -1;
	}
	return 0;
}

static int run(struct supervisor *s, struct err *e)
{
	/* Signals of before this were caught by main's handler. */
	if (listen_to_all(s, e) < 0 || check_interrupted(e) < 0 || power_on(s, e) < 0)
		return -1;
	tick(&s->tick);
	if (s->o->goal != GOAL_NONE)
		(void)loop_timer_set(s->loop, &s->deadline, s->o->goal_ms);
	return loop_run(s->loop, e);
}

int supervise(struct rehearsal *r, const struct supervise_options *o, struct err *e)
{
	struct supervisor *s = xcalloc(1, sizeof(*s));

	*s = (struct supervisor){.r = r, .o = o, .loop = loop_new(e)};
	loop_timer_init(&s->tick, tick);
	loop_timer_init(&s->deadline, goal_missed);
	loop_timer_init(&s->grace, grace_over);
	display_begin(&s->display, stdout);
	int rc = s->loop ? run(s, e) : -1;
	display_end(&s->display);
	if (o->relay > 0) {
		kill(o->relay, SIGKILL);
		while (waitpid(o->relay, NULL, 0) < 0 && errno == EINTR)
			;
	}
	control_free(s->control);
	watch_free(s->watch);
	loop_free(s->loop);
	free(s);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "card.h"
#include "cleanup.h"
#include "cmd.h"
#include "control.h"
#include "forward.h"
#include "io.h"
#include "netns.h"
#include "progress.h"
#include "record.h"
#include "run.h"
#include "show.h"
#include "stage/build.h"
#include "start.h"
#include "supervise.h"

#define BOOT_GOAL_S 120

struct start_options {
	const char *file, *images, *dir;
	bool detach, twin, no_forward;
	int64_t wait_s; /* 0: does not wait for the cluster to form */
};

/* --- what is needed */

static const struct need {
	const char *tool, *package;
} needs[] = {
	{"systemd-nspawn", "systemd-container"},
	{"ip", "iproute2"},
};

int rehearse_check_host(struct err *e)
{
	_cleanup_buf_ struct buf tools = {0}, packages = {0};

	if (geteuid() != 0)
		return err_set(e,
			"rehearse must be root: it makes a network namespace, mounts and control "
			"groups (try sudo)");
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		if (run_find(needs[i].tool))
			continue;
		buf_printf(&tools, "%s%s", tools.len ? ", " : "", needs[i].tool);
		buf_printf(&packages, " %s", needs[i].package);
	}
	if (tools.len)
		return err_set(e, "rehearse needs %s; on Debian: apt install%s", buf_str(&tools),
			buf_str(&packages));
	if (access("/dev/loop-control", R_OK | W_OK) < 0)
		return err_errno(e, "rehearse needs loop devices: /dev/loop-control");
	return 0;
}

/* --- images */

static char *image_path(const char *dir, const char *image)
{
	return xasprintf("%s/%s.img", dir, image);
}

static int check_images(const struct cluster *c, const char *dir, struct err *e)
{
	for (size_t i = 0; i < cluster_nimages(c); i++) {
		const char *name = cluster_image(c, i)->name;
		_cleanup_free_ char *path = image_path(dir, name);
		if (access(path, R_OK) < 0)
			return err_code(e, EXIT_INPUT,
				"no image of %s (%s: %s); `bramble build %s` makes it", name, path,
				strerror(errno), c->path);
	}
	return 0;
}

/* `bramble build --twin` says so in the manifest beside its images; no manifest: no twin. */
static bool is_twin(const char *dir)
{
	_cleanup_free_ char *path = xasprintf("%s/manifest.json", dir);
	_cleanup_json_ json_t *manifest = json_load_file(path, 0, NULL);

	return json_is_true(json_object_get(manifest, "twin"));
}

static int build_twin(const struct cluster *c, const char *out, struct err *e)
{
	const struct build_options o = {.out = out, .twin = true};

	if (io_mkdir_p(out, 0700, e) < 0)
		return -1;
	if (build_cluster(c, &o, e) < 0)
		return err_prefix(e, "amd64 twin");
	return 0;
}

/* The folder of images this computer can run: the cluster's own, or those of its twin. */
static int choose_images(const struct cluster *c, const struct start_options *o, char **dir,
	bool *twin, struct err *e)
{
	_cleanup_free_ char *own = o->images ? xstrdup(o->images) : cluster_images_dir(c);

	int runs = 0;
	if (!o->twin) {
		if (check_images(c, own, e) < 0)
			return -1;
		_cleanup_free_ char *first = image_path(own, cluster_image(c, 0)->name);
		runs = card_runs_here(first, e);
		if (runs < 0)
			return -1;
	}
	*twin = !runs || is_twin(own);
	if (runs) {
		*dir = steal(&own);
		return 0;
	}
	*dir = xasprintf("%s/twin", own);
	return build_twin(c, *dir, e);
}

/* --- the supervisor's life */

static int make_dir(struct rehearsal *r, const char *parent, struct err *e)
{
	_cleanup_free_ char *dir = xasprintf("%s/bramble-rehearsal-%s-XXXXXX", parent, r->cluster);

	if (!mkdtemp(dir))
		return err_errno(e, "%s", dir);
	r->dir = realpath(dir, NULL);
	if (!r->dir)
		return err_errno(e, "%s", dir);
	/* Recorded before anything is put there: a crash must not orphan it. */
	if (record_save(r, e) < 0) {
		(void)rmdir(dir);
		return -1;
	}
	return 0;
}

static int copy_cards(const struct rehearsal *r, const char *images, struct err *e)
{
	struct progress p;
	int rc = 0;

	progress_begin(&p, stdout, (unsigned)r->nmachines);
	for (size_t i = 0; i < r->nmachines && rc == 0; i++) {
		const struct machine *m = &r->machines[i];
		_cleanup_free_ char *image = image_path(images, m->image);
		progress_step(&p, "copying the card of %s", m->node);
		rc = card_copy(r, m, image, e);
	}
	progress_end(&p);
	return rc;
}

static int live(struct rehearsal *r, const struct start_options *o, const char *images,
	struct supervise_options *so, struct err *e)
{
	struct forward_set set;

	if (copy_cards(r, images, e) < 0 || check_interrupted(e) < 0)
		return -1;
	if (!o->no_forward && forward_listen(r, &set, e) < 0)
		return -1;
	if (netns_create(r, e) < 0)
		return -1;
	if (r->nforwards) {
		so->relay = forward_start(r, &set, e);
		if (so->relay < 0)
			return -1;
	}
	return supervise(r, so, e);
}

/*
 * A signal was meant for what went before, and the next one waits, also for the tools that clean
 * up: they would fail of it.
 */
static int clean(const struct rehearsal *r, struct err *e)
{
	int signo = interrupted;
	sigset_t ends, before;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	interrupted = 0;
	int rc = cleanup_all(r, e);
	interrupted = signo;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* Ctrl-C needs no explanation; this was somebody else. */
static int say_who_stopped(const char *cluster, struct err *e)
{
	if (interrupted != SIGTERM || e->code != EXIT_INTERRUPTED)
		return -1;
	return err_code(e, EXIT_INTERRUPTED,
		"the rehearsal of %s was stopped before it was up: by `bramble rehearse stop`, or "
		"a signal",
		cluster);
}

/* Whatever went wrong, the host is left as it was found. */
static int live_and_clean(struct rehearsal *r, const struct start_options *o, const char *images,
	struct supervise_options *so, struct err *e)
{
	struct err unclean = {0};

	r->supervisor = getpid();
	if (make_dir(r, o->dir ? o->dir : "/var/tmp", e) < 0)
		return -1;
	int rc = live(r, o, images, so, e);
	if (rc < 0)
		rc = say_who_stopped(r->cluster, e);
	if (clean(r, &unclean) < 0) {
		if (rc == 0)
			*e = unclean;
		else
			fprintf(stderr, "bramble: %s\n", unclean.msg);
		rc = -1;
	}
	return rc;
}

/* --- in the background */

static void background(struct rehearsal *r, const struct start_options *o, const char *images,
	int lock_fd, int report_fd)
{
	struct supervise_options so = {
		.goal = o->wait_s ? GOAL_FORMED : GOAL_BOOTED,
		.goal_ms = (o->wait_s ? o->wait_s : BOOT_GOAL_S) * 1000,
		.report_fd = report_fd,
	};
	struct err e = {0};

	setsid();
	cleanup_answer_for(lock_fd);
	/* supervise closes the one it reports on; a second report goes nowhere. */
	int spare = dup(report_fd);
	int rc = live_and_clean(r, o, images, &so, &e);
	if (rc < 0 && spare >= 0)
		control_answer(spare, e.code ? e.code : EXIT_FAILED, e.msg);
	_exit(rc < 0 ? EXIT_FAILED : 0);
}

/* Ctrl-C while waiting is meant for the supervisor, which has left this session. */
static int read_report(int fd, pid_t supervisor, struct buf *b)
{
	char chunk[512];
	bool told = false;

	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));
		if (n > 0)
			buf_add(b, chunk, (size_t)n);
		if (n == 0)
			return b->len ? 0 : -1;
		if (n < 0 && errno != EINTR)
			return -1;
		if (interrupted && !told)
			told = kill(supervisor, interrupted) == 0;
	}
}

static int detach(struct rehearsal *r, const struct start_options *o, const char *images,
	int lock_fd, struct err *e)
{
	_cleanup_buf_ struct buf report = {0};
	int fds[2];
	char *end;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_errno(e, "socketpair");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		background(r, o, images, lock_fd, fds[1]);
	}
	close(fds[1]);
	close(lock_fd);
	_cleanup_close_ int from = fds[0];
	if (pid < 0)
		return err_errno(e, "fork");
	if (read_report(from, pid, &report) < 0)
		return err_set(e, "the supervisor ended without a word");
	int code = (int)strtol(report.data, &end, 10);
	/* Also when the cluster did not form: the table says where it hangs. */
	struct err unseen = {0};
	if ((!code || (code != EXIT_INTERRUPTED && waitpid(pid, NULL, WNOHANG) == 0)) &&
		show_rehearsal(r->cluster, false, &unseen) < 0)
		fprintf(stderr, "bramble: %s\n", unseen.msg);
	if (code)
		return err_code(e, (enum exit_code)code, "%s", *end ? end + 1 : "");
	printf("in the background; `bramble rehearse status` shows it, `stop` ends it\n");
	return 0;
}

/* --- the command */

/* What a killed supervisor left behind is cleared away first. */
static int clear_stale(const char *cluster, struct err *e)
{
	_cleanup_rehearsal_ struct rehearsal *old = record_load(cluster, e);

	if (!old)
		return e->msg[0] ? -1 : 0;
	printf("%s: clearing away what an earlier rehearsal left\n", cluster);
	return cleanup_all(old, e);
}

static int start(const struct start_options *o, struct err *e)
{
	_cleanup_cluster_ struct cluster *c = cluster_load(o->file, e);
	_cleanup_free_ char *images = NULL;
	bool twin;

	if (!c || rehearse_check_host(e) < 0)
		return -1;
	int lock = cleanup_lock(c->name, e);
	if (lock < 0 || clear_stale(c->name, e) < 0)
		return -1;
	cleanup_answer_for(lock);
	if (choose_images(c, o, &images, &twin, e) < 0)
		return say_who_stopped(c->name, e);
	_cleanup_rehearsal_ struct rehearsal *r = rehearsal_new(c, twin, e);
	if (!r)
		return -1;
	if (o->detach || o->wait_s)
		return detach(r, o, images, lock, e);
	struct supervise_options so = {.report_fd = -1};
	return live_and_clean(r, o, images, &so, e);
}

const struct command_option rehearse_start_options[] = {
	{"images", 'i', "DIR", "where NODE.img are (the folder `bramble build` fills)"},
	{"twin", 't', NULL, "build and run amd64 images of the same cluster, as for Pi images"},
	{"detach", 'd', NULL, "go to the background when all machines have booted"},
	{"wait", 'w', "SECONDS", "and when the cluster has formed; fail if it has not by then"},
	{"no-forward", 'n', NULL, "no ports of this computer lead to the machines"},
	{"dir", 'D', "DIR", "where the copies of the images go (/var/tmp)"},
	{0},
};

static int parse_wait(const char *text, int64_t *seconds, struct err *e)
{
	char *end;

	*seconds = strtoll(text, &end, 10);
	if (*end || *seconds < 1 || *seconds > 86400)
		return err_code(
			e, EXIT_USAGE, "--wait wants seconds, 1 to 86400, not \"%s\"", text);
	return 0;
}

static int parse_options(int argc, char **argv, struct start_options *o, struct err *e)
{
	int key;

	while ((key = command_next(&rehearse_command, argc, argv, e)) >= 0) {
		switch (key) {
		case 'i':
			o->images = optarg;
			break;
		case 't':
			o->twin = true;
			break;
		case 'd':
			o->detach = true;
			break;
		case 'w':
			if (parse_wait(optarg, &o->wait_s, e) < 0)
				return COMMAND_BAD;
			break;
		case 'n':
			o->no_forward = true;
			break;
		case 'D':
			o->dir = optarg;
			break;
		default:
			break;
		}
	}
	if (key == COMMAND_END)
		o->file = argv[optind];
	return key;
}

int rehearse_start(int argc, char **argv, struct err *e)
{
	struct start_options o = {0};
	int end = parse_options(argc, argv, &o, e);

	if (end != COMMAND_END)
		return command_result(end);
	return start(&o, e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include "../leave.h"
#include "../process.h"
#include "card.h"
#include "io.h"
#include "log.h"
#include "util.h"

/* --- in the child: whatever may wait for the card. 0 or an errno. */

struct errand {
	dev_t device;
	bool release;
	uint64_t take; /* bytes to hold back; 0: none */
	int64_t pid;   /* whose log it is; 0: it is not known */
	struct card_page *page;
};

static int make(int dir, const char *name)
{
	return openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static int end_file(int dir, const char *name, int fd, bool failed)
{
	int error = failed || fsync(fd) < 0 ? errno : 0;

	close(fd);
	if (error)
		unlinkat(dir, name, 0);
	return error;
}

static int probe(int dir)
{
	static const char bytes[CARD_PROBE_SIZE];

	unlinkat(dir, CARD_PROBE, 0); /* of one that was killed */
	int fd = make(dir, CARD_PROBE);
	if (fd < 0)
		return errno;
	int error = end_file(dir, CARD_PROBE, fd, io_write_full(fd, bytes, sizeof(bytes)) < 0);
	return error || unlinkat(dir, CARD_PROBE, 0) == 0 ? error : errno;
}

static void take_reserve(int dir, uint64_t size)
{
	int fd = make(dir, CARD_RESERVE);

	if (fd >= 0)
		end_file(dir, CARD_RESERVE, fd, fallocate(fd, 0, 0, (off_t)size) < 0);
}

/* What the log held before this Neo4j is passed over. */
static void read_log(int dir, const struct errand *a)
{
	struct card_page *p = a->page;

	if (!a->pid)
		return;
	p->panicked = store_log_follow(&p->log, dir, p->of != a->pid);
	p->of = a->pid;
}

static int run_errand(const char *path, const struct errand *a)
{
	_cleanup_close_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (dir < 0 || fstat(dir, &st) < 0)
		return errno;
	if (st.st_dev != a->device)
		return ENODEV;
	if (a->release)
		unlinkat(dir, CARD_RESERVE, 0);
	read_log(dir, a);
	int error = probe(dir);
	if (!error && a->take)
		take_reserve(dir, a->take);
	return error;
}

static pid_t send_child(const char *dir, const struct errand *a)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	leave_agent(-1);
	int error = run_errand(dir, a);
	_exit(error > 0 && error < 256 ? error : error ? EIO : 0);
}

/* --- in the agent */

static uint64_t reserve_held(const struct card *c)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", c->dir, CARD_RESERVE);
	struct stat st;

	return lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_blocks * 512 : 0;
}

static void measure(struct card *c)
{
	struct health_facts *f = &c->facts;
	struct statvfs v;

	f->now_ms = boottime_ms();
	f->known = c->allowed && statvfs(c->dir, &v) == 0;
	if (!f->known)
		return;
	f->readonly = (v.f_flag & ST_RDONLY) != 0;
	f->size = (uint64_t)v.f_blocks * v.f_frsize;
	f->free = (uint64_t)v.f_bavail * v.f_frsize;
	f->reserve = reserve_held(c);
	f->reserve_max = f->size / CARD_RESERVE_PART;
	if (f->reserve_max > CARD_RESERVE_MAX)
		f->reserve_max = CARD_RESERVE_MAX;
}

/* A child that began before Neo4j ended has read of that one, not of the next. */
static void hear(struct card *c)
{
	struct card_page *p = c->page;

	if (c->pid && p->of == c->pid) {
		c->facts.panics += p->panicked;
		c->heard.pid = c->pid;
		c->heard.log = p->log;
	}
	p->panicked = false;
}

static void reap(struct card *c)
{
	int status;

	if (!c->child || waitpid(c->child, &status, WNOHANG) != c->child)
		return;
	c->child = 0;
	c->facts.probing_ms = -1;
	if (!c->probing)
		return;
	c->facts.probes++;
	hear(c);
	c->facts.probe_error = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	c->failed += c->facts.probe_error != 0;
	bool well = !c->facts.probe_error && c->health.level == HEALTH_FIT;
	bool passed = c->pid && c->page->of != c->pid; /* a new one's log was not read yet */
	c->next_ms = passed ? 0 : boottime_ms() + (well ? CARD_CALM_MS : CARD_WORRY_MS);
}

static void begin_errand(struct card *c)
{
	struct errand errand = {
		.device = c->device,
		.release = health_wants_release(&c->health, &c->facts),
		.take = health_wants_reserve(&c->health, &c->facts) ? c->facts.reserve_max : 0,
		.pid = c->pid,
		.page = c->page,
	};

	if (!c->facts.known || c->child || (boottime_ms() < c->next_ms && !errand.release))
		return;
	pid_t pid = send_child(c->dir, &errand);
	if (pid < 0) {
		log_error("%s: cannot be probed: %s", c->dir, strerror(errno));
		c->next_ms = boottime_ms() + CARD_CALM_MS;
		return;
	}
	if (errand.release)
		log_info("%s: the reserve is given up, so that Neo4j can recover", c->dir);
	c->child = pid;
	c->probing = true;
	c->facts.probing_ms = boottime_ms();
}

static void log_health(const struct card *c, enum health_level before)
{
	const struct health *h = &c->health;

	if (h->level == before)
		return;
	log_at(h->level == HEALTH_FIT ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "%s: %s%s%s", c->dir,
		health_level_name(h->level), h->why[0] ? ": " : "", h->why);
}

/* What was read of the log must not be forgotten before what it means is known: p3 was measured. */
static void keep(struct card *c)
{
	struct followed *h = &c->heard;
	struct err e;

	if (!c->facts.known || !c->pid || h->pid != c->pid)
		return;
	h->stale = c->health.stale;
	h->panicked = c->health.panicked;
	if (memcmp(h, &c->kept, sizeof(*h)) == 0)
		return;
	memcpy(&c->kept, h, sizeof(*h));
	if (followed_save(c->run, h, &e) < 0)
		log_error("%s", e.msg);
}

static void look(struct loop_timer *t)
{
	struct card *c = container_of(t, struct card, timer);
	enum health_level before = c->health.level;

	loop_timer_set(c->loop, t, CARD_LOOK_MS);
	reap(c);
	measure(c);
	health_look(&c->health, &c->facts);
	log_health(c, before);
	keep(c);
	begin_errand(c);
}

int card_open(struct card *c, struct loop *l, const char *dir, const char *run, struct err *e)
{
	struct card_page *page = mmap(
		NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return err_errno(e, "memory for p3's probe");
	*c = (struct card){
		.loop = l, .dir = dir, .run = run, .page = page, .facts = {.probing_ms = -1}};
	followed_load(run, &c->heard);
	loop_timer_init(&c->timer, look);
	loop_timer_set(l, &c->timer, 0);
	return 0;
}

/* A child that hangs in the kernel is beyond anybody's reach; it is not waited for. */
void card_close(struct card *c)
{
	if (!c->loop)
		return;
	loop_timer_del(&c->timer);
	if (c->child)
		kill(c->child, SIGKILL);
	munmap(c->page, sizeof(*c->page));
}

void card_panicked(struct card *c)
{
	c->facts.panics++;
}

/* Neo4j has ended, or is another one; or an agent meets the one that ran below the last agent. */
static void meet(struct card *c, int64_t pid)
{
	struct followed *h = &c->heard;
	int64_t since_ms = process_since_ms((long)pid);

	c->pid = pid;
	if (pid && h->pid == pid && h->since_ms == since_ms) {
		c->page->log = h->log;
		c->page->of = pid;
		c->health.stale |= h->stale;
		c->health.panicked |= h->panicked;
		return;
	}
	health_neo4j_ended(&c->health, &c->facts);
	*h = (struct followed){.since_ms = since_ms};
}

void card_allow(struct card *c, bool allowed, bool neo4j_runs, int64_t pid)
{
	struct stat st;

	c->facts.neo4j_runs = neo4j_runs;
	if (!neo4j_runs) {
		meet(c, 0);
	} else if (pid && pid != c->pid) {
		meet(c, pid);
		c->next_ms = 0; /* from here on what its log tells counts */
	}
	if (allowed && !c->allowed && stat(c->dir, &st) == 0)
		c->device = st.st_dev;
	else if (!allowed)
		c->probing = false;
	c->allowed = allowed;
}

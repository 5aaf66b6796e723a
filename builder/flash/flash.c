/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "board.h"
#include "cmd.h"
#include "flash.h"

#define REDRAW_MS 100
#define GIVE_UP_MS 5000 /* after an interruption, on cards that do not answer */

static int open_cards(struct flash *f, struct err *e)
{
	for (size_t i = 0; i < f->njobs; i++) {
		struct job *j = &f->jobs[i];
		if (device_unmount(&j->device, e) < 0)
			return -1;
		j->fd = device_open(&j->device, e);
		if (j->fd < 0)
			return -1;
	}
	return 0;
}

static int make_plans(struct flash *f, struct err *e)
{
	struct progress progress;
	int rc = 0;

	progress_begin(&progress, stderr, (unsigned)f->nplans);
	for (size_t i = 0; i < f->nplans && rc == 0; i++)
		rc = plan_make(f->plans[i], f->options->keep_data, &progress, e);
	progress_end(&progress);
	return rc;
}

static void *run_thread(void *job)
{
	job_run(job);
	return NULL;
}

static bool is_over(const struct job *j)
{
	enum job_phase phase = atomic_load(&j->phase);

	return phase == JOB_DONE || phase == JOB_FAILED;
}

static bool all_over(const struct flash *f)
{
	for (size_t i = 0; i < f->njobs; i++) {
		if (!is_over(&f->jobs[i]))
			return false;
	}
	return true;
}

static const char *what_is_left(const struct job *j)
{
	if (!j->closed)
		return "it is as it was";
	return j->keep ? "it does not boot now, its data are as they were: flash it again with "
			 "--keep-data"
		       : "it does not boot now: flash it again";
}

/* A thread that hangs in the kernel cannot be ended; the process ends when the card lets go. */
static void give_up(const struct flash *f)
{
	for (size_t i = 0; i < f->njobs; i++) {
		if (!is_over(&f->jobs[i]))
			fprintf(stderr,
				"bramble: interrupted, and %s does not answer; pull it "
				"out; %s\n",
				f->jobs[i].device.path, what_is_left(&f->jobs[i]));
	}
	_exit(EXIT_INTERRUPTED);
}

static void watch(const struct flash *f)
{
	static const struct timespec pause = {.tv_nsec = REDRAW_MS * 1000000L};
	struct board board;
	int64_t interrupted_ms = 0;

	board_begin(&board, stderr, f->jobs, f->njobs);
	for (bool over = false; !over; nanosleep(&pause, NULL)) {
		over = all_over(f);
		int64_t now = boottime_ms();
		board_update(&board, now);
		if (interrupted && !interrupted_ms)
			interrupted_ms = now;
		if (interrupted_ms && now - interrupted_ms > GIVE_UP_MS && !over)
			give_up(f);
	}
	board_end(&board);
}

/* A card whose thread cannot be made fails alone. */
static void start(struct job *j, pthread_t *thread, bool *started)
{
	int rc = pthread_create(thread, NULL, run_thread, j);

	*started = rc == 0;
	if (rc == 0)
		return;
	err_set(&j->error, "%s: no thread: %s", j->device.path, strerror(rc));
	if (j->feed)
		feed_leave(j->feed, j->seat);
	atomic_store(&j->phase, JOB_FAILED);
}

/* All cards of a compressed image take from one feed; NULL for other images. */
static struct feed *start_feed(struct flash *f, struct plan *p)
{
	size_t seats = 0;

	if (!p->streamed)
		return NULL;
	for (size_t i = 0; i < f->njobs; i++) {
		if (f->jobs[i].plan == p)
			f->jobs[i].seat = seats++;
	}
	struct feed *feed = feed_new(seats, FEED_PATIENCE_MS, decode_plan, p);
	for (size_t i = 0; i < f->njobs; i++) {
		if (f->jobs[i].plan == p)
			f->jobs[i].feed = feed;
	}
	return feed;
}

static void run_jobs(struct flash *f)
{
	_cleanup_free_ struct feed **feeds = xcalloc(f->nplans, sizeof(struct feed *));
	_cleanup_free_ pthread_t *threads = xcalloc(f->njobs, sizeof(*threads));
	_cleanup_free_ bool *started = xcalloc(f->njobs, sizeof(*started));

	for (size_t i = 0; i < f->nplans; i++)
		feeds[i] = start_feed(f, f->plans[i]);
	for (size_t i = 0; i < f->njobs; i++)
		start(&f->jobs[i], &threads[i], &started[i]);
	watch(f);
	for (size_t i = 0; i < f->njobs; i++) {
		if (started[i])
			pthread_join(threads[i], NULL);
	}
	for (size_t i = 0; i < f->nplans; i++)
		feed_free(feeds[i]);
}

static bool succeeded(const struct job *j)
{
	return atomic_load(&j->phase) == JOB_DONE;
}

static void report(const struct job *j)
{
	unsigned retries = atomic_load(&j->retries);

	if (succeeded(j) && retries)
		fprintf(stderr,
			"%s: %u of its pieces had to be written or read twice: do not trust "
			"this card for long\n",
			j->device.path, retries);
	if (!succeeded(j))
		fprintf(stderr, "bramble: %s; %s\n", j->error.msg, what_is_left(j));
}

static int sum_up(const struct flash *f, struct err *e)
{
	size_t good = 0;
	int code = EXIT_FAILED;

	for (size_t i = 0; i < f->njobs; i++) {
		const struct job *j = &f->jobs[i];
		good += succeeded(j);
		if (!succeeded(j) && code != EXIT_INTERRUPTED)
			code = j->error.code;
		report(j);
	}
	if (good == f->njobs)
		return 0;
	return err_code(
		e, (enum exit_code)code, "flash: %zu of %zu cards are whole", good, f->njobs);
}

int flash_write(struct flash *f, struct err *e)
{
	if (make_plans(f, e) < 0 || open_cards(f, e) < 0)
		return -1;
	run_jobs(f);
	return sum_up(f, e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include "cmd.h"
#include "io.h"
#include "job.h"
#include "keep.h"
#include "medium.h"
#include "sha256.h"

#define FIRST 4096u     /* the first block, as large as the largest sector */
#define TAIL (1u << 20) /* where a GPT keeps its second copy */

struct work {
	struct job *job;
	const struct plan *plan;
	struct medium medium;
	uint8_t *buffer; /* MEDIUM_CHUNK bytes, aligned */
	uint8_t *head;   /* HEAD_SIZE bytes, aligned: what the card gets */
	struct decode_again again;
};

static void cleanup_work(struct work *w)
{
	free(w->buffer);
	free(w->head);
	decode_again_end(&w->again);
}

static size_t step_of(uint64_t left)
{
	return left < MEDIUM_CHUNK ? (size_t)left : MEDIUM_CHUNK;
}

static void set_phase(struct job *j, enum job_phase phase)
{
	atomic_store(&j->done, 0);
	atomic_store(&j->phase, phase);
}

/* --- a piece */

static int read_image(struct work *w, size_t n, uint64_t at, struct err *e)
{
	if (w->plan->streamed)
		return decode_again(&w->again, w->plan, w->buffer, n, at, e);
	return io_pread_full(w->plan->fd, w->buffer, n, (off_t)at) < 0
		       ? err_errno(e, "%s", w->plan->name)
		       : 0;
}

static int write_piece(struct work *w, const struct piece *p, struct err *e)
{
	for (uint64_t at = 0; at < p->length;) {
		size_t n = step_of(p->length - at);
		if (check_interrupted(e) < 0 || read_image(w, n, p->at + at, e) < 0 ||
			medium_write(&w->medium, w->buffer, n, p->at + at, e) < 0)
			return -1;
		at += n;
		atomic_fetch_add(&w->job->done, n);
	}
	return 0;
}

static int sum_piece(struct work *w, const struct piece *p, struct sha256 *s, struct err *e)
{
	for (uint64_t at = 0; at < p->length;) {
		size_t n = step_of(p->length - at);
		if (check_interrupted(e) < 0 ||
			medium_read(&w->medium, w->buffer, n, p->at + at, e) < 0)
			return -1;
		sha256_add(s, w->buffer, n);
		at += n;
		atomic_fetch_add(&w->job->done, n);
	}
	return 0;
}

static int differs(const struct work *w, uint64_t at, uint64_t length, struct err *e)
{
	return err_set(e,
		"%s: what was written at byte %llu (%llu bytes) reads back as something else; the "
		"card is worn out, or smaller than it says: take another one",
		w->medium.path, (unsigned long long)at, (unsigned long long)length);
}

static int verify_piece(struct work *w, const struct piece *p, struct err *e)
{
	uint8_t sum[SHA256_SIZE];
	struct sha256 s;

	sha256_begin(&s);
	int rc = sum_piece(w, p, &s, e);
	sha256_end(&s, sum);
	if (rc < 0)
		return -1;
	return memcmp(sum, p->sum, sizeof(sum)) == 0 ? 0 : differs(w, p->at, p->length, e);
}

/* Is there any use in trying once more? Counts that it is done. */
static bool may_retry(struct work *w, const struct err *e)
{
	if (w->medium.gone || e->code == EXIT_INTERRUPTED)
		return false;
	atomic_fetch_add(&w->job->retries, 1);
	return true;
}

/* --- the steps */

static int sync_card(struct work *w, struct err *e)
{
	if (medium_sync(&w->medium, e) == 0)
		return 0;
	/* The kernel tells of a lost write once (fsync(2)); verifying finds which it was. */
	return may_retry(w, e) ? medium_sync(&w->medium, e) : -1;
}

static int put(struct work *w, const void *p, size_t n, uint64_t at, struct err *e)
{
	if (medium_write(&w->medium, p, n, at, e) == 0)
		return 0;
	return may_retry(w, e) ? medium_write(&w->medium, p, n, at, e) : -1;
}

/* The first block is what makes a card boot; the rest of the head comes with the new one. */
static int close_card(struct work *w, struct err *e)
{
	memset(w->buffer, 0, FIRST);
	if (w->job->keep) {
		memcpy(w->buffer, w->head, SECTOR);
		keep_only_data(w->buffer);
	}
	w->job->closed = true;
	if (put(w, w->buffer, FIRST, 0, e) < 0)
		return -1;
	return sync_card(w, e);
}

static void discard_old(struct work *w)
{
	uint64_t end = w->job->keep ? w->job->p3.start : w->job->device.facts.size;

	if (w->job->discard)
		medium_discard(&w->medium, HEAD_SIZE, end - HEAD_SIZE);
}

/* Where the card's last bytes lie, if the image leaves them free: a stale GPT's second copy. */
static bool find_tail(const struct work *w, uint64_t *at, size_t *n)
{
	uint64_t size = w->job->device.facts.size;

	if (w->job->keep || size < w->plan->image_size + 2 * TAIL)
		return false;
	*at = (size - TAIL) / FIRST * FIRST;
	*n = (size_t)(size - *at);
	return true;
}

static int clear_tail(struct work *w, struct err *e)
{
	uint64_t at;
	size_t n;

	if (!find_tail(w, &at, &n))
		return 0;
	memset(w->buffer, 0, n);
	return put(w, w->buffer, n, at, e);
}

/* Of a card that says it is larger than it is, the last bytes are also some of the first. */
static int verify_tail(struct work *w, struct err *e)
{
	uint64_t at;
	size_t n;

	if (!find_tail(w, &at, &n))
		return 0;
	if (medium_read(&w->medium, w->buffer, n, at, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (w->buffer[i])
			return differs(w, at, n, e);
	}
	return 0;
}

static int write_fed(struct work *w, const struct feed_piece *p, struct err *e)
{
	uint64_t size = w->job->device.facts.size;

	if (check_interrupted(e) < 0)
		return -1;
	if (p->at + p->n > size)
		return err_set(e, "%s: too small: %llu bytes, and %s has more", w->medium.path,
			(unsigned long long)size, w->plan->name);
	if (!(p->zero && medium_zero(&w->medium, p->at, p->n)) &&
		put(w, p->data, p->n, p->at, e) < 0)
		return -1;
	atomic_fetch_add(&w->job->done, p->n);
	return 0;
}

/* How long the image is is known for sure when it has been decoded, and where the tail is then. */
static int write_stream(struct work *w, struct err *e)
{
	struct feed_piece *p;
	int rc;

	while ((rc = feed_take(w->job->feed, w->job->seat, &p, e)) > 0) {
		rc = write_fed(w, p, e);
		feed_give_back(w->job->feed, p);
		if (rc < 0)
			return -1;
	}
	return rc < 0 ? -1 : clear_tail(w, e);
}

static int write_listed(struct work *w, struct err *e)
{
	uint64_t done = 0;

	if (clear_tail(w, e) < 0)
		return -1;
	for (size_t i = 0; i < w->plan->npieces; i++) {
		const struct piece *p = &w->plan->pieces[i];
		if (write_piece(w, p, e) < 0 && (!may_retry(w, e) || write_piece(w, p, e) < 0))
			return -1;
		atomic_store(&w->job->done, done += p->length);
	}
	return 0;
}

static int write_pieces(struct work *w, struct err *e)
{
	set_phase(w->job, JOB_WRITING);
	if ((w->job->feed ? write_stream(w, e) : write_listed(w, e)) < 0)
		return -1;
	return sync_card(w, e);
}

/*
 * Reads all pieces back; *bad counts those that were not as they should be and have been written
 * once more. After `last` there is no more trying.
 */
static int verify_pass(struct work *w, bool last, unsigned *bad, struct err *e)
{
	uint64_t done = 0;

	*bad = 0;
	set_phase(w->job, JOB_VERIFYING);
	for (size_t i = 0; i < w->plan->npieces; i++) {
		const struct piece *p = &w->plan->pieces[i];
		if (verify_piece(w, p, e) < 0) {
			if (last || !may_retry(w, e) || write_piece(w, p, e) < 0)
				return -1;
			++*bad;
		}
		atomic_store(&w->job->done, done += p->length);
	}
	return verify_tail(w, e);
}

/*
 * A piece that had to be written again is a reason to read all of them again: of a card that is
 * smaller than it says, writing here changes what lies elsewhere.
 */
static int verify_pieces(struct work *w, struct err *e)
{
	unsigned bad;

	if (verify_pass(w, false, &bad, e) < 0)
		return -1;
	if (!bad)
		return 0;
	return sync_card(w, e) < 0 ? -1 : verify_pass(w, true, &bad, e);
}

/* The first block goes last: with it the card boots. */
static int write_head(struct work *w, struct err *e)
{
	if (put(w, w->head + FIRST, HEAD_SIZE - FIRST, FIRST, e) < 0 || sync_card(w, e) < 0)
		return -1;
	if (put(w, w->head, FIRST, 0, e) < 0 || sync_card(w, e) < 0)
		return -1;
	if (medium_read(&w->medium, w->buffer, HEAD_SIZE, 0, e) < 0)
		return -1;
	return memcmp(w->buffer, w->head, HEAD_SIZE) == 0 ? 0 : differs(w, 0, HEAD_SIZE, e);
}

static int open_card(struct work *w, struct err *e)
{
	struct err ignored;

	if (check_interrupted(e) < 0)
		return -1;
	if (write_head(w, e) == 0 || (may_retry(w, e) && write_head(w, e) == 0))
		return 0;
	if (close_card(w, &ignored) < 0)
		return -1; /* the first error tells more */
	return -1;
}

static int run(struct work *w, struct err *e)
{
	if (close_card(w, e) < 0)
		return -1;
	discard_old(w);
	if (write_pieces(w, e) < 0 || verify_pieces(w, e) < 0)
		return -1;
	return open_card(w, e);
}

void job_run(struct job *j)
{
	_cleanup_(cleanup_work) struct work w = {
		.job = j, .plan = j->plan, .buffer = medium_buffer(), .head = medium_buffer()};

	memcpy(w.head, j->plan->head, HEAD_SIZE);
	if (j->keep)
		keep_entry(w.head, &j->p3);
	medium_begin(&w.medium, j->device.path, j->fd);
	int rc = run(&w, &j->error);
	if (j->feed)
		feed_leave(j->feed, j->seat);
	if (rc == 0)
		medium_reread_table(&w.medium);
	atomic_store(&j->phase, rc < 0 ? JOB_FAILED : JOB_DONE);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nothing is believed that was not counted: a server may ignore a range, send less or more than it
 * announces, or another file under the same address. Lengths are compared as soon as they are
 * told; whatever slips through fails the SHA-256. When that fails for a file that came in pieces,
 * the pieces may not have been of one file, and it is fetched once more as a whole.
 */
#include "download.h"
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include "cmd.h"
#include "url.h"

#define FILE_MAX_BYTES (UINT64_C(1) << 40) /* when nobody said how long it is */
#define FRUITLESS_MAX 4                    /* connections in a row that bring nothing new */
#define PAUSE_MS 500                       /* after the first of them; doubled each time */

/* --- what comes from the server */

static int check_space(const struct download *d, struct err *e)
{
	struct statvfs fs;
	uint64_t need = d->total > d->part.have ? d->total - d->part.have : 0;

	if (statvfs(d->o->dir, &fs) < 0)
		return err_errno(e, "%s", d->o->dir);
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (need <= room)
		return 0;
	return err_set(e, "%s: no space: %llu MB are to come, %llu MB are free", d->o->dir,
		(unsigned long long)(need / 1000000), (unsigned long long)(room / 1000000));
}

static int on_begin(void *arg, const struct http_answer *a, struct err *e)
{
	struct download *d = arg;

	if (d->x->size && a->total && a->total != d->x->size)
		return err_code(e, EXIT_INPUT, "%s: has %llu bytes; the catalogue says %llu",
			d->shown, (unsigned long long)a->total, (unsigned long long)d->x->size);
	if (a->partial && a->start != d->from) {
		d->ranges_wrong = true;
		return err_set(e, "%s: sends another part than was asked for", d->shown);
	}
	d->total = d->x->size ? d->x->size : a->total;
	if (a->partial && d->from)
		d->part.resumed = true;
	else if (partial_restart(&d->part, d->url, a->validator, e) < 0)
		return -1;
	meter_start(&d->meter, d->part.have, d->total);
	return check_space(d, e);
}

static int on_body(void *arg, const void *p, size_t n, struct err *e)
{
	struct download *d = arg;
	uint64_t most = d->total ? d->total : FILE_MAX_BYTES;

	if (d->part.have + n > most)
		return err_code(e, EXIT_INPUT, "%s: sends more than the %llu bytes there should be",
			d->shown, (unsigned long long)most);
	if (n && partial_append(&d->part, p, n, e) < 0)
		return -1;
	meter_at(&d->meter, d->part.have);
	return 0;
}

static enum http_end get_once(struct download *d, struct err *e)
{
	d->from = d->ranges_wrong ? 0 : d->part.have;
	d->total = d->x->size;
	const struct http_request r = {
		.url = d->url,
		.from = d->from,
		.validator = partial_validator(&d->part, d->url),
		.stall_s = d->o->stall_s,
		.begin = on_begin,
		.body = on_body,
		.arg = d,
	};
	enum http_end end = http_get(&r, e);

	meter_end(&d->meter);
	if (end != HTTP_WHOLE || d->part.have >= d->total)
		return end;
	err_set(e, "%s: ends after %llu of %llu bytes", d->shown, (unsigned long long)d->part.have,
		(unsigned long long)d->total);
	return HTTP_LATER;
}

/* --- until all is there */

static bool is_whole(const struct download *d)
{
	return d->x->size && d->part.have == d->x->size;
}

static int pause_after(unsigned fruitless, struct err *e)
{
	long ms = fruitless ? PAUSE_MS << (fruitless - 1) : 0;
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL); /* a signal ends it */
	return check_interrupted(e);
}

/* Goes on after whatever came. `most` only grows, so that no server keeps us for ever. */
static int get_all(struct download *d, struct err *e)
{
	uint64_t most = d->part.have;
	unsigned fruitless = 0;

	while (!is_whole(d)) {
		bool ranges_wrong = d->ranges_wrong;
		enum http_end end = get_once(d, e);
		if (end == HTTP_WHOLE)
			return 0;
		if (end != HTTP_LATER && d->ranges_wrong == ranges_wrong)
			return -1;
		fruitless = d->part.have > most ? 0 : fruitless + 1;
		if (fruitless == FRUITLESS_MAX || pause_after(fruitless, e) < 0)
			return -1;
		if (d->part.have > most)
			most = d->part.have;
	}
	return 0;
}

/* 1: it is right; 0: it is not, e says how. */
static int check_sum(struct download *d, struct err *e)
{
	char hex[SHA256_HEX];

	if (sha256_file(d->part.path, hex, NULL, e) < 0)
		return -1;
	if (strcmp(hex, d->x->sha256) == 0)
		return 1;
	err_code(e, EXIT_INPUT,
		"%s: what came has sha256 %s; the catalogue says %s; it was removed", d->x->name,
		hex, d->x->sha256);
	return 0;
}

static int get_right(struct download *d, struct err *e)
{
	if (get_all(d, e) < 0)
		return -1;
	int right = check_sum(d, e);
	if (right == 0 && d->part.resumed) {
		fprintf(d->o->out, "%s: its parts are not of one file; once more\n", d->x->name);
		if (partial_restart(&d->part, d->url, "", e) < 0 || get_all(d, e) < 0)
			return -1;
		right = check_sum(d, e);
	}
	if (right == 0 && partial_restart(&d->part, d->url, "", e) < 0)
		return -1;
	return right == 1 ? 0 : -1;
}

int download_from(struct download *d, const char *url, struct err *e)
{
	_cleanup_free_ char *shown = url_shown(url);

	d->url = url;
	d->shown = shown;
	d->ranges_wrong = false;
	return get_right(d, e);
}

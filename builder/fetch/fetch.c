/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fetch.h"
#include <string.h>
#include <sys/stat.h>
#include "download.h"
#include "io.h"
#include "url.h"

static unsigned long long mb(uint64_t bytes)
{
	return bytes / 1000000;
}

/* 1: it is there and right; 0: it is not there. Somebody's own file is never replaced. */
static int look(const struct catalogue_entry *x, const char *path, struct err *e)
{
	char hex[SHA256_HEX];
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	if (!S_ISREG(st.st_mode))
		return err_code(e, EXIT_INPUT, "%s: is there already, but is no file", path);
	if (sha256_file(path, hex, NULL, e) < 0)
		return -1;
	if (strcmp(hex, x->sha256) == 0)
		return 1;
	return err_code(e, EXIT_INPUT,
		"%s: is there already with sha256 %s; the catalogue says %s; remove or rename it",
		path, hex, x->sha256);
}

/* An address that fails may be followed by one that does not; a signal is meant for all of them. */
static int from_any(struct download *d, struct err *e)
{
	const char *mirror = d->o->mirror;

	for (char **u = d->x->urls; *u && e->code != EXIT_INTERRUPTED; u++) {
		_cleanup_free_ char *url = mirror ? url_on_mirror(*u, mirror) : xstrdup(*u);
		if (!url)
			return err_code(e, EXIT_USAGE, "%s: no address on %s", *u, mirror);
		if (download_from(d, url, e) == 0)
			return 0;
	}
	return -1;
}

/* What came so far is kept when there is any; an empty file is of no use. */
static int keep_or_discard(struct download *d, struct err *e)
{
	if (d->part.have == 0)
		partial_discard(&d->part);
	else if (e->code == EXIT_INTERRUPTED)
		err_code(e, EXIT_INTERRUPTED,
			"interrupted; %llu MB are kept, bramble fetch %s goes on from there",
			mb(d->part.have), d->x->name);
	return -1;
}

/* A part larger than the file is none of it. */
static int prepare(struct download *d, struct err *e)
{
	if (partial_open(&d->part, d->o->dir, d->x->file, e) < 0)
		return -1;
	if (d->x->size && d->part.have > d->x->size)
		return partial_restart(&d->part, "", "", e);
	if (d->part.have)
		fprintf(d->o->out, "%s: going on after %llu MB\n", d->x->name, mb(d->part.have));
	return 0;
}

static int fetch_missing(struct download *d, struct err *e)
{
	int64_t start = boottime_ms();

	if (prepare(d, e) < 0)
		return -1;
	if (from_any(d, e) < 0)
		return keep_or_discard(d, e);
	if (partial_publish(&d->part, e) < 0)
		return -1;
	fprintf(d->o->out, "%s: %s fetched, %llu MB, sha256 right, in %.1f s\n", d->x->name,
		d->x->file, mb(d->part.have), (double)(boottime_ms() - start) / 1000);
	return 0;
}

int fetch_entry(const struct catalogue_entry *x, const struct fetch_options *o, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", o->dir, x->file);
	struct download d = {.x = x, .o = o, .part = PARTIAL_NONE};
	int there = look(x, path, e);

	if (there == 1)
		fprintf(o->out, "%s: %s is there, sha256 right\n", x->name, x->file);
	if (there != 0)
		return there < 0 ? -1 : 0;
	if (io_mkdir_p(o->dir, 0755, e) < 0)
		return -1;
	meter_begin(&d.meter, o->out, x->name);
	int rc = fetch_missing(&d, e);
	partial_close(&d.part);
	return rc;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "http.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include "cmd.h"
#include "url.h"

#define REDIRECTS_MAX 5L
#define STALL_BYTES 64L /* a second: less is no transfer */

struct transfer {
	const struct http_request *r;
	CURL *curl;
	const char *shown; /* the address, for messages */
	bool begun, stopped;
	char why[CURL_ERROR_SIZE];
	struct err *e;
};

static void cleanup_curl(CURL **c)
{
	curl_easy_cleanup(*c);
}
#define _cleanup_curl_ _cleanup_(cleanup_curl)

static void cleanup_slist(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}
#define _cleanup_slist_ _cleanup_(cleanup_slist)

/* --- what the server says */

/* Of the last answer, behind all redirects; "" when it is not there. */
static const char *header(CURL *c, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(c, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : "";
}

/* A weak ETag says nothing about bytes (RFC 9110 8.8.1). */
static void read_validator(CURL *c, char validator[static HTTP_VALIDATOR_MAX])
{
	const char *etag = header(c, "ETag");
	const char *best = *etag == '"' ? etag : header(c, "Last-Modified");

	/* Half of one is none. */
	if (strlen(best) < HTTP_VALIDATOR_MAX)
		snprintf(validator, HTTP_VALIDATOR_MAX, "%s", best);
}

/* "bytes 100-199/200", or an asterisk for the total (RFC 9110 14.4) */
static int read_range(const struct transfer *t, struct http_answer *a)
{
	unsigned long long start, end, total = 0;
	const char *range = header(t->curl, "Content-Range");

	if (sscanf(range, "bytes %19llu-%19llu/%19llu", &start, &end, &total) < 2)
		return err_set(t->e, "%s: sends a part of it but does not say which", t->shown);
	a->start = start;
	a->total = total;
	return 0;
}

static int begin(struct transfer *t)
{
	struct http_answer a = {0};
	curl_off_t length = -1;
	long status = 0;

	t->begun = true;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(t->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	a.partial = status == 206;
	a.total = length > 0 ? (uint64_t)length : 0;
	if (a.partial && read_range(t, &a) < 0)
		return -1;
	read_validator(t->curl, a.validator);
	return t->r->begin(t->r->arg, &a, t->e);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if ((t->begun || begin(t) == 0) && t->r->body(t->r->arg, p, n, t->e) == 0)
		return size * n;
	t->stopped = true;
	return 0; /* less than came: curl breaks off */
}

/* Also while nothing comes: here a signal is noticed. */
static int on_time(
	void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct transfer *t = arg;

	(void)down_total, (void)down, (void)up_total, (void)up;
	if (check_interrupted(t->e) < 0 || (t->begun && t->r->body(t->r->arg, NULL, 0, t->e) < 0))
		t->stopped = true;
	return t->stopped;
}

/* --- how it ended */

static enum http_end end_of_status(const struct http_request *r, long status)
{
	static const long later[] = {408, 429, 500, 502, 503, 504};

	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		if (status == later[i])
			return HTTP_LATER;
	}
	return status == 416 && r->from ? HTTP_WHOLE : HTTP_WRONG;
}

static enum http_end end_of_code(const struct transfer *t, CURLcode code)
{
	static const CURLcode later[] = {CURLE_PARTIAL_FILE, CURLE_OPERATION_TIMEDOUT,
		CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_GOT_NOTHING, CURLE_HTTP2,
		CURLE_HTTP2_STREAM};
	long status = 0;

	if (t->stopped)
		return HTTP_STOP;
	if (code == CURLE_OK)
		return HTTP_WHOLE;
	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_HTTP_RETURNED_ERROR)
		return end_of_status(t->r, status);
	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		if (code == later[i])
			return HTTP_LATER;
	}
	return HTTP_WRONG;
}

static enum http_end finish(struct transfer *t, CURLcode code)
{
	/* A file of no bytes has no body to begin with. */
	if (code == CURLE_OK && !t->begun && begin(t) < 0)
		t->stopped = true;
	enum http_end end = end_of_code(t, code);
	if (end == HTTP_LATER || end == HTTP_WRONG)
		err_set(t->e, "%s: %s", t->shown, t->why[0] ? t->why : curl_easy_strerror(code));
	return end;
}

/* --- what we say */

static void set_callbacks(struct transfer *t)
{
	CURL *c = t->curl;

	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->why);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_time);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, t);
}

static void set_limits(CURL *c, const struct http_request *r)
{
	curl_easy_setopt(c, CURLOPT_URL, r->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	/* What began encrypted stays so. */
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR,
		url_has_scheme(r->url, "https") ? "https" : "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "bramble/" BRAMBLE_VERSION);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)r->stall_s);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)r->stall_s);
}

/*
 * Not CURLOPT_RESUME_FROM: with that a server that ignores it is an error of libcurl's own. The
 * list is the caller's.
 */
static struct curl_slist *set_range(CURL *c, const struct http_request *r)
{
	_cleanup_free_ char *range = xasprintf("%llu-", (unsigned long long)r->from);
	_cleanup_free_ char *line = xasprintf("If-Range: %s", r->validator);

	if (!r->from)
		return NULL;
	curl_easy_setopt(c, CURLOPT_RANGE, range);
	struct curl_slist *list = r->validator[0] ? curl_slist_append(NULL, line) : NULL;
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
	return list;
}

enum http_end http_get(const struct http_request *r, struct err *e)
{
	_cleanup_curl_ CURL *curl = curl_easy_init();
	_cleanup_free_ char *shown = url_shown(r->url);
	struct transfer t = {.r = r, .curl = curl, .shown = shown, .e = e};

	if (!curl) {
		err_set(e, "libcurl cannot start");
		return HTTP_STOP;
	}
	set_limits(curl, r);
	set_callbacks(&t);
	_cleanup_slist_ struct curl_slist *list = set_range(curl, r);
	return finish(&t, curl_easy_perform(curl));
}

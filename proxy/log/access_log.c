/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include "access_log.h"
#include "log.h"
#include "proxy.h"
#include "writer.h"

#define TARGET_SHOWN 512
#define LINE_MAX_BYTES 1024

struct access_log {
	int fd;
	bool is_socket;
	struct writer *writer; /* of a file */
	unsigned max_per_s, this_second, left_out_now;
	int64_t second;
	uint64_t left_out;
};

/*
 * stderr may be shared and must stay blocking for the others: a socket (the journal's) is told to
 * send without waiting each time, anything else is opened anew.
 */
static int open_stderr(struct access_log *log, struct err *e)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) < 0)
		return err_errno(e, "access log: standard error");
	log->is_socket = S_ISSOCK(st.st_mode);
	log->fd = log->is_socket
			  ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
			  : open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
	return log->fd < 0 ? err_errno(e, "access log: standard error") : 0;
}

int access_log_open(const struct proxy_conf *conf, struct access_log **to, struct err *e)
{
	*to = NULL;
	if (!conf->access_log)
		return 0;
	struct access_log *log = xcalloc(1, sizeof(*log));
	*log = (struct access_log){.fd = -1, .max_per_s = conf->access_log_per_s};
	int r = 0;
	if (strcmp(conf->access_log, "stderr") == 0) {
		r = open_stderr(log, e);
	} else {
		log->writer = writer_new(conf->access_log, conf->access_log_mb, &log->fd, e);
		r = log->writer ? 0 : -1;
	}
	if (r < 0) {
		access_log_close(log);
		return -1;
	}
	*to = log;
	return 0;
}

void access_log_close(struct access_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd); /* the writer writes what is in the pipe and ends */
	writer_free(log->writer);
	free(log);
}

void access_log_reopen(struct access_log *log)
{
	if (log && log->writer)
		writer_reopen(log->writer);
}

uint64_t access_log_left_out(const struct access_log *log)
{
	return log ? log->left_out : 0;
}

/* Whole lines or nothing: a pipe takes less than PIPE_BUF in one piece, a stream socket is checked.
 */
static bool put(struct access_log *log, const char *line, size_t n)
{
	ssize_t r = log->is_socket ? send(log->fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL)
				   : write(log->fd, line, n);

	return r == (ssize_t)n;
}

static void leave_out(struct access_log *log)
{
	log->left_out++;
	log->left_out_now++;
}

/* In each new second, how many lines the last ones lack. */
static void turn_second(struct access_log *log)
{
	char line[64];
	int64_t second = boottime_ms() / 1000;

	if (second == log->second)
		return;
	log->second = second;
	log->this_second = 0;
	if (!log->left_out_now)
		return;
	int n = snprintf(line, sizeof(line), "# %u lines left out\n", log->left_out_now);
	if (put(log, line, (size_t)n))
		log->left_out_now = 0;
}

static char shown(char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '?';
}

/* A query may hold what is nobody's business. */
char *access_log_line(const struct http_head *h)
{
	size_t m = h->method.n < 32 ? h->method.n : 32;
	const char *query = memchr(h->target.p, '?', h->target.n);
	size_t n = query ? (size_t)(query - h->target.p) + 1 : h->target.n;
	size_t t = n < TARGET_SHOWN ? n : TARGET_SHOWN;
	char *line = malloc(m + 1 + t + 1);

	if (!line)
		return NULL;
	for (size_t i = 0; i < m; i++)
		line[i] = shown(h->method.p[i]);
	line[m] = ' ';
	for (size_t i = 0; i < t; i++)
		line[m + 1 + i] = shown(h->target.p[i]);
	line[m + 1 + t] = '\0';
	return line;
}

/* --- the fields that take thought */

/* Why this member: the word of bramble-proxy(8). */
static const char *reason_of(const struct client *c)
{
	const struct account *a = &c->account;

	if (!a->member)
		return "none";
	if (c->x.attempts > 1)
		return "again";
	if (c->x.pinned)
		return "transaction";
	if (c->x.write)
		return "master";
	if (c->x.bookmark.by)
		return "bookmark";
	return c->proxy->conf->balance == BALANCE_ROUNDROBIN ? "turn" : "least";
}

/* How far it had come: HAProxy's second letter. */
static char phase_of(const struct client *c)
{
	const struct account *a = &c->account;

	if (account_ended_by(c) == '-')
		return '-';
	if (!a->head)
		return 'R';
	if (!a->start)
		return 'Q';
	if (!a->connected)
		return 'C';
	return a->answered && !a->own ? 'D' : 'H';
}

static int put_time(char *to, size_t size)
{
	int64_t ms = realtime_ms();
	time_t s = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&s, &tm);
	return snprintf(to, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

static int format(const struct access_entry *a, char line[LINE_MAX_BYTES])
{
	const struct timing *t = &a->timing;
	char time[64];

	put_time(time, sizeof(time));
	return snprintf(line, LINE_MAX_BYTES,
		"%s %s %s/%s %lld/%lld/%lld/%lld/%lld %u %llu %c%c %u \"%s\"\n", a->from, time,
		a->member ? a->member->conf->name : "-", a->reason, (long long)t->request,
		(long long)t->queue, (long long)t->connect, (long long)t->answer,
		(long long)t->active, a->status, (unsigned long long)a->bytes, a->who, a->phase,
		a->attempts, a->line);
}

void access_log_put(struct access_log *log, const struct access_entry *a)
{
	char line[LINE_MAX_BYTES];

	turn_second(log);
	if (log->this_second >= log->max_per_s)
		return leave_out(log);
	int n = format(a, line);
	if (n <= 0 || n >= LINE_MAX_BYTES || !put(log, line, (size_t)n))
		return leave_out(log);
	log->this_second++;
}

void access_log_request(const struct client *c, const struct timing *t)
{
	const struct account *a = &c->account;

	if (!c->proxy->access_log)
		return;
	access_log_put(c->proxy->access_log, &(struct access_entry){
						     .from = c->from,
						     .member = a->member,
						     .reason = reason_of(c),
						     .timing = *t,
						     .status = a->status,
						     .bytes = a->own ? 0 : c->x.response.bytes,
						     .who = account_ended_by(c),
						     .phase = phase_of(c),
						     .attempts = c->x.attempts,
						     .line = a->line ? a->line : "-",
					     });
}

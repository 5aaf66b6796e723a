/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as orders on the local socket. The members are two that only note what they are told:
 * a weight must be one that there is, nobody but who is named is ordered about, and while a reload
 * would lose it nobody at all. Whoever orders anything is answered, or obeyed.
 */
// use: proxy/admin/command.c
#include "admin/command.h"
#include "fuzz.h"
#include "handover/handover.h"
#include "members/member.h"
#include "stats/stats.h"

static struct member members[2];
static struct proxy proxy;
static bool reloading;
static unsigned obeyed;

struct member *members_find(struct proxy *p, const char *name)
{
	must(p == &proxy && name);
	for (int i = 0; i < 2; i++) {
		if (strcmp(members[i].conf->name, name) == 0)
			return &members[i];
	}
	return NULL;
}

struct member *members_next(const struct proxy *p, const struct member *m)
{
	must(p == &proxy);
	return !m ? &members[0] : m == &members[0] ? &members[1] : NULL;
}

struct member *members_master(struct proxy *p)
{
	must(p == &proxy);
	return NULL;
}

int member_admin_parse(const char *name, enum member_admin *admin)
{
	*admin = MEMBER_DRAIN;
	return strcmp(name, "drain") == 0 ? 0 : -1;
}

static void obey(const struct member *m, const char *by)
{
	must(!reloading && (m == &members[0] || m == &members[1]) && strcmp(by, "fuzz") == 0);
	obeyed++;
}

void member_set_admin(struct member *m, enum member_admin admin, const char *by)
{
	must(admin <= MEMBER_MAINT);
	obey(m, by);
}

void member_set_weight(struct member *m, unsigned weight, const char *by)
{
	must(weight <= WEIGHT_MAX);
	obey(m, by);
}

bool handover_loses_orders(const struct proxy *p)
{
	must(p == &proxy);
	return reloading;
}

void stats_csv(struct proxy *p, struct buf *out)
{
	must(p == &proxy);
	buf_puts(out, "csv\n");
}

const char *stats_check_status(const struct member *m)
{
	must(m != NULL);
	return "L7OK";
}

size_t queue_len(const struct queue *q)
{
	return q == &proxy.queue ? 0 : 1;
}

unsigned rate_per_s(const struct rate *r, int64_t now_ms)
{
	must(r != NULL);
	return (unsigned)(now_ms & 1);
}

const struct event *history_find_event(const struct history *h, size_t i, int64_t now_ms)
{
	static const struct event event = {.text = "an event"};

	must(h == &proxy.history && now_ms >= 0);
	return i < 2 ? &event : NULL;
}

/* Is there a word in it, before what ends it as a string? */
static bool says_anything(const char *line)
{
	for (; *line; line++) {
		if (!strchr(" \t\r\n;", *line))
			return true;
	}
	return false;
}

static void order(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf out = {0};
	_cleanup_free_ char *line = strndup((const char *)data, size);

	must(line != NULL);
	bool said = says_anything(line);
	obeyed = 0;
	command_run(&proxy, line, "fuzz", &out);
	must((out.len > 0 || obeyed > 0) == said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct member_conf confs[] = {
		{.name = "pi1", .id = 1, .weight = 1}, {.name = "pi2", .id = 2, .weight = 256}};
	static const struct proxy_conf conf = {.maxconn = 100};

	proxy.conf = &conf;
	for (int i = 0; i < 2; i++)
		members[i].conf = &confs[i];
	for (int i = 0; i < 2; i++) {
		reloading = i;
		order(data, size);
	}
	return 0;
}

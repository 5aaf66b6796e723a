/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PROXY_STATS_PAGE_H
#define PROXY_STATS_PAGE_H

#include "stats/stats.h"

/*
 * The dashboard: the cluster as a picture. Complete as served; page.js, if it runs, keeps it up to
 * date from /json, else the page loads itself again. Its words for states are the same in both.
 */
void stats_page(struct proxy *p, struct buf *out);
void stats_page_css(struct proxy *p, struct buf *out);
void stats_page_js(struct proxy *p, struct buf *out);

/* What both show of the whole: one sentence, one more, and "ok", "warn" or "bad". */
struct stats_summary {
	char headline[160], detail[256];
	const char *level;
};

void stats_summarize(
	struct proxy *p, const struct stats_row *rows, size_t n, struct stats_summary *s);

/* Of one member: the class of its card ("master", "slave", "warn", "down") and the word on it. */
const char *stats_card_class(const struct stats_row *r);
const char *stats_card_word(const struct stats_row *r);

/* How far it is behind the master, in words. */
#define STATS_BEHIND 40
void stats_behind(const struct stats_row *r, char text[static STATS_BEHIND]);

/* "3d 4h", "4h 5m", "5m 6s", "6s". */
void stats_duration(struct buf *out, int64_t ms);

#endif

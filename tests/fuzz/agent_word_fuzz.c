/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as what an agent answers to GET /cluster. What must hold: members that are read could
 * stand in proxy.conf, each id once.
 */
// use: proxy/members/agent_word.c proxy/members/roster.c proxy/proxy_conf.c proxy/members/dialect.c
#include "fuzz.h"
#include "proxy/members/agent_watch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent_word w;
	struct roster decided;

	if (agent_word_parse((struct slice){(const char *)data, size}, &w) < 0)
		must(w.roster.n == 0 && !w.writable);
	must(w.roster.n <= MEMBERS_MAX);
	for (size_t i = 0; i < w.roster.n; i++) {
		const struct roster_row *row = &w.roster.rows[i];
		must(row->id >= 1 && row->id <= 127 && member_name_ok(row->name));
		must(roster_find(&w.roster, row->id) == row);
	}
	struct roster_votes v = {.says = {&w.roster}, .n = 1};
	roster_decide(&v, &decided);
	must(roster_same(&decided, &w.roster));
	return 0;
}

// use: proxy/members/roster.c proxy/members/agent_word.c proxy/proxy_conf.c proxy/members/dialect.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include "proxy/members/agent_watch.h"
#include "tap.h"

/* "1:pi1@7 2:pi2@8", addresses as the last byte, 0: not known. */
static struct roster roster(const char *text)
{
	struct roster r = {0};
	unsigned id, host;
	char name[ROSTER_NAME];
	int n;

	for (; sscanf(text, "%u:%63[^@]@%u%n", &id, name, &host, &n) == 3; text += n) {
		struct roster_row *row = &r.rows[r.n++];
		row->id = id;
		snprintf(row->name, sizeof(row->name), "%s", name);
		row->address.s_addr = host ? htonl(0x0a000000 + host) : 0;
	}
	return r;
}

static const char *text_of(const struct roster *r)
{
	static char text[1024];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < r->n; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u:%s@%u", i ? " " : "",
			r->rows[i].id, r->rows[i].name, ntohl(r->rows[i].address.s_addr) & 0xff);
	return text;
}

#define TELLERS 4

static void vote(
	const char *const told[TELLERS], size_t n, struct roster *rosters, struct roster_votes *v)
{
	*v = (struct roster_votes){.n = n};
	for (size_t i = 0; i < n; i++) {
		rosters[i] = roster(told[i] ? told[i] : "");
		v->says[i] = told[i] ? &rosters[i] : NULL;
	}
}

static void test_decide(void)
{
	static const struct {
		const char *told[TELLERS];
		size_t n;
		const char *want, *what;
	} cases[] = {
		{{"1:a@1 2:b@2", "1:a@1 2:b@2", NULL}, 3, "1:a@1 2:b@2", "two of three"},
		{{"1:a@1 2:b@2", NULL, NULL}, 3, "", "one of three"},
		{{"1:a@1 2:b@2", NULL}, 2, "", "one of two"},
		{{"1:a@1 2:b@2"}, 1, "1:a@1 2:b@2", "one seed"},
		{{"1:a@1 2:b@2", "1:a@1", "1:a@1"}, 3, "1:a@1", "a newcomer that one tells of"},
		{{"1:a@1", "1:a@1 2:b@2", "1:a@1 2:b@2"}, 3, "1:a@1 2:b@2", "that two tell of"},
		{{"1:a@9", "1:a@1", "1:a@9"}, 3, "1:a@9", "where most say it is"},
		{{"1:a@9", "1:a@1", "1:a@0"}, 3, "1:a@0", "nobody knows where"},
		{{"1:a@0", "1:a@1", "1:a@0"}, 3, "1:a@1", "one knows where, nobody otherwise"},
		{{"1:a@1", "1:b@1", "1:c@1"}, 3, "", "three names for one id"},
		{{NULL, NULL, NULL}, 3, "", "silence"},
		{{""}, 0, "", "no agents"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct roster rosters[TELLERS], got;
		struct roster_votes v;
		vote(cases[i].told, cases[i].n, rosters, &v);
		roster_decide(&v, &got);
		is_str(text_of(&got), cases[i].want, "%s", cases[i].what);
	}
}

static void test_denies(void)
{
	static const struct {
		const char *told[TELLERS];
		size_t n;
		bool want;
		const char *what;
	} cases[] = {
		{{"1:a@1", "1:a@1", "1:a@1 2:b@2"}, 3, true, "two of three know nothing of it"},
		{{"1:a@1", "1:a@1 2:b@2", NULL}, 3, false, "one of three"},
		{{"1:a@1", "1:a@1", NULL, NULL}, 4, false, "two of four"},
		{{NULL, NULL, NULL}, 3, false, "silence takes nobody away"},
		{{"2:x@2", "2:x@2"}, 2, false, "renamed, at its place"},
		{{"2:b@9", "2:b@9"}, 2, false, "moved"},
		{{"2:x@9", "2:x@9"}, 2, true, "its id is another's, elsewhere"},
	};
	struct roster own = roster("2:b@2");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct roster rosters[TELLERS];
		struct roster_votes v;
		vote(cases[i].told, cases[i].n, rosters, &v);
		ok(roster_denies(&v, &own.rows[0]) == cases[i].want, "%s", cases[i].what);
	}
}

#define NODE(more)                                                                    \
	"{\"name\":\"pi1\",\"id\":1,\"roles\":[\"data\",\"proxy\"],\"address\":\"10." \
	"0.0.1\",\"writable\":true" more "}"
#define WORD(nodes) "{\"from\":\"pi1\",\"lease\":true,\"nodes\":[" nodes "]}"

static void test_word(void)
{
	static const struct {
		const char *json;
		int r;
		const char *want;
	} cases[] = {
		{WORD(NODE("") ",{\"name\":\"pi4\",\"id\":4,\"roles\":[\"proxy\"]}"), 0, "1:pi1@1"},
		{WORD(NODE(
			 "") ",{\"name\":\"pi2\",\"id\":2,\"roles\":[\"data\"],\"address\":null}"),
			0, "1:pi1@1 2:pi2@0"},
		{WORD(NODE("") ",{\"name\":\"pi2\",\"id\":1,\"roles\":[\"data\"]}"), 0, ""},
		{WORD(NODE("") ",{\"name\":\"pi2\",\"id\":128,\"roles\":[\"data\"]}"), 0, ""},
		{WORD(NODE("") ",{\"name\":\"<b>\",\"id\":2,\"roles\":[\"data\"]}"), 0, ""},
		{WORD(NODE("") ",{\"id\":2,\"roles\":[\"data\"]}"), 0, ""},
		{WORD("{\"name\":\"pi1\",\"writable\":true}"), 0, ""},
		{WORD("{\"name\":\"pi2\",\"writable\":true}"), -1, ""},
		{"{\"from\":\"pi1\"}", -1, ""},
		{"", -1, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct agent_word w;
		int r = agent_word_parse((struct slice){cases[i].json, strlen(cases[i].json)}, &w);
		ok(r == cases[i].r && strcmp(text_of(&w.roster), cases[i].want) == 0,
			"what an agent says, %zu: %s", i, text_of(&w.roster));
	}
}

int main(void)
{
	test_decide();
	test_denies();
	test_word();
	return done();
}

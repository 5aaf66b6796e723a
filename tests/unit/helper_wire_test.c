/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent may ask of the helper, and what the helper refuses to read. */
// use: node-agent/helper/helper_wire.c
#include <arpa/inet.h>
#include <errno.h>
#include "node-agent/helper/helper_wire.h"
#include "tap.h"

static struct helper_request parsed;

/* What the helper makes of the first n bytes of r; n = 0: of all that is sent. */
static int parse(struct helper_request *r, size_t n)
{
	const char *why;

	r->version = HELPER_VERSION;
	return helper_request_parse(r, n ? n : helper_request_size(r), &parsed, &why);
}

static void test_verbs(void)
{
	for (unsigned verb = 0; verb < HELPER_VERBS; verb++)
		ok(helper_verb_name(verb) && helper_verb_name(verb)[0] != '?', "verb %u is %s",
			verb, helper_verb_name(verb));
	struct helper_request r = {.verb = HELPER_NEO4J_KILL};
	is_int(parse(&r, 0), 0, "a verb alone");
	is_int(parsed.verb, HELPER_NEO4J_KILL, "is that verb");
	is_int(parse(&r, 9), EMSGSIZE, "a byte more is refused");
	is_int(parse(&r, 7), EMSGSIZE, "and a byte less");
	is_int(parse(&r, sizeof(r) + 1), EMSGSIZE, "and more than any");
	r.verb = HELPER_VERBS;
	is_int(parse(&r, 8), ENOSYS, "no verb behind the last");
	is_int((long)helper_request_size(&r), 0, "nor is it sent");
	r = (struct helper_request){.version = HELPER_VERSION + 1};
	const char *why;
	is_int(helper_request_parse(&r, 8, &parsed, &why), EPROTO, "another version");
}

static void test_clock(void)
{
	struct helper_request r = {.verb = HELPER_CLOCK, .clock = {.ms = -5000, .slew = 1}};

	is_int(parse(&r, 0), 0, "the clock");
	is_int((long)parsed.clock.ms, -5000, "by how much");
	r.clock = (struct helper_clock){.ms = INT64_C(4000000000000)};
	is_int(parse(&r, 0), 0, "or set, to 2096");
	ok(parsed.clock.ms == INT64_C(4000000000000), "exactly");
	r.clock.ms = INT64_MAX;
	is_int(parse(&r, 8 + sizeof(r.clock)), EINVAL, "not to the end of time");
	r.clock.ms = INT64_MIN;
	is_int(parse(&r, 8 + sizeof(r.clock)), EINVAL, "nor to its beginning");
}

static struct helper_host host(const char *address, unsigned roles)
{
	return (struct helper_host){.address.s_addr = inet_addr(address), .roles = roles};
}

static void test_firewall(void)
{
	struct helper_request r = {.verb = HELPER_FIREWALL,
		.firewall = {.open = 1,
			.n = 2,
			.host = {host("192.168.2.7", ROLE_DATA), host("10.0.0.1", ROLE_PROXY)}}};
	static const char *const bad[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"};
	size_t n = 8 + 12 + 2 * sizeof(struct helper_host);

	is_int((long)helper_request_size(&r), (long)n, "as long as its hosts");
	is_int(parse(&r, 0), 0, "two hosts");
	is_int(parse(&r, n - 1), EMSGSIZE, "cut");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		r.firewall.host[1] = host(bad[i], ROLE_PROXY);
		is_int(parse(&r, n), EINVAL, "nobody is at %s", bad[i]);
	}
	r.firewall.host[1] = host("10.0.0.1", 8);
	is_int(parse(&r, n), EINVAL, "no such role");
	r.firewall.host[1] = host("10.0.0.1", ROLE_DATA);
	r.firewall.host[1].silent = 2;
	is_int(parse(&r, n), EINVAL, "neither silent nor heard");
	r.firewall.n = MEMBERS_MAX + 1;
	is_int(parse(&r, n), EINVAL, "more hosts than there can be");
	r.firewall.n = 1;
	r.firewall.open = 2;
	is_int(parse(&r, n), EINVAL, "neither open nor closed");
	r.firewall.open = 1;
	r.firewall.shut = 2;
	is_int(parse(&r, n), EINVAL, "neither shut nor not");
}

static void test_others(void)
{
	struct helper_request r = {.verb = HELPER_JOURNAL, .journal = {HELPER_UNIT_NEO4J, 10}};

	is_int(parse(&r, 0), 0, "a journal");
	r.journal.lines = HELPER_LINES_MAX + 1;
	is_int(parse(&r, 8 + sizeof(r.journal)), EINVAL, "too many lines");
	r.journal = (struct helper_journal){HELPER_UNITS, 10};
	is_int(parse(&r, 8 + sizeof(r.journal)), EINVAL, "somebody else's unit");
	is_int(helper_unit_find("neo4j"), HELPER_UNIT_NEO4J, "a unit by its name");
	is_int(helper_unit_find("bramble-proxy"), HELPER_UNIT_PROXY, "and another");
	is_int(helper_unit_find("neo4j.service"), -1, "only without .service");
	is_int(helper_unit_find("ssh"), -1, "not another's");
	is_int(helper_unit_find(""), -1, "nor none");

	r = (struct helper_request){
		.verb = HELPER_WRITE, .file = {.name = HELPER_ACCOUNTS, .size = 3, .bytes = "abc"}};
	is_int(parse(&r, 0), 0, "a file");
	is_int((long)helper_request_size(&r), 8 + 8 + 3, "as long as it is");
	r.file.bytes[1] = '\0';
	is_int(parse(&r, 8 + 8 + 3), EINVAL, "that is no text");
	r.file.size = HELPER_FILE_MAX + 1;
	is_int(parse(&r, sizeof(r)), EINVAL, "too large");
	r.file = (struct helper_file){.name = HELPER_FILES};
	is_int(parse(&r, 16), EINVAL, "another file");

	static const char line[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
	r.file = (struct helper_file){.name = HELPER_SECRET, .size = 65};
	memcpy(r.file.bytes, line, 65);
	is_int(parse(&r, 0), 0, "a secret");
	memcpy(r.file.bytes + 65, line, 65);
	r.file.size = 130;
	is_int(parse(&r, 0), 0, "two");
	r.file.size = 129;
	is_int(parse(&r, 8 + 8 + 129), EINVAL, "one that is cut");
	r.file.size = 0;
	is_int(parse(&r, 8 + 8), EINVAL, "none");
	r.file.size = 65;
	r.file.bytes[10] = 'x';
	is_int(parse(&r, 8 + 8 + 65), EINVAL, "no hex digits");
	memcpy(r.file.bytes, line, 65);
	r.file.bytes[64] = '0';
	is_int(parse(&r, 8 + 8 + 65), EINVAL, "no line");
	r.file = (struct helper_file){.name = HELPER_PASSWORD, .size = 4, .bytes = "new\n"};
	is_int(parse(&r, 0), 0, "a password");
	r.file.bytes[1] = '\n';
	is_int(parse(&r, 8 + 8 + 4), EINVAL, "two lines are none");
	r.file = (struct helper_file){.name = HELPER_PASSWORD, .size = 1, .bytes = "\n"};
	is_int(parse(&r, 8 + 8 + 1), EINVAL, "nor is an empty one");
}

static int banner(unsigned name, const char *text)
{
	struct helper_request r = {
		.verb = HELPER_WRITE, .file = {.name = name, .size = (uint32_t)strlen(text)}};

	memcpy(r.file.bytes, text, r.file.size);
	return parse(&r, 8 + 8 + r.file.size);
}

/* What a login shows, and the console before it. */
static void test_banners(void)
{
	static const struct {
		const char *text, *what;
	} bad[] = {
		{"", "nothing"},
		{"\n", "an empty line"},
		{"serving", "a line without its end"},
		{"one\ntwo\n", "two lines"},
		{"one\n\n", "an empty one behind it"},
		{"\x1b[2Jlogin:\n", "what a terminal obeys"},
		{"\xc2\x9b"
		 "2J\n",
			"or in 8 bits"},
		{"a\rb\n", "what writes over it"},
		{"a\x7f\n", "DEL"},
		{"\\e{red}\n", "what agetty obeys"},
	};

	for (unsigned name = 0; name < HELPER_BANNERS; name++) {
		is_int(banner(name, "bramble: pi1: ~[serving] {3 of 3}, 75 %: \"ok\"!\n"), 0,
			"a line for people");
		is_int(banner(name, "x\n"), 0, "a short one");
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			is_int(banner(name, bad[i].text), EINVAL, "%s is none", bad[i].what);
	}
}

static void test_vip(void)
{
	struct helper_request r = {.verb = HELPER_VIP, .vip.hold = 1};

	is_int(parse(&r, 0), 0, "the floating address");
	is_int((long)parsed.vip.hold, 1, "is to be had");
	r.vip.hold = 2;
	is_int(parse(&r, 8 + sizeof(r.vip)), EINVAL, "or not, and nothing else");
	r.vip.hold = 0;
	is_int(parse(&r, 8 + sizeof(r.vip) + 4), EMSGSIZE, "no address comes with it");
}

static void test_answer(void)
{
	static struct helper_answer a;
	static char text[HELPER_TEXT_MAX + 11];

	size_t n = helper_answer_make(&a, EIO, "no");
	is_int((long)n, 10, "an answer is as long as its text");
	ok(helper_answer_parse(&a, n) == 0 && a.code == EIO, "and comes over");
	is_str(a.text, "no", "with it");
	is_int(helper_answer_parse(&a, 7), -1, "half an answer is none");
	memset(text, 'x', sizeof(text) - 2);
	text[sizeof(text) - 2] = 'y';
	n = helper_answer_make(&a, 0, text);
	is_int((long)n, 8 + HELPER_TEXT_MAX, "a long text is cut");
	is_int(helper_answer_parse(&a, n), 0, "and is one");
	ok(a.text[HELPER_TEXT_MAX - 1] == 'y', "at its front");
	a.version++;
	is_int(helper_answer_parse(&a, n), -1, "another version's answer is none");
}

int main(void)
{
	test_verbs();
	test_clock();
	test_firewall();
	test_others();
	test_banners();
	test_vip();
	test_answer();
	return done();
}

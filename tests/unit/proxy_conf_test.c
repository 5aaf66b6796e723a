// use: proxy/descriptors.c proxy/proxy_conf.c proxy/members/dialect.c
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sys/stat.h>
#include "proxy/descriptors.h"
#include "io.h"
#include "tap.h"

#define HTTP "http { listen = \"*:8090\" }\n"
#define PI1 "member \"pi1\" { id = 1 http = \"192.168.2.7:7474\" }\n"

/* The example of the manual. */
static const char example[] =
	"limits   { maxconn = 60 }  # the article's\n"
	"timeouts { connect_ms = 5000  client_ms = 50000  server_ms = 40000 }\n" HTTP
	"bolt     { listen = \"*:7687\" }\n"
	"stats    { listen = \"*:8080\"  user = \"admin\"  password_file = \"/etc/b/p\" }\n"
	"members  { maxconn = 11  check_interval_ms = 250  hold_ms = 1000  hold_max = 5\n"
	"           balance = \"roundrobin\"  dialect = \"ha\" }\n"
	"member \"pi1\" { id = 1  http = \"192.168.2.7:7474\"  bolt = \"192.168.2.7:7687\"\n"
	"               agent = \"192.168.2.7:7470\" }\n"
	"member \"pi2\" { id = 127  http = \"192.168.2.8:7474\" }\n";

static const struct {
	const char *text, *want;
} bad[] = {
	{HTTP, "t: 0 members"},
	{PI1, "t: http { listen = ... } is missing"},
	{HTTP PI1 "frob = 1\n", "t:3: no such option 'frob'"},
	{HTTP PI1 "limits { maxconn = 0 }\n", "t:3: limits { maxconn = 0 }: not between 1 and"},
	{HTTP PI1 "limits { maxconn = 1 maxconn = 2 }\n", "set twice"},
	{HTTP HTTP PI1, "set twice"},
	{HTTP PI1 "members {\n\n balance = \"x\"\n }\n",
		"t:5: members { balance = \"x\" }: neither"},
	{HTTP PI1 "members {\n hold_ms = 5\n hold_max = -1\n }\n", "t:5: members { hold_max"},
	{HTTP "member \"b\" { id = 1 http = \"1.2.3.4:1\"\n weight = 257 }\n",
		"t:3: member \"b\": weight"},
	{HTTP PI1 "stats { listen = \"*:1\" user = \"a\" password_file = \"b\"\nrealm = \"a\\\"b\" "
		  "}\n",
		"t:4: stats { realm"},
	{HTTP PI1 "members { check_credentials_file = \"\" }\n",
		"t:3: members { check_credentials_file"},
	{HTTP PI1 "members { dialect = \"x\" }\n", "dialect = \"x\""},
	{"http { listen = \"pi4:8090\" }\n" PI1, "t:1: http: listen address \"pi4:8090\""},
	{HTTP PI1 PI1, "pi1"},
	{HTTP PI1 "member \"b\" { id = 1 http = \"1.2.3.4:1\" }\n",
		"t:3: member \"b\": id 1 is already pi1's"},
	{HTTP PI1 "member \"b\" { id = 2 http = \"192.168.2.7:7474\" }\n",
		"192.168.2.7:7474 is already pi1's"},
	{HTTP "member \"b\" { id = 128 http = \"1.2.3.4:1\" }\n", "id 128"},
	{HTTP "member \"b\" { http = \"1.2.3.4:1\" }\n", "id 0"},
	{HTTP "member \"b\" { id = 1 }\n", "http is missing"},
	{HTTP "member \"b\" { id = 1 http = \"b:1\" }\n", "http \"b:1\": not ADDRESS:PORT"},
	{HTTP "member \"b\" { id = 1 http = \"1.2.3.4:1\" agent = \"x\" }\n", "agent \"x\""},
	{HTTP "member \"a)b\" { id = 1 http = \"1.2.3.4:1\" }\n", "not a host name"},
	{HTTP "member \"\" { id = 1 http = \"1.2.3.4:1\" }\n", "not a host name"},
	{HTTP PI1 "bolt { mode = \"x\" }\n", "t:3: bolt { mode = \"x\" }: neither"},
	{HTTP PI1 "bolt { listen = \"*:1\" read_listen = \"*:2\" }\n", "t:3: bolt { read_listen"},
	{HTTP PI1 "bolt { mode = \"port\" read_listen = \"*:2\" }\n", "only with listen"},
	{HTTP PI1 "bolt { listen = \"*:1\" mode = \"port\" read_listen = \"x\" }\n",
		"t:3: bolt: listen address \"x\""},
	{HTTP PI1 "tls { key = \"/k\" }\n", "tls { certificate = ... } is missing"},
	{HTTP PI1 "tls { certificate = \"/c\" }\n", "tls { key = ... } is missing"},
	{HTTP PI1 "tls { certificate = \"/c\" key = \"/etc/passwd\" }\n", "others may read it"},
	{HTTP PI1 "stats { listen = \"*:8080\" user = \"a\" }\n", "password_file"},
	{HTTP PI1 "stats { user = \"a\" password_file = \"b\" }\n", "listen"},
	{HTTP PI1 "stats { listen = \"*:8080\" password_file = \"b\" }\n", "user"},
	{HTTP "member \"b\" { id = 1 http = \"${HOME}\" }\n", "${"},
};

static void test_example(void)
{
	struct err e = {0};
	struct proxy_conf *c = proxy_conf_parse("t", example, &e);

	if (!ok(c != NULL, "the manual's example: %s", e.msg))
		return;
	is_int(c->maxconn, 60, "limits.maxconn");
	is_int(c->server_ms, 40000, "timeouts.server_ms");
	is_int(c->member_maxconn, 11, "members.maxconn");
	is_int(c->check_interval_ms, 250, "check_interval_ms");
	is_int(c->hold_max, 5, "hold_max");
	is_int(c->balance, BALANCE_ROUNDROBIN, "balance");
	is_str(c->stats_user, "admin", "stats.user");
	is_str(c->bolt_listen, "*:7687", "bolt.listen");
	is_int((long long)c->nmembers, 2, "two members");
	is_str(c->members[1].name, "pi2", "in their order");
	is_int(c->members[1].id, 127, "id");
	is_int(ntohs(c->members[0].http.sin_port), 7474, "address");
	proxy_conf_free(c);
}

static void test_defaults(void)
{
	struct err e = {0};
	struct proxy_conf *c = proxy_conf_parse("t", HTTP PI1, &e);

	if (!ok(c != NULL, "http and a member are enough: %s", e.msg))
		return;
	ok(c->maxconn == 2000 && c->connect_ms == 5000 && c->client_ms == 50000 &&
			c->server_ms == 50000,
		"default limits and timeouts");
	ok(c->member_maxconn == 10 && c->check_interval_ms == 500 && c->hold_ms == 45000 &&
			c->hold_max == 256 && c->balance == BALANCE_LEAST,
		"defaults of members");
	ok(!c->stats_listen && !c->bolt_listen, "no stats page, no Bolt");
	ok(c->follow_agents && c->slowstart_ms == 10000, "who is a member, and how it begins");
	proxy_conf_free(c);
}

/* No request is cut by a reload while it may still get its answer. */
static void test_finish(void)
{
	static const struct {
		int64_t hold_ms, server_ms, want;
	} cases[] = {
		{45000, 50000, 95000},
		{0, 600000, 600000},
		{100, 100, FINISH_MIN_MS},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct proxy_conf c = {
			.hold_ms = cases[i].hold_ms, .server_ms = cases[i].server_ms};
		is_int(proxy_conf_finish_ms(&c), cases[i].want, "hold %lld, server %lld",
			(long long)c.hold_ms, (long long)c.server_ms);
	}
}

#define SMALL HTTP "limits { maxconn = 10 }\nmembers { maxconn = 4 }\n"
#define BOLT                                                                                     \
	"member \"b\" { id = 1 http = \"1.2.3.4:1\" bolt = \"1.2.3.4:2\" }\nbolt { maxconn = 5 " \
	"}\n"

/* Each connection that something is taken off costs two more. */
static void test_descriptors(void)
{
	static const struct {
		const char *text;
		size_t want;
		const char *what;
	} cases[] = {
		{SMALL PI1, 10 + 11 + 128, "HTTP"},
		{SMALL BOLT, 10 + 30 + 11 + 10 + 128, "and Bolt, bare and in WebSockets"},
		{SMALL BOLT "tls { certificate = \"/c\" key = \"/proc/self/mem\" }\n",
			30 + 50 + 21 + 128, "all of that in TLS"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = {0};
		struct proxy_conf *c = proxy_conf_parse("t", cases[i].text, &e);
		is_int(c ? (long long)descriptors_needed(c, c->nmembers) : -1,
			(long long)cases[i].want, "descriptors of %s %s", cases[i].what, e.msg);
		proxy_conf_free(c);
	}
}

static void test_bad(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err e = {0};
		struct proxy_conf *c = proxy_conf_parse("t", bad[i].text, &e);
		ok(!c && e.code == EXIT_CONFIG && strstr(e.msg, bad[i].want), "refused: %s", e.msg);
		proxy_conf_free(c);
	}
}

static void is_password(const char *path, const char *want, const char *name)
{
	struct err e = {0};
	_cleanup_free_ char *got = proxy_conf_secret(path, &e);

	if (!is_str(got, want, "%s", name))
		printf("# %s\n", e.msg);
}

static void test_password(void)
{
	char dir[] = "/tmp/proxy_conf_test.XXXXXX";
	struct err e = {0};

	if (!ok(mkdtemp(dir) != NULL, "directory"))
		return;
	_cleanup_free_ char *path = xasprintf("%s/stats.password", dir);
	is_password(path, NULL, "no file");
	ok(io_write_atomic(path, "se cret\nx\n", 10, 0600, &e) == 0, "written");
	is_password(path, "se cret", "the first line");
	ok(chmod(path, 0640) == 0, "chmod 640");
	is_password(path, NULL, "a file others can read is refused");
	ok(io_write_atomic(path, "\n", 1, 0600, &e) == 0, "emptied");
	is_password(path, NULL, "an empty password is refused");
	ok(io_remove_tree(dir, &e) == 0, "removed");
}

int main(void)
{
	test_example();
	test_defaults();
	test_bad();
	test_finish();
	test_descriptors();
	test_password();
	return done();
}

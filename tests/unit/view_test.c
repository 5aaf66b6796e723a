/* SPDX-License-Identifier: GPL-3.0-or-later */
// use: builder/live/view.c builder/live/render.c
#include "builder/live/render.h"
#include "tap.h"

#define NODE(name, roles, state, neo4j, tx, why)                                             \
	"{\"name\":\"" name "\",\"id\":1,\"roles\":[" roles "],\"address\":\"192.168.2.7\"," \
	"\"present\":true,\"state\":\"" state "\",\"neo4j\":\"" neo4j "\",\"last_tx\":" tx   \
	",\"why\":\"" why "\",\"heard_ms\":1,\"uptime_s\":33}"
#define CLUSTER(nodes) \
	"{\"cluster\":\"garden\",\"generation\":3,\"from\":\"pi1\",\"nodes\":[" nodes "]}"

#define MASTER NODE("pi1", "\"data\"", "serving", "master", "42", "")
#define SLAVE NODE("pi2", "\"data\",\"proxy\"", "serving", "slave", "42", "")
#define IDLE NODE("pi4", "\"proxy\"", "idle", "down", "null", "")
#define WAITING NODE("pi3", "\"data\"", "waiting", "down", "null", "waits for pi9, not heard yet")

static struct cluster_view v;
static struct err e;

static void parse(const char *json)
{
	e = (struct err){0};
	if (view_parse(json, strlen(json), &v, &e) < 0)
		ok(false, "parses: %s", e.msg);
}

static void test_parse(void)
{
	parse(CLUSTER(MASTER "," SLAVE "," IDLE));
	is_int((long long)v.nnodes, 3, "three nodes");
	is_str(v.cluster, "garden", "the cluster's name");
	is_int(v.generation, 3, "the generation");
	is_str(v.nodes[1].roles, "data,proxy", "roles are joined");
	is_int(v.nodes[0].last_tx, 42, "last transaction");
	is_int(v.nodes[2].last_tx, -1, "null is not known");
	ok(view_node(&v, "pi4") == &v.nodes[2] && !view_node(&v, "pi5"), "nodes by name");

	parse(CLUSTER("{\"name\":\"a\",\"why\":\"\",\"copy\":\"10.0.0.9\"},"
		      "{\"name\":\"b\",\"why\":\"x\",\"copy\":\"10.0.0.9\"}"));
	is_str(v.nodes[0].why, "a copy of its card, at 10.0.0.9, is refused", "a copy is told");
	is_str(v.nodes[1].why, "x", "where nothing is more urgent");

	parse("{\"vip\":{\"address\":\"10.0.0.50\",\"at\":\"pi4\"},\"nodes\":[]}");
	ok(strcmp(v.vip, "10.0.0.50") == 0 && strcmp(v.vip_at, "pi4") == 0, "the floating address");
	parse("{\"vip\":{\"address\":\"10.0.0.50\",\"at\":null},\"nodes\":[]}");
	is_str(v.vip_at, "", "is nowhere");
	parse("{\"vip\":null,\"nodes\":[]}");
	is_str(v.vip, "", "there is none");

	parse(CLUSTER("{\"name\":5},7"));
	is_int((long long)v.nnodes, 2, "missing and odd members are no reason to fail");
	is_str(v.nodes[0].name, "", "a name that is no text is empty");
}

static void test_refusals(void)
{
	static const char *const bad[] = {
		"", "{", "[]", "{}", "{\"nodes\":1}", "nonsense", "{\"nodes\":[],\"nodes\":[]}"};
	_cleanup_buf_ struct buf many = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		is_int(view_parse(bad[i], strlen(bad[i]), &v, &e), -1, "refuses `%s`", bad[i]);
	buf_puts(&many, "{\"nodes\":[1");
	for (int i = 0; i < VIEW_MAX_NODES; i++)
		buf_puts(&many, ",1");
	buf_puts(&many, "]}");
	is_int(view_parse(buf_str(&many), many.len, &v, &e), -1, "refuses 128 nodes");
}

static void test_hostile(void)
{
	parse(CLUSTER(NODE("p\\u001b[2Ji1", "\"da\\nta\"", "se\\u0007r", "m\\u009b", "1",
		"caf\\u00e9 \\ud83d\\ude00")));
	is_str(v.nodes[0].name, "p?[2Ji1", "escape sequences lose their teeth");
	is_str(v.nodes[0].roles, "da?ta", "no line breaks");
	is_str(v.nodes[0].neo4j, "m?", "no C1 controls");
	is_str(v.nodes[0].why, "caf? ?", "one mark per character");
	parse(CLUSTER(NODE("a", "", "ssssssssssssssssssssssssssssssssssssss", "", "1", "")));
	is_int((long long)strlen(v.nodes[0].state), 15, "long texts are cut");
}

static void is_formed(const char *json, bool want, const char *why, const char *name)
{
	_cleanup_buf_ struct buf b = {0};

	parse(json);
	is_int(view_formed(&v, &b), want, "%s", name);
	is_str(buf_str(&b), why, "%s: why", name);
}

static void test_formed(void)
{
	is_formed(CLUSTER(MASTER "," SLAVE "," IDLE), true, "", "one master, the rest slaves");
	is_str(view_master(&v)->name, "pi1", "the master");
	is_formed(CLUSTER(MASTER "," WAITING), false,
		"pi3 is waiting (waits for pi9, not heard yet)", "a data node waits");
	is_formed(CLUSTER(SLAVE), false, "0 nodes say they are master", "no master");
	is_formed(CLUSTER(MASTER "," MASTER), false, "2 nodes say they are master", "two masters");
	ok(!view_master(&v), "of two masters none is the master");
	is_formed(CLUSTER(IDLE), false, "no data node is known", "no data node");
	is_formed(CLUSTER(MASTER "," NODE("x", "\"data\"", "joining", "slave", "1", "")), false,
		"x is joining", "a role alone does not serve");
}

static void is_table(size_t width, bool colour, const char *want, const char *name)
{
	_cleanup_buf_ struct buf b = {0};
	struct render_style style = {.width = width, .colour = colour};

	render_table(&v, &style, &b);
	is_str(buf_str(&b), want, "%s", name);
}

static void test_table(void)
{
	parse(CLUSTER(MASTER "," IDLE "," WAITING));
	is_table(0, false,
		"NODE  ROLES  STATE    NEO4J   TX  ADDRESS      WHY\n"
		"pi1   data   serving  master  42  192.168.2.7\n"
		"pi4   proxy  idle                 192.168.2.7\n"
		"pi3   data   waiting  down        192.168.2.7  waits for pi9, not heard yet\n",
		"the whole table");
	is_table(60, false,
		"NODE  ROLES  STATE    NEO4J   TX  WHY\n"
		"pi1   data   serving  master  42\n"
		"pi4   proxy  idle\n"
		"pi3   data   waiting  down        waits for pi9, not heard y\n",
		"60 columns: no address");
	is_table(40, false,
		"NODE  STATE    NEO4J   WHY\n"
		"pi1   serving  master\n"
		"pi4   idle\n"
		"pi3   waiting  down    waits for pi9, no\n",
		"40 columns: no roles, no transaction");
	is_table(9, false, "NODE  STA\npi1   ser\npi4   idl\npi3   wai\n", "9 columns: cut");
	parse(CLUSTER(MASTER));
	is_table(0, true,
		"NODE  ROLES  STATE    NEO4J   TX  ADDRESS\n"
		"pi1   data   \033[32mserving\033[0m  \033[1mmaster\033[0m  42  192.168.2.7\n",
		"colours do not move columns; nobody waits, so no reasons");
}

static void test_widths(void)
{
	for (size_t width = 1; width < 90; width++) {
		_cleanup_buf_ struct buf b = {0};
		struct render_style style = {.width = width};
		size_t longest = 0;

		parse(CLUSTER(MASTER "," SLAVE "," IDLE "," WAITING));
		render_table(&v, &style, &b);
		for (const char *s = buf_str(&b); *s; s += strcspn(s, "\n") + 1)
			longest = strcspn(s, "\n") > longest ? strcspn(s, "\n") : longest;
		if (longest > width)
			ok(false, "no line is longer than %zu", width);
	}
	ok(true, "no line is longer than the terminal is wide");
}

static void test_line(void)
{
	_cleanup_buf_ struct buf b = {0};

	parse(CLUSTER(MASTER "," WAITING));
	render_line(&v.nodes[0], &b);
	buf_puts(&b, "\n");
	render_line(&v.nodes[1], &b);
	is_str(buf_str(&b), "pi1: serving, master\npi3: waiting: waits for pi9, not heard yet",
		"one node on one line");
}

int main(void)
{
	test_parse();
	test_refusals();
	test_hostile();
	test_formed();
	test_table();
	test_widths();
	test_line();
	return done();
}

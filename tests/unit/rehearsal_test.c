/* SPDX-License-Identifier: GPL-3.0-or-later */
// use: builder/rehearse/rehearsal.c builder/rehearse/record.c builder/cluster/cluster.c
// use: builder/cluster/cluster_tls.c
// use: builder/cluster/cluster_overlay.c builder/cluster/pi.c builder/arch.c
// use: builder/cluster/cluster_neo4j.c
#include <arpa/inet.h>
#include <jansson.h>
#include "builder/rehearse/record.h"
#include "tap.h"

static struct node nodes[] = {
	{.name = (char *)"pi1", .roles = ROLE_DATA, .id = 1, .address = (char *)"10.1.2.6"},
	{.name = (char *)"a-very-long-node-name-as-rfc-1123-allows-it-to-be",
		.roles = ROLE_DATA | ROLE_PROXY,
		.id = 2,
		.address = (char *)"10.1.2.5"},
};

static struct cluster make_cluster(const char *gateway)
{
	struct cluster c = {
		.path = (char *)"garden.conf",
		.name = (char *)"garden",
		.nodes = nodes,
		.nnodes = ARRAY_SIZE(nodes),
	};

	inet_pton(AF_INET, "10.1.2.0", &c.network.subnet);
	c.network.prefix = 29;
	if (gateway)
		inet_pton(AF_INET, gateway, &c.network.gateway);
	return c;
}

static void is_gateway(const char *given, const char *want, const char *name)
{
	struct err e = {0};
	struct cluster c = make_cluster(given);
	_cleanup_rehearsal_ struct rehearsal *r = rehearsal_new(&c, false, &e);
	char text[INET_ADDRSTRLEN];

	is_str(r ? inet_ntop(AF_INET, &r->gateway, text, sizeof(text)) : e.msg, want, "%s", name);
}

static void test_names(void)
{
	struct err e = {0};
	struct cluster c = make_cluster(NULL), other = make_cluster(NULL);
	_cleanup_rehearsal_ struct rehearsal *r = rehearsal_new(&c, false, &e);
	other.name = (char *)"meadow";
	_cleanup_rehearsal_ struct rehearsal *o = rehearsal_new(&other, false, &e);

	for (size_t i = 0; i < r->nmachines; i++)
		ok(strlen(r->machines[i].name) <= 12, "%s: vb- and it fit 15 characters",
			r->machines[i].name);
	ok(strcmp(r->machines[0].name, r->machines[1].name) != 0, "machines have different names");
	ok(strcmp(r->machines[0].name, o->machines[0].name) != 0, "in two clusters too");
	ok(rehearsal_machine(r, "pi1", &e) == &r->machines[0], "a machine by its node");
	ok(!rehearsal_machine(r, "pi9", &e) && e.code == EXIT_USAGE, "no such node: %s", e.msg);
}

static void test_events(void)
{
	struct err e = {0};
	struct cluster c = make_cluster(NULL);
	_cleanup_rehearsal_ struct rehearsal *r = rehearsal_new(&c, false, &e);

	for (int i = 0; i < EVENTS_MAX; i++)
		rehearsal_event(r, "booted", "pi1");
	rehearsal_event(r, "cut", "pi2");
	is_int((long long)r->nevents, EVENTS_MAX, "the number of events is bounded");
	is_str(r->events[EVENTS_MAX - 1].what, "cut", "the last one is kept");
}

static void test_record(void)
{
	struct err e = {0};
	struct cluster c = make_cluster("10.1.2.1");
	_cleanup_rehearsal_ struct rehearsal *r = rehearsal_new(&c, true, &e);

	r->dir = xstrdup("/var/tmp/x");
	r->supervisor = 77;
	r->machines[1].pid = 99;
	r->machines[1].on_ms = INT64_C(5000000000);
	snprintf(r->machines[0].off_why, sizeof(r->machines[0].off_why), "power cut");
	r->forwards[r->nforwards++] = (struct forward){.label = xstrdup("proxy"),
		.node = xstrdup("pi1"),
		.port = 8090,
		.host_port = 18090};
	rehearsal_event(r, "cut", "pi1");
	json_t *first = record_json(r);
	_cleanup_free_ char *text = json_dumps(first, 0);
	_cleanup_rehearsal_ struct rehearsal *back = record_parse(text, strlen(text), &e);
	json_t *second = back ? record_json(back) : NULL;
	ok(second && json_equal(first, second), "a record survives being written and read");
	is_int(back ? back->machines[1].on_ms : 0, INT64_C(5000000000), "times have 64 bits");
	json_decref(first);
	json_decref(second);
}

static void test_damaged(void)
{
	static const char *const bad[] = {"", "{", "[]", "{\"format\":2}", "{}"};
	static const char poor[] = "{\"format\":1,\"machines\":[7,{\"pid\":\"x\"}],\"events\":3}";
	struct err e = {0};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(!record_parse(bad[i], strlen(bad[i]), &e), "refuses `%s`", bad[i]);
	_cleanup_rehearsal_ struct rehearsal *r = record_parse(poor, strlen(poor), &e);
	ok(r && r->nmachines == 2 && r->machines[0].node[0] == '\0' && r->dir[0] == '\0',
		"what is missing is empty, never NULL");
}

int main(void)
{
	is_gateway("10.1.2.1", "10.1.2.1", "the bridge stands in for the gateway");
	is_gateway(NULL, "10.1.2.4", "without one it takes the highest free address");
	test_names();
	test_events();
	test_record();
	test_damaged();
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent reads from systemctl and from Neo4j, and the words of its API. */
// use: node-agent/service.c node-agent/neo4j_watch.c node-agent/hello.c node-agent/node_state.c
// use: node-agent/metrics.c node-agent/board.c node-agent/health/health.c
// use: node-agent/api.c node-agent/identity.c node-agent/quorum/wire.c
// use: node-agent/helper/helper_client.c node-agent/helper/helper_wire.c
#include "node-agent/api.h"
#include "node-agent/neo4j_watch.h"
#include "node-agent/service.h"
#include "tap.h"

static void test_service(void)
{
	long pid;
	bool failed;

	is_int(service_parse("MainPID=77\nActiveState=active\n", &pid, &failed), SERVICE_RUNNING,
		"active");
	is_int(pid, 77, "its process");
	is_int(service_parse("ActiveState=deactivating\n", &pid, &failed), SERVICE_RUNNING,
		"still there");
	is_int(service_parse("ActiveState=activating", &pid, &failed), SERVICE_RUNNING, "coming");
	is_int(service_parse("ActiveState=inactive\nMainPID=0\n", &pid, &failed), SERVICE_STOPPED,
		"stopped");
	ok(!failed, "in order");
	is_int(service_parse("ActiveState=failed\n", &pid, &failed), SERVICE_STOPPED, "failed");
	ok(failed, "and not in order");
	is_int(service_parse("ActiveState=activeish\n", &pid, &failed), SERVICE_UNKNOWN,
		"something else");
	is_int(service_parse("", &pid, &failed), SERVICE_UNKNOWN, "nothing");
}

static uint64_t tx(const char *json)
{
	return neo4j_bean_parse((struct slice){json, strlen(json)}).last_tx;
}

static void test_last_tx(void)
{
	ok(tx("[{\"attributes\":[{\"name\":\"Role\",\"value\":\"master\"},"
	      "{\"name\":\"LastCommittedTxId\",\"value\":42}]}]") == 42,
		"a number");
	ok(tx("[{\"attributes\":[{\"name\":\"LastCommittedTxId\",\"value\":\"43\"}]}]") == 43,
		"a string of one");
	ok(tx("[{\"attributes\":[{\"name\":\"LastCommittedTxId\",\"value\":-2}]}]") == TX_UNKNOWN,
		"a negative one");
	ok(tx("[{\"attributes\":[{\"name\":\"LastCommittedTxId\",\"value\":\"4x\"}]}]") ==
			TX_UNKNOWN,
		"no number");
	ok(tx("[{\"attributes\":[]}]") == TX_UNKNOWN, "no such attribute");
	ok(tx("[]") == TX_UNKNOWN && tx("{}") == TX_UNKNOWN && tx("") == TX_UNKNOWN &&
			tx("[{\"attributes\":{}}]") == TX_UNKNOWN && tx("[1]") == TX_UNKNOWN,
		"no bean");
}

/* As Neo4j 3.5 writes it, shortened; the number is a string there. */
#define INSTANCE(role, id)                                                           \
	"{\"type\":\"org.neo4j.management.ClusterMemberInfo\",\"value\":["           \
	"{\"name\":\"alive\",\"value\":true},{\"name\":\"haRole\",\"value\":\"" role \
	"\"},{\"name\":\"instanceId\",\"value\":" id "}]}"
#define BEAN(instances) \
	"[{\"attributes\":[{\"name\":\"InstancesInCluster\",\"value\":[" instances "]}]}]"

static unsigned master(const char *json)
{
	return neo4j_bean_parse((struct slice){json, strlen(json)}).master;
}

static void test_master(void)
{
	is_int(master(BEAN(INSTANCE("slave", "\"1\"") "," INSTANCE("master", "\"3\""))), 3,
		"the master among the instances");
	is_int(master(BEAN(INSTANCE("master", "2"))), 2, "its id as a number");
	is_int(master(BEAN(INSTANCE("slave", "\"1\""))), 0, "nobody is");
	is_int(master(BEAN(INSTANCE("master", "\"128\""))), 0, "an id no member has");
	is_int(master(BEAN(INSTANCE("master", "\"x\""))), 0, "no id");
	is_int(master(BEAN("7,{},{\"value\":3}")), 0, "no instances");
	is_int(master("[]"), 0, "no bean");
}

static struct identity id = {.cluster = "garden",
	.cluster_id = {0xab},
	.generation = 2,
	.nmembers = 2,
	.members = {{.name = "pi1", .id = 1, .roles = ROLE_DATA | ROLE_PROXY},
		{.name = "pi2", .id = 2, .roles = ROLE_DATA}}};

static struct api_view view(enum node_state state, enum neo4j_role role, const char *why)
{
	static const struct control_counts counts = {.requests = 5, .strangers = 7};
	struct api_view v = {.id = &id, .epoch = 4, .run = 3, .lease = true, .control = &counts};

	v.nodes[0] = (struct api_node){.member = &id.members[0],
		.address = {htonl(0xa9fe0109)},
		.present = true,
		.state = state,
		.role = role,
		.writable = role == NEO4J_MASTER,
		.last_tx = 42,
		.tx_age_ms = 12,
		.generation = 2,
		.uptime_s = 33,
		.why = why};
	v.nodes[1] = (struct api_node){.member = &id.members[1],
		.copy = {htonl(0xa9fe0108)},
		.heard_ms = -1,
		.last_tx = TX_UNKNOWN,
		.why = "not heard since boot"};
	return v;
}

struct ask {
	const char *path;
	enum node_state state;
	enum neo4j_role role;
	const char *why;
	unsigned status;
	const char *body;
};

static const struct ask asks[] = {
	{"/health", NODE_SERVING, NEO4J_SLAVE, "", 200, "serving as slave\n"},
	{"/readiness", NODE_SERVING, NEO4J_MASTER, "", 200, "serving as master\n"},
	{"/health", NODE_IDLE, NEO4J_DOWN, "", 200, "idle: a node without a store\n"},
	{"/health", NODE_WAITING, NEO4J_DOWN, "waits for pi2", 503, "waits for pi2\n"},
	{"/health", NODE_HELD, NEO4J_DOWN, "no p3", 503, "held: no p3\n"},
	{"/health", NODE_JOINING, NEO4J_UNKNOWN, "x", 503, "joining: x\n"},
	{"/liveness", NODE_HELD, NEO4J_DOWN, "no p3", 200, "alive\n"},
	{"/master", NODE_SERVING, NEO4J_MASTER, "", 200, "master\n"},
	{"/master?x=1", NODE_SERVING, NEO4J_SLAVE, "", 503, "slave\n"},
	{"/slave", NODE_SERVING, NEO4J_SLAVE, "", 200, "slave\n"},
	{"/slave", NODE_SERVING, NEO4J_MASTER, "", 503, "master\n"},
	{"/writable", NODE_SERVING, NEO4J_MASTER, "", 200, "master\n"},
	{"/writable", NODE_SERVING, NEO4J_SLAVE, "", 503, "slave\n"},
	{"/available", NODE_SERVING, NEO4J_SLAVE, "", 200, "slave\n"},
	{"/available", NODE_JOINING, NEO4J_UNKNOWN, "", 503, "unknown\n"},
	{"/available", NODE_IDLE, NEO4J_DOWN, "", 503, "down\n"},
	{"/healthy", NODE_SERVING, NEO4J_SLAVE, "", 404, NULL},
	{"/", NODE_SERVING, NEO4J_SLAVE, "", 404, NULL},
	{"/cluster", NODE_SERVING, NEO4J_MASTER, "", 200,
		"{\"cluster\":\"garden\",\"id\":\"ab000000000000000000000000000000\","
		"\"generation\":2,\"epoch\":4,\"run\":3,\"lease\":true,\"from\":\"pi1\","
		"\"control\":{\"requests\":5,\"strangers\":7,\"broken\":0,\"late\":0,"
		"\"crowded\":0},\"vip\":null,\"nodes\":["
		"{\"name\":\"pi1\",\"id\":1,\"roles\":[\"data\",\"proxy\"],"
		"\"address\":\"169.254.1.9\",\"copy\":null,\"present\":true,\"state\":\"serving\","
		"\"neo4j\":\"master\",\"writable\":true,\"last_tx\":42,\"tx_age_ms\":12,\"why\":"
		"\"\",\"heard_ms\":0,"
		"\"uptime_s\":33,\"generation\":2},"
		"{\"name\":\"pi2\",\"id\":2,\"roles\":[\"data\"],\"address\":null,\"copy\":\"169."
		"254.1.8\","
		"\"present\":false,\"state\":\"down\",\"neo4j\":\"down\",\"writable\":false,\"last_"
		"tx\":null,\"tx_age_ms\":null,"
		"\"why\":\"not heard since boot\",\"heard_ms\":null,\"uptime_s\":null,"
		"\"generation\":null}]}\n"},
};

static void test_api(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(asks); i++) {
		const struct ask *q = &asks[i];
		struct api_view v = view(q->state, q->role, q->why);
		struct http_head h = {.method = {"GET", 3}, .target = {q->path, strlen(q->path)}};
		struct http_answer a = {.status = 200};
		api_answer(&v, &h, &a);
		is_int(a.status, q->status, "%s: %u", q->path, q->status);
		if (q->body)
			is_str(buf_str(&a.body), q->body, "%s: body", q->path);
		buf_free(&a.body);
		buf_free(&a.fields);
	}
}

int main(void)
{
	test_service();
	test_last_tx();
	test_master();
	test_api();
	return done();
}

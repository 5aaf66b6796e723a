/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an answer to a probing write says of Neo4j. */
// use: node-agent/health/write_probe.c node-agent/neo4j_watch.c node-agent/hello.c
// use: node-agent/node_state.c node-agent/quorum/wire.c node-agent/quorum/manifest.c
#include "node-agent/health/write_probe.h"
#include "tap.h"
#include "util.h"

struct answer {
	unsigned status;
	const char *body;
	enum write_verdict verdict;
	const char *what;
};

static const struct answer answers[] = {
	{200, "{\"results\":[],\"errors\":[]}", WRITE_GOOD, "committed"},
	{201, "{\"results\":[],\"errors\":[]}", WRITE_GOOD, "likewise"},
	{200, "{\"errors\":[{\"code\":\"Neo.DatabaseError.Transaction.TransactionCommitFailed\"}]}",
		WRITE_BAD, "an error of Neo4j's own"},
	{200, "{\"errors\":[{\"code\":\"Neo.TransientError.Cluster.NoLeaderAvailable\"}]}",
		WRITE_UNKNOWN, "one that passes"},
	{200, "{\"errors\":[{\"code\":\"Neo.ClientError.Statement.SyntaxError\"}]}", WRITE_UNKNOWN,
		"one of ours"},
	{200, "{\"errors\":[{}]}", WRITE_UNKNOWN, "one without a code"},
	{200, "{\"errors\":[{\"code\":7}]}", WRITE_UNKNOWN, "one with an odd code"},
	{200, "{\"results\":[]}", WRITE_UNKNOWN, "no word of errors"},
	{200, "", WRITE_UNKNOWN, "nothing"},
	{200, "{\"errors\":[],\"errors\":[]}", WRITE_UNKNOWN, "two words"},
	{500, "oops", WRITE_BAD, "500"},
	{503, "", WRITE_UNKNOWN, "503: a database that is not available yet"},
	{404, "", WRITE_UNKNOWN, "a Neo4j without that endpoint"},
	{401, "", WRITE_REFUSED, "another password"},
	{0, "", WRITE_BAD, "no answer"},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		const struct answer *a = &answers[i];
		struct slice body = {a->body, strlen(a->body)};
		is_int(write_probe_judge(a->status, body), a->verdict, "%s", a->what);
	}
	return done();
}

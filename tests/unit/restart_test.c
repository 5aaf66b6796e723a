/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A restart in its turn: asked for once or wished for, begun once, over when the new one serves. */
// use: node-agent/restart.c node-agent/turn.c node-agent/peers.c node-agent/hello.c
// use: node-agent/node_state.c node-agent/quorum/wire.c node-agent/quorum/manifest.c
// use: node-agent/discover/whereabouts.c
#include "node-agent/restart.h"
#include "tap.h"

/* A cluster of one that has been up for so long that it grants itself whatever it asks for. */
static struct restart_look look_at(int64_t now_ms)
{
	return (struct restart_look){.turn = {.now_ms = now_ms,
					     .self = 1,
					     .last_tx = TX_UNKNOWN,
					     .needed = 1,
					     .ready = true},
		.wish = "",
		.service = SERVICE_RUNNING,
		.main_pid = 100};
}

/* Rounds until it is to stop; 0: never. */
static int until_stop(struct restart *r, struct restart_look *look)
{
	for (int i = 1; i < 10; i++) {
		look->turn.now_ms += 500;
		if (restart_step(r, look))
			return i;
	}
	return 0;
}

static void test_asked(void)
{
	struct restart_look look = look_at(TURN_LOST_MS);
	struct restart r = {0};
	char why[WHY_SIZE];

	is_int(until_stop(&r, &look), 0, "nobody wants a restart: there is none");
	restart_why(&r, why);
	is_str(why, "", "nor a word of it");
	restart_ask(&r, "by SIGHUP");
	ok(until_stop(&r, &look) > 0, "asked once, Neo4j is stopped when the turn comes");
	restart_why(&r, why);
	is_str(why, "restarts in its turn: by SIGHUP", "with the reason");
	is_int(until_stop(&r, &look), 0, "once");
	look.turn.now_ms += RESTART_AGAIN_MS;
	ok(until_stop(&r, &look) > 0, "again, if that had no effect");
	look.service = SERVICE_STOPPED;
	look.turn.ready = false;
	is_int(until_stop(&r, &look), 0, "then it is down");
	is_int(r.turn.word.stage, TURN_HOLDS, "in its turn");
	look.service = SERVICE_RUNNING;
	look.main_pid = 200;
	is_int(until_stop(&r, &look), 0, "a new one starts");
	is_int(r.turn.word.stage, TURN_HOLDS, "still in its turn");
	look.turn.ready = true;
	is_int(until_stop(&r, &look), 0, "serves");
	is_int(r.turn.word.stage, TURN_NONE, "and the turn is over");
}

static void test_wished(void)
{
	struct restart_look look = look_at(0);
	struct restart r = {0};
	char why[WHY_SIZE];

	look.wish = "the clock was set back";
	is_int(until_stop(&r, &look), 0, "its turn has not come");
	restart_why(&r, why);
	is_str(why, "restarts in its turn: the clock was set back; 0 of 1 grants",
		"it says for what");
	look.wish = "";
	is_int(until_stop(&r, &look), 0, "a wish may be taken back");
	is_int(r.turn.word.stage, TURN_NONE, "before");
	look.turn.now_ms = TURN_LOST_MS;
	look.wish = "the clock was set back";
	ok(until_stop(&r, &look) > 0, "but when the turn has come");
	look.wish = "";
	look.service = SERVICE_STOPPED;
	look.turn.ready = false;
	(void)until_stop(&r, &look);
	is_int(r.turn.word.stage, TURN_HOLDS, "what was begun is finished");
}

static void test_copies(void)
{
	struct restart_look look = look_at(TURN_LOST_MS);
	struct restart r = {0};

	look.wish = "generation 7 of the configuration";
	look.copies = true;
	is_int(until_stop(&r, &look), 0, "one that copies its store is let finish");
	is_int(r.turn.word.stage, TURN_NONE, "and wants no turn, for all would wait");
	look.quiet = true;
	(void)until_stop(&r, &look);
	is_int(r.turn.word.stage, TURN_HOLDS, "but one in which it goes on");
	look.quiet = look.copies = false;
	r = (struct restart){0};
	ok(until_stop(&r, &look) > 0, "then it is stopped in its turn");
	look.copies = true;
	(void)until_stop(&r, &look);
	is_int(r.turn.word.stage, TURN_HOLDS, "which is finished, whatever it copies");
}

int main(void)
{
	test_asked();
	test_wished();
	test_copies();
	return done();
}

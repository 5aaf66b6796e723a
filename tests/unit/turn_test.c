/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Turns to restart: one node alone with stand-ins for the others, then whole clusters on a bad
 * network. Never two at a time; and everybody's turn comes when the network is good.
 */
// use: node-agent/turn.c node-agent/hello.c node-agent/node_state.c
// use: node-agent/quorum/wire.c node-agent/quorum/manifest.c
#include <stdlib.h>
#include "node-agent/hello.h"
#include "node-agent/turn.h"
#include "tap.h"
#include "util.h"

static struct turn_peer two[2];

static struct turn_look look_of_three(int64_t now_ms)
{
	for (unsigned i = 0; i < 2; i++)
		two[i] = (struct turn_peer){.name = i ? "pi3" : "pi2",
			.id = i + 2,
			.present = true,
			.ready = true,
			.master = i == 1,
			.last_tx = 100};
	return (struct turn_look){.now_ms = now_ms,
		.self = 1,
		.ready = true,
		.last_tx = 100,
		.needed = 2,
		.peers = two,
		.npeers = 2};
}

/* pi1 asks, and has been there for long. */
static struct turn asking(struct turn_look *look)
{
	struct turn t;

	turn_begin(&t, 7, 0);
	*look = look_of_three(TURN_LOST_MS);
	turn_step(&t, look, true);
	turn_step(&t, look, true);
	return t;
}

static void test_alone(void)
{
	struct turn_look look = {.now_ms = 1000, .self = 1, .last_tx = TX_UNKNOWN, .needed = 1};
	struct turn t;

	turn_begin(&t, 1, 0);
	for (look.now_ms = 0; look.now_ms < TURN_LOST_MS; look.now_ms += 500)
		turn_step(&t, &look, true);
	ok(t.word.stage < TURN_HOLDS,
		"a cluster of one waits until an earlier agent's grants are over");
	turn_step(&t, &look, true);
	look.now_ms += 500;
	ok(turn_step(&t, &look, true), "then it has its turn");
	ok(!turn_step(&t, &look, false), "until it says that it is over");
}

static void test_granted(void)
{
	struct turn_look look;
	struct turn t = asking(&look);

	is_int(t.word.stage, TURN_ASKS, "nobody else wants one: it asks");
	is_int(t.word.grants, 1, "and grants itself");
	look.now_ms += TURN_CALM_MS;
	ok(!turn_step(&t, &look, true), "one of three grants is not enough");
	is_str(t.why, "1 of 2 grants", "which it says");
	two[0].word = (struct turn_word){.grants = 1, .grants_ticket = t.word.ticket - 1};
	ok(!turn_step(&t, &look, true), "nor is one for its last request");
	two[0].word.grants_ticket = t.word.ticket;
	two[0].present = false;
	ok(!turn_step(&t, &look, true), "nor one of long ago");
	two[0].present = true;
	look.now_ms += TURN_CALM_MS;
	ok(turn_step(&t, &look, true), "two are");
	ok(turn_step(&t, &look, true), "and remain so");
}

static void test_not_ready(void)
{
	struct turn_look look;
	struct turn t = asking(&look);

	two[0].word = (struct turn_word){.grants = 1, .grants_ticket = t.word.ticket};
	two[1].ready = false;
	look.now_ms += TURN_CALM_MS;
	ok(!turn_step(&t, &look, true), "not while another is not available");
	is_str(t.why, "pi3 is not available", "which it says");
	two[1].ready = true;
	two[1].last_tx = 100 + TURN_LAG_MAX + 1;
	ok(!turn_step(&t, &look, true), "nor has caught up");
	is_str(t.why, "pi2 has not caught up", "which it says too");
	two[1].last_tx = 100 + TURN_LAG_MAX;
	two[0].last_tx = TX_UNKNOWN;
	two[1].word.stage = TURN_HOLDS;
	ok(!turn_step(&t, &look, true), "nor while another has its turn");
	two[1].word.stage = TURN_NONE;
	ok(!turn_step(&t, &look, true), "nor in the same moment");
	look.now_ms += TURN_CALM_MS;
	turn_step(&t, &look, true);
	two[0].word.grants_ticket = t.word.ticket;
	ok(turn_step(&t, &look, true), "but then");
}

static void test_order(void)
{
	struct turn_look look;
	struct turn t = asking(&look);

	two[0].word.stage = TURN_WAITS;
	turn_step(&t, &look, true);
	is_int(t.word.stage, TURN_ASKS, "one with a higher id waits");
	look.master = true;
	turn_step(&t, &look, true);
	is_int(t.word.stage, TURN_WAITS, "a master lets a slave go first");
	is_str(t.why, "pi2 comes before", "and says so");
	uint32_t ticket = t.word.ticket;
	two[0].word.stage = TURN_NONE;
	turn_step(&t, &look, true);
	is_int(t.word.stage, TURN_ASKS, "then it asks");
	ok(t.word.ticket != ticket, "anew");
	look.master = false;
	two[1] = two[0];
	two[1].id = 3;
	two[1].name = "pi3";
	two[1].ready = false;
	two[1].word.stage = TURN_WAITS;
	turn_step(&t, &look, true);
	is_str(t.why, "pi3 comes before",
		"one that is not available goes first, for all wait for it");
	look.ready = false;
	turn_step(&t, &look, true);
	is_int(t.word.stage, TURN_ASKS, "but for one that is not either, and has a lower id");
	look.ready = true;
	two[1].master = true;
	turn_step(&t, &look, true);
	is_int(t.word.stage, TURN_ASKS, "and a master is last, available or not");
}

static void test_voter(void)
{
	struct turn_look look;
	struct turn t;

	turn_begin(&t, 7, 0);
	look = look_of_three(TURN_LOST_MS - 1);
	two[0].word = (struct turn_word){.stage = TURN_ASKS, .ticket = 3};
	turn_step(&t, &look, false);
	is_int(t.word.grants, 0, "a voter that has just begun grants nothing");
	look.now_ms++;
	turn_step(&t, &look, false);
	is_int(t.word.grants, 2, "later it does");
	two[1].master = false;
	two[0].master = true;
	two[1].word = (struct turn_word){.stage = TURN_ASKS, .ticket = 4};
	turn_step(&t, &look, false);
	is_int(t.word.grants, 2, "and stays with it, whoever else asks");
	two[0].present = false;
	look.now_ms += TURN_LOST_MS - 1;
	turn_step(&t, &look, false);
	is_int(t.word.grants, 2, "though it be silent for a while");
	look.now_ms++;
	turn_step(&t, &look, false);
	is_int(t.word.grants, 3, "but not for ever");
	two[1].word.ticket = 5;
	turn_step(&t, &look, false);
	is_int(t.word.grants_ticket, 5, "a new request is granted anew");
	two[1].word.stage = TURN_NONE;
	turn_step(&t, &look, false);
	is_int(t.word.grants, 0, "and one that is over is over");
}

/* --- a cluster on a bad network */

#define NODES 7
#define STEP_MS 500
#define DOWN_MS 12000 /* what a restart takes */

struct node {
	struct turn turn;
	struct turn_peer heard[NODES + 1]; /* by id */
	int64_t heard_ms[NODES + 1], sent_ms[NODES + 1];
	bool wants, master;
	int64_t down_ms; /* until then its Neo4j is down; 0: it runs */
	unsigned turns;
};

/* What is told: it is on its way for up to 3 s, and is believed for 3 s more. */
struct letter {
	int64_t sent_ms, at_ms;
	unsigned from, to;
	struct turn_peer says;
};

struct world {
	unsigned n;
	int64_t now_ms;
	struct node node[NODES + 1];
	struct letter post[1024];
	unsigned loss, delay_ms;
	bool cut[NODES + 1][NODES + 1];
	unsigned restarts; /* one agent's in so many rounds */
	int two_down;
};

static uint64_t seed;
static unsigned dice(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static bool is_ready(const struct world *w, unsigned id)
{
	return !w->node[id].down_ms;
}

static void tell(struct world *w, unsigned from, unsigned to)
{
	const struct node *n = &w->node[from];

	if (w->cut[from][to] || dice(100) < w->loss)
		return;
	w->post[dice(ARRAY_SIZE(w->post))] = (struct letter){
		.sent_ms = w->now_ms,
		.at_ms = w->now_ms + 1 + dice(w->delay_ms),
		.from = from,
		.to = to,
		.says = {.name = "n",
			.id = from,
			.present = true,
			.ready = is_ready(w, from),
			.master = n->master,
			.last_tx = 5,
			.word = n->turn.word},
	};
}

/* In any order, but an older one never after a newer one: hello.h sees to that. */
static void deliver(struct world *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(w->post); i++) {
		struct letter *l = &w->post[i];
		if (!l->to || l->at_ms > w->now_ms)
			continue;
		struct node *to = &w->node[l->to];
		if (l->sent_ms > to->sent_ms[l->from]) {
			to->heard[l->from] = l->says;
			to->heard_ms[l->from] = l->at_ms;
			to->sent_ms[l->from] = l->sent_ms;
		}
		l->to = 0;
	}
}

static void restart_agent(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];

	turn_begin(&n->turn, dice(1u << 30), w->now_ms);
	memset(n->heard, 0, sizeof(n->heard));
}

static void live(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];
	struct turn_peer peers[NODES];
	size_t count = 0;

	for (unsigned i = 1; i <= w->n; i++) {
		if (i == id)
			continue;
		peers[count] = n->heard[i];
		peers[count].id = i;
		peers[count].name = "n";
		peers[count++].present = n->heard[i].present && w->now_ms - n->heard_ms[i] < 3000;
	}
	struct turn_look look = {.now_ms = w->now_ms,
		.self = id,
		.ready = is_ready(w, id),
		.master = n->master,
		.last_tx = 5,
		.needed = w->n / 2 + 1,
		.peers = peers,
		.npeers = count};
	if (turn_step(&n->turn, &look, n->wants) && !n->down_ms && n->wants) {
		n->down_ms = w->now_ms + DOWN_MS;
		n->turns++;
	}
	if (n->down_ms && w->now_ms >= n->down_ms) {
		n->down_ms = 0;
		n->wants = false;
	}
}

static void round_of(struct world *w)
{
	unsigned down = 0;

	w->now_ms += STEP_MS;
	deliver(w);
	for (unsigned i = 1; i <= w->n; i++) {
		live(w, i);
		down += w->node[i].down_ms > 0;
		for (unsigned k = 1; k <= w->n; k++) {
			if (k != i)
				tell(w, i, k);
		}
	}
	w->two_down += down > 1;
}

static void begin(struct world *w, unsigned n)
{
	*w = (struct world){
		.n = n, .loss = dice(30), .delay_ms = 1 + dice(3000), .restarts = 10 + dice(90)};
	for (unsigned i = 1; i <= n; i++)
		restart_agent(w, i);
	w->node[1 + dice(n)].master = true;
}

static void trouble(struct world *w)
{
	unsigned a = 1 + dice(w->n), b = 1 + dice(w->n);

	if (dice(w->restarts) == 0)
		restart_agent(w, a);
	if (dice(60) == 0)
		w->cut[a][b] = !w->cut[a][b];
	if (dice(5) == 0)
		w->node[a].wants = w->node[b].wants = true;
}

static bool all_done(const struct world *w)
{
	for (unsigned i = 1; i <= w->n; i++) {
		if (w->node[i].wants)
			return false;
	}
	return true;
}

static void test_worlds(void)
{
	int two_down = 0, stuck = 0, turns = 0;
	static struct world w;

	for (unsigned game = 0; game < 300; game++) {
		seed = game * 77 + 1;
		begin(&w, 2 + dice(NODES - 1));
		for (int i = 0; i < 600; i++) {
			trouble(&w);
			round_of(&w);
		}
		memset(w.cut, 0, sizeof(w.cut));
		w.loss = 0;
		w.delay_ms = 100;
		for (int i = 0; i < 1200 && !all_done(&w); i++)
			round_of(&w);
		stuck += !all_done(&w);
		two_down += w.two_down;
		for (unsigned i = 1; i <= w.n; i++)
			turns += (int)w.node[i].turns;
	}
	is_int(two_down, 0, "300 clusters: never two at one time");
	is_int(stuck, 0, "and every turn comes once the network is good");
	ok(turns > 300, "%d turns were taken", turns);
}

/* All of them at one moment, as after a change to all; the master last. */
static void test_all_at_once(void)
{
	static struct world w;
	bool master_last = true;

	seed = 5;
	begin(&w, 5);
	w.loss = 0;
	w.delay_ms = 10;
	for (unsigned i = 1; i <= 5; i++) {
		w.node[i].wants = true;
		w.node[i].master = i == 2;
	}
	for (int i = 0; i < 1000 && !all_done(&w); i++) {
		round_of(&w);
		master_last &= !w.node[2].down_ms || (!w.node[1].wants && !w.node[3].wants &&
							     !w.node[4].wants && !w.node[5].wants);
	}
	ok(all_done(&w), "five at once: all have had their turns");
	ok(master_last, "the master last");
	is_int(w.two_down, 0, "and one at a time");
}

int main(void)
{
	test_alone();
	test_granted();
	test_not_ready();
	test_order();
	test_voter();
	test_all_at_once();
	test_worlds();
	return done();
}

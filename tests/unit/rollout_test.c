/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How one node takes over a generation: in its turn, and back when it does not come up. */
// use: node-agent/apply/rollout.c node-agent/hello.c node-agent/quorum/wire.c
#include "node-agent/apply/rollout.h"
#include "tap.h"

/* A slave that runs generation 1, while 2 was decided and is here. */
static struct rollout_look decided(void)
{
	return (struct rollout_look){.now_ms = 1000,
		.runs = 1,
		.newest = 2,
		.goal = 2,
		.voter = true,
		.ready = true,
		.obstacle = "",
		.neo4j_changes = true,
		.process = true,
		.serves = true,
		.serial = 77,
		.result_why = ""};
}

static struct rollout begin(void)
{
	struct rollout r;
	const struct trial none = {0};

	rollout_begin(&r, &none, 0);
	return r;
}

static struct rollout_word step(struct rollout *r, struct rollout_look *look)
{
	struct rollout_word w;

	look->now_ms += 500;
	rollout_step(r, look, &w);
	return w;
}

/* Up to where the new configuration is in place and Neo4j is to start. */
static void install(struct rollout *r, struct rollout_look *look)
{
	look->turn = true;
	step(r, look);
	look->process = look->serves = false;
	step(r, look);
	look->result = 1;
	look->runs = 2;
	step(r, look);
	look->result = 0;
}

static void test_turn(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();
	struct rollout_word w = step(&r, &look);

	ok(w.wants && !w.quiet && !w.rests && w.proven, "it asks for a turn, and Neo4j goes on");
	look.turn = true;
	w = step(&r, &look);
	ok(w.rests && !w.orders && w.proven, "in it Neo4j rests");
	look.process = look.serves = false;
	w = step(&r, &look);
	ok(w.orders && r.dirty && r.trial.serial == 77 && r.trial.what == ENACT_GENERATION,
		"then it is installed; that is kept first");
	w = step(&r, &look);
	ok(!w.orders && w.rests && !w.proven, "which takes its time");
	look.result = 1;
	look.runs = 2;
	step(&r, &look);
	look.result = 0;
	w = step(&r, &look);
	ok(!w.rests && !w.proven, "Neo4j starts; nothing is proven yet");
	look.process = look.serves = true;
	step(&r, &look);
	w = step(&r, &look);
	ok(w.proven && !w.wants, "it serves: done");
}

static void test_master(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	look.before = "pi2";
	ok(!step(&r, &look).wants && strstr(r.why, "pi2 does not run it yet"),
		"a master wants no turn before the slaves run it: %s", r.why);
	look.turn = true;
	ok(!step(&r, &look).rests, "whatever turn it has");
	look.before = NULL;
	ok(step(&r, &look).rests, "and comes last");
}

static void test_quiet(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	look.neo4j_changes = false;
	ok(step(&r, &look).quiet, "where no file of Neo4j's changes the turn is a quiet one");
	look.turn = true;
	struct rollout_word w = step(&r, &look);
	ok(w.orders && !w.rests, "Neo4j goes on");
	look.result = 1;
	look.runs = 2;
	step(&r, &look);
	ok(step(&r, &look).wants == false, "and it is done at once");
}

static void test_failure(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	install(&r, &look);
	look.failures = 1;
	ok(!step(&r, &look).rests, "one end may be chance");
	look.failures = 2;
	struct rollout_word w = step(&r, &look);
	ok(w.rests && r.trial.failed == 2 && r.dirty, "two are none: it failed");
	look.failures = 0;
	w = step(&r, &look);
	ok(w.orders && r.trial.what == ENACT_BEFORE && r.trial.generation == 2,
		"what was there before is put back");
	look.result = 1;
	look.runs = 1;
	step(&r, &look);
	look.result = 0;
	w = step(&r, &look);
	ok(!w.rests, "and Neo4j starts with it");
	look.process = look.serves = true;
	w = step(&r, &look);
	ok(w.proven && !w.wants, "it is not tried again");
	look.goal = look.newest = 3;
	look.turn = false;
	ok(step(&r, &look).wants, "another one is");
}

static void test_slow(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	install(&r, &look);
	look.process = true;
	look.now_ms += ROLLOUT_TRY_MS - 1000;
	ok(!step(&r, &look).rests, "a slow one has its time");
	look.now_ms += 1000;
	ok(step(&r, &look).rests && r.trial.failed == 2, "and no more");
}

/* A new card may fetch its store for an hour, and wait for a majority for a night. */
static void test_patient(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	install(&r, &look);
	for (int i = 0; i < 3; i++) {
		look.now_ms += ROLLOUT_TRY_MS;
		step(&r, &look);
	}
	ok(!r.trial.failed, "one that may not run yet has not failed");
	look.process = look.copies = true;
	for (int i = 0; i < 3; i++) {
		look.now_ms += ROLLOUT_TRY_MS;
		step(&r, &look);
	}
	ok(!r.trial.failed, "nor has one that copies a store");
	look.copies = false;
	look.now_ms += ROLLOUT_TRY_MS - 1000;
	ok(!step(&r, &look).rests, "then it has its time");
	look.now_ms += 1000;
	ok(step(&r, &look).rests && r.trial.failed == 2, "and no more");
}

static struct rollout_word fail_to_install(
	struct rollout *r, struct rollout_look *look, const char *why)
{
	look->turn = true;
	step(r, look);
	look->process = look->serves = false;
	step(r, look);
	look->result = -1;
	look->result_why = why;
	return step(r, look);
}

static void test_not_installed(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	struct rollout_word w = fail_to_install(&r, &look, "no space left");
	ok(w.orders && r.trial.what == ENACT_BEFORE && r.trial.failed == 2,
		"what cannot be installed is taken back, too");
	is_str(r.trial.why, "no space left", "and why");
	look.result = -1;
	step(&r, &look);
	look.result = 0;
	ok(!step(&r, &look).rests, "nothing was touched: Neo4j starts");
}

static void test_held(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	look.ready = false;
	look.obstacle = "takes it from another member";
	ok(!step(&r, &look).wants, "not before it is here");
	is_str(r.why, "generation 2: takes it from another member", "which it says");
	look.ready = true;
	look.spoiler = "pi2";
	ok(!step(&r, &look).wants, "not when it failed elsewhere");
	is_str(r.why, "generation 2 did not come up on pi2", "which it says");
	look = decided();
	look.goal = 1;
	ok(!step(&r, &look).wants, "not when it was withdrawn");
	look = decided();
	look.runs = 3;
	ok(!step(&r, &look).wants, "a newer card is left alone");
}

static void test_withdrawn(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	look.runs = 2;
	look.goal = 1;
	struct rollout_word w = step(&r, &look);
	ok(w.wants && !w.quiet, "one that came up where it was withdrawn goes back in its turn");
	look.turn = true;
	step(&r, &look);
	look.process = look.serves = false;
	w = step(&r, &look);
	ok(w.orders && r.trial.what == ENACT_BEFORE && r.trial.generation == 2, "to what it had");
	look.result = -1; /* a card that was built with it */
	look.result_why = "what was there before is not here";
	step(&r, &look);
	look.result = 0;
	w = step(&r, &look);
	ok(!w.rests && !w.wants,
		"where nothing was before it stays, and the others have their turns");
	look.process = look.serves = true;
	for (int i = 0; i < 5; i++)
		w = step(&r, &look);
	ok(!w.rests && !w.wants && !w.orders, "for good");
	is_str(r.why, "generation 2 is withdrawn, but stays: what was there before is not here",
		"which it says");
	look.goal = look.newest = 3;
	ok(step(&r, &look).wants, "until a newer one comes");
}

/* It came up here, and was withdrawn while this node was away; so was the next one. */
static struct rollout_look away(void)
{
	struct rollout_look look = decided();

	look.runs = 2;
	look.goal = 1;
	look.newest = 3;
	return look;
}

static void test_withdrawn_while_away(void)
{
	struct rollout r = begin();
	struct rollout_look look = away();

	ok(!step(&r, &look).wants && !r.why[0], "what others do not run alone is no reason");
	look.outruns = true;
	ok(step(&r, &look).wants, "one that most others have left goes back, too");
	look.turn = true;
	step(&r, &look);
	look.process = look.serves = false;
	struct rollout_word w = step(&r, &look);
	ok(w.orders && r.trial.what == ENACT_BEFORE && r.trial.generation == 2,
		"from the one that runs, not from the newest");
	look.result = 1;
	look.runs = 1;
	look.outruns = false;
	step(&r, &look);
	look.result = 0;
	look.process = look.serves = true;
	step(&r, &look);
	w = step(&r, &look);
	ok(w.proven && !w.wants && !r.why[0], "to what they run: done");

	look = away();
	look.goal = 0;
	look.outruns = true;
	ok(step(&r, &look).wants, "also where all run what their cards were built with");
	look.runs = 4;
	ok(!step(&r, &look).wants, "a newer card is left alone");
	look.runs = 2;
	look.goal = look.newest;
	look.ready = false;
	ok(!step(&r, &look).wants, "and whoever is to go on does not go back first");
}

/* It stops for the way back, and what was before is gone: it goes on with what is there. */
static void find_nothing_kept(struct rollout *r, struct rollout_look *look)
{
	step(r, look);
	look->process = look->serves = false;
	step(r, look);
	look->result = -1;
	look->result_why = "what was there before is not here";
	step(r, look);
	look->result = 0;
	look->process = look->serves = true;
}

/* The next one failed here, and what was before the one that it leads back to is gone. */
static void test_away_and_stays(void)
{
	struct rollout r = begin();
	struct rollout_look look = away();

	r.trial.failed = 3;
	why_copy(r.trial.why, "its own reason");
	look.outruns = true;
	look.turn = true;
	find_nothing_kept(&r, &look);
	for (int i = 0; i < 5; i++)
		ok(!step(&r, &look).wants, "where nothing was kept it stays");
	is_str(r.trial.why, "its own reason", "why another one failed is not lost");
	is_str(r.why, "generation 2 is withdrawn, but stays: nothing is kept of before it",
		"and it says why it is where it is");
}

/* Withdrawn after it came up here, and the way back fails. */
static struct rollout_word fail_back(struct rollout *r, struct rollout_look *look)
{
	look->turn = true;
	step(r, look);
	look->process = look->serves = false;
	step(r, look);
	look->result = -1;
	look->passing = true;
	look->result_why = "no space left";
	step(r, look);
	look->result = 0;
	look->process = look->serves = true;
	look->turn = false;
	step(r, look);
	return step(r, look);
}

/* How long until it asks for a turn again. */
static int64_t pause_of(struct rollout *r, struct rollout_look *look)
{
	int64_t from = look->now_ms;

	while (!step(r, look).wants && look->now_ms - from < 3 * ROLLOUT_AGAIN_MAX_MS)
		;
	return look->now_ms - from;
}

static void test_way_back(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	look.runs = 2;
	look.goal = 1;
	struct rollout_word w = fail_back(&r, &look);
	ok(!w.wants && !w.rests && !w.orders, "a way back that fails for now: Neo4j goes on");
	is_str(r.why, "taking generation 2 back is tried again: no space left", "which it says");
	int64_t first = pause_of(&r, &look);
	ok(first > ROLLOUT_AGAIN_MS / 2 && first <= ROLLOUT_AGAIN_MS, "and asks again, in a while");
	is_str(r.why, "taking generation 2 back is tried again: no space left", "saying so still");
	fail_back(&r, &look);
	ok(pause_of(&r, &look) > first, "later the next time");
	for (int i = 0; i < 12; i++)
		fail_back(&r, &look), first = pause_of(&r, &look);
	ok(first <= ROLLOUT_AGAIN_MAX_MS, "but never too late");

	struct trial kept = r.trial;
	rollout_begin(&r, &kept, look.now_ms);
	ok(step(&r, &look).wants, "an agent that begins anew tries at once");
	look.turn = true;
	step(&r, &look);
	look.process = look.serves = false;
	w = step(&r, &look);
	ok(w.orders && r.trial.what == ENACT_BEFORE && r.trial.generation == 2, "the same way");
	look.result = 1;
	look.runs = 1;
	step(&r, &look);
	look.result = 0;
	step(&r, &look);
	look.process = look.serves = true;
	w = step(&r, &look);
	ok(w.proven && !w.wants && !r.trial.owed && !r.why[0], "and when it is done all is said");
}

/* It did not come up here, and some of its files are there still. */
static void test_way_back_of_failed(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	fail_to_install(&r, &look, "its own reason");
	look.passing = true;
	look.result_why = "no space left";
	step(&r, &look);
	look.result = 0;
	look.process = look.serves = true;
	look.turn = false;
	step(&r, &look);
	ok(!step(&r, &look).wants, "a failed one whose way back fails: Neo4j goes on");
	is_str(r.trial.why, "its own reason", "why it failed is not lost");
	ok(pause_of(&r, &look) <= ROLLOUT_AGAIN_MS, "and it is tried again");
	ok(r.trial.generation == 2, "for the same one");
	struct trial kept = r.trial;
	rollout_begin(&r, &kept, look.now_ms);
	look.goal = 1;
	ok(step(&r, &look).wants, "also when it was withdrawn, by an agent that began anew");
	look.goal = look.newest = 3;
	look.turn = true;
	step(&r, &look);
	look.process = false;
	struct rollout_word w = step(&r, &look);
	ok(w.orders && r.trial.what == ENACT_GENERATION && r.trial.generation == 3,
		"a newer one comes first");
	look.result = 1;
	look.runs = 3;
	step(&r, &look);
	ok(!r.trial.owed, "and has all the files");
}

/* A newer one that this node cannot take has no files for it. */
static void test_way_back_and_held(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	look.runs = 2;
	look.goal = 1;
	fail_back(&r, &look);
	look.goal = look.newest = 3;
	look.ready = false;
	look.obstacle = "it is for another Neo4j";
	ok(!step(&r, &look).wants, "a newer one that this node cannot take");
	is_str(r.why, "taking generation 2 back is tried again: no space left",
		"what is wrong comes first");
	ok(pause_of(&r, &look) <= ROLLOUT_AGAIN_MS, "keeps no way back from being tried again");
	look.turn = true;
	step(&r, &look);
	look.process = look.serves = false;
	ok(step(&r, &look).orders && r.trial.what == ENACT_BEFORE && r.trial.generation == 2,
		"of the one that is owed");
	look.result = 1;
	look.runs = 1;
	step(&r, &look);
	look.result = 0;
	look.process = look.serves = true;
	look.turn = false;
	step(&r, &look);
	ok(!step(&r, &look).wants && !r.trial.owed, "once");
	is_str(r.why, "generation 3: it is for another Neo4j", "then the newer one is told");
}

/* A card that was built with it: p3 remembers that it failed. */
static void test_failed_stays(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	r.trial.failed = look.runs = 2;
	why_copy(r.trial.why, "its own reason");
	look.goal = 1;
	look.turn = true;
	find_nothing_kept(&r, &look);
	step(&r, &look);
	ok(!step(&r, &look).wants, "one that failed on an earlier card is not taken back for ever");
	is_str(r.trial.why, "its own reason", "and others hear why it failed");
	is_str(r.why, "generation 2 is withdrawn, but stays: nothing is kept of before it",
		"while the node says why it stays");
}

static void test_old_card(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	look.process = look.serves = false;
	ok(!step(&r, &look).orders, "a node whose Neo4j rests waits for its turn, too");
	look.elsewhere = true;
	struct rollout_word w = step(&r, &look);
	ok(w.orders && w.rests, "but not for what has come up elsewhere");
}

static void test_power(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();
	struct rollout_word w;

	look.turn = true;
	step(&r, &look);
	look.process = look.serves = look.turn = false;
	step(&r, &look);
	struct trial kept = r.trial;
	look.serial = 88;
	rollout_begin(&r, &kept, 500000);
	look.now_ms = 500000;
	w = step(&r, &look);
	ok(w.rests && w.orders && r.trial.serial == 77,
		"an agent that ended while it was installed gives the same order again");
	look.result = 1;
	look.runs = 2;
	step(&r, &look);
	kept = r.trial;
	rollout_begin(&r, &kept, 0);
	look.result = 0;
	look.failures = 2;
	ok(step(&r, &look).rests && r.trial.failed == 2, "and one that began to prove it goes on");
	kept = r.trial;
	rollout_begin(&r, &kept, 0);
	look.failures = 0;
	ok(step(&r, &look).orders && r.trial.what == ENACT_BEFORE, "also with the way back");
}

/* Its power went while it was installed, and the card that came then was built with a newer one. */
static void test_newer_card(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();
	struct rollout_word w;

	install(&r, &look);
	for (int proves = 0; proves < 2; proves++) {
		struct trial kept = r.trial;
		kept.phase = proves ? ROLLOUT_PROVES : ROLLOUT_INSTALLS;
		rollout_begin(&r, &kept, 0);
		look.now_ms = 500;
		look.runs = 3;
		look.process = look.serves = false;
		w = step(&r, &look);
		ok(!w.orders && !w.rests && !w.wants && w.proven,
			"what a newer card overtook is not gone on with");
		ok(r.trial.phase == ROLLOUT_NONE && r.dirty && !r.trial.failed,
			"nor has it failed: the others keep it");
	}
}

/* The card that came is of another Neo4j, say: that is no fault of the generation's. */
static void test_unfit(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	look.unfit = true;
	struct rollout_word w = fail_to_install(&r, &look, "it is for another Neo4j");
	look.result = 0;
	look.unfit = false;
	ok(!w.orders && !r.trial.failed && r.dirty,
		"one that this card cannot have has not failed");
	for (int i = 0; i < 5; i++)
		w = step(&r, &look);
	ok(!w.wants && !w.rests && !w.orders && w.proven, "and is not tried again and again");
	is_str(r.why, "generation 2: it is for another Neo4j", "which the node says");
	look.goal = look.newest = 3;
	ok(step(&r, &look).wants, "another one is tried");
}

static void test_proxy(void)
{
	struct rollout r = begin();
	struct rollout_look look = decided();

	look.voter = look.neo4j_changes = look.process = false;
	ok(!step(&r, &look).orders, "a node without a vote waits");
	look.all_run = true;
	struct rollout_word w = step(&r, &look);
	ok(w.orders && !w.wants && !w.rests, "until all members run it, and needs no turn");
}

int main(void)
{
	test_turn();
	test_master();
	test_quiet();
	test_failure();
	test_slow();
	test_patient();
	test_not_installed();
	test_held();
	test_withdrawn();
	test_withdrawn_while_away();
	test_away_and_stays();
	test_way_back();
	test_way_back_of_failed();
	test_way_back_and_held();
	test_failed_stays();
	test_old_card();
	test_power();
	test_newer_card();
	test_unfit();
	test_proxy();
	return done();
}

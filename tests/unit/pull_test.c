/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When a generation is taken from another member, and what is told of it. The child that does, the
 * quorum and the other members are stand-ins.
 */
// use: node-agent/apply/apply.c node-agent/apply/rollout.c node-agent/apply/shelf.c
// use: node-agent/apply/record.c node-agent/identity.c node-agent/hello.c
// use: node-agent/quorum/wire.c node-agent/quorum/manifest.c
#include <stdlib.h>
#include "io.h"
#include "node-agent/apply/apply.h"
#include "fake_helper.h"
#include "tap.h"
#include "util.h"

static unsigned runs;
static void (*ended)(struct child *c, int status);

int child_run(struct child *c, struct loop *l, const char *const *argv, int input,
	void (*fn)(struct child *c, int status))
{
	(void)l;
	(void)argv;
	(void)input;
	c->pid = 1;
	ended = fn;
	runs++;
	return 0;
}

void child_reap(struct child *c)
{
	(void)c;
}

void child_close(struct child *c)
{
	(void)c;
}

bool peer_present(const struct peer *p)
{
	return p->heard_ms >= 0;
}

bool voter_belongs(const struct voter *v, const struct member *m)
{
	(void)v;
	(void)m;
	return true;
}

bool voter_votes(const struct voter *v, const struct member *m)
{
	(void)v;
	(void)m;
	return true;
}

void quorum_offer(struct quorum *q, const struct manifest *m)
{
	(void)q;
	(void)m;
}

const char *quorum_offer_obstacle(const struct quorum *q)
{
	(void)q;
	return NULL;
}

/* Whether it takes one when the last try was that long ago. */
static bool takes(struct apply *a, int64_t after_ms)
{
	const struct apply_look look = {.there = true, .serves = true};
	unsigned before = runs;

	a->pull_ms = boottime_ms() - after_ms;
	ok(!apply_step(a, &look), "a round");
	return runs > before;
}

static void ends(struct apply *a, int status)
{
	a->pull.pid = 0;
	buf_add(&a->pull.text, "bramble-agent: damaged\n", 23);
	ended(&a->pull, status);
}

static const char *told(const struct apply *a)
{
	static char why[WHY_SIZE];

	why[0] = '\0';
	apply_why(a, true, why);
	return why;
}

static void test_pause(struct apply *a)
{
	static const int64_t pauses[] = {3000, 6000, 12000, 24000, 48000, 60000, 60000};

	ok(takes(a, 100000), "what another member has is taken");
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		ends(a, 1 << 8);
		ok(!takes(a, pauses[i] / 2), "after %zu failures: not yet", i + 1);
		ok(takes(a, pauses[i]), "but after %d s", (int)(pauses[i] / 1000));
	}
	ends(a, 1 << 8);
}

static void test_other(struct apply *a, struct peer *giver)
{
	is_str(told(a), "generation 7: damaged", "why it cannot be taken is told");
	giver->heard_ms = -1;
	ok(!takes(a, 100000), "the only one who has it goes,");
	is_str(told(a), "", "and nothing is told of what nobody wants");
	giver->heard_ms = 1;
	ok(!takes(a, 10000), "the same again is not taken sooner");
	giver->last.word.stored = 8;
	ok(takes(a, 3000), "another one is");
	ends(a, 0);
	ok(takes(a, 3000), "and no success is followed by a long pause");
}

int main(void)
{
	static struct identity id = {.nmembers = 2,
		.members = {{.name = "pi1", .id = 1, .roles = ROLE_DATA | ROLE_VOTER},
			{.name = "pi2", .id = 2, .roles = ROLE_DATA | ROLE_VOTER}}};
	static struct peers peers;
	static struct voter voter = {.enabled = true, .begun = true};
	char root[] = "/tmp/pull.XXXXXX";
	struct err e;

	if (!mkdtemp(root))
		return 1;
	peers.n = 1;
	peers.peer[0] = (struct peer){.member = &id.members[1], .last.word.stored = 7};
	struct apply a = {.id = &id, .voter = &voter, .peers = &peers, .root = root};
	a.loop = loop_new(&e);
	loop_timer_init(&a.pull.timeout, NULL);
	apply_open(&a);
	test_pause(&a);
	test_other(&a, &peers.peer[0]);
	apply_close(&a);
	loop_free(a.loop);
	(void)!io_remove_tree(root, &e);
	return done();
}

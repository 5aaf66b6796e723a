/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs schedules of faults on the formation rules: sim_test [-a|-b|-e|-l|-o] [-f FAULTS]
 * [SEEDS [FIRST]], and sim_test [-a|-b|-e|-l|-o] [-f FAULTS] -v SEED tells one. Each schedule ends
 * with everything healed and powered: then a cluster must be there, unless the rules forbid it.
 * Prints TAP.
 *
 * With each fault that the table gets a seed becomes another schedule. -f takes the table's first
 * ones only, to play a schedule of before. -a, -b, -e and -o play one story each (play_at_once,
 * play_without_master, play_emptied, play_one_ends) instead of faults;
 * -l plays them with a card that lies (play_forgetful).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "world.h"

struct fault {
	const char *name;
	unsigned weight;
	void (*strike)(struct world *w, unsigned id);
};

static void heal(struct world *w)
{
	memset(w->cut, 0, sizeof(w->cut));
}

static void strike_cut(struct world *w, unsigned id)
{
	node_cut(w, id);
}

static void strike_cut_all(struct world *w, unsigned id)
{
	(void)id;
	for (unsigned i = 1; i <= w->n; i++)
		node_cut(w, i);
}

static void strike_boot(struct world *w, unsigned id)
{
	node_boot(w, id);
}

static void strike_boot_all(struct world *w, unsigned id)
{
	(void)id;
	for (unsigned i = 1; i <= w->n; i++)
		node_boot(w, i);
}

static void strike_wipe(struct world *w, unsigned id)
{
	node_wipe(w, id);
}

/* Both ways, between id's side and the rest. */
static void strike_partition(struct world *w, unsigned id)
{
	uint64_t side = world_random(w, UINT64_C(1) << (w->n + 1)) | UINT64_C(1) << id;

	world_log(w, "partition %llx", (unsigned long long)side);
	for (unsigned a = 1; a <= w->n; a++) {
		for (unsigned b = 1; b <= w->n; b++)
			w->cut[a][b] = (side >> a & 1) != (side >> b & 1);
	}
}

/* One pair only: each of them still hears the others. */
static void strike_link(struct world *w, unsigned id)
{
	unsigned other = 1 + (unsigned)world_random(w, w->n);

	world_log(w, "no way between %u and %u", id, other);
	w->cut[id][other] = w->cut[other][id] = other != id;
}

static void strike_heal(struct world *w, unsigned id)
{
	(void)id;
	world_log(w, "network heals");
	heal(w);
	w->loss = 0;
	w->delay_ms = 0;
}

static void strike_noise(struct world *w, unsigned id)
{
	(void)id;
	w->loss = (unsigned)world_random(w, 500);
	w->delay_ms = (unsigned)world_random(w, 2500);
	world_log(w, "loss %u/1000, delay to %u ms", w->loss, w->delay_ms);
}

static void strike_agent_hangs(struct world *w, unsigned id)
{
	w->node[id].hung_ms = w->now_ms + (int64_t)world_random(w, 40000);
	world_log(w, "%u: agent hangs", id);
}

static void strike_agent_restarts(struct world *w, unsigned id)
{
	struct node *n = &w->node[id];

	if (!n->on)
		return;
	world_log(w, "%u: agent restarts", id);
	n->life++;
	n->wedge = (struct wedge){0};
	n->began = true;
	n->hung_ms = 0;
	memset(n->heard, 0, sizeof(n->heard));
	quorum_begin(&n->quorum, id, &n->expected, &n->card.durable, w->now_ms);
}

static void strike_neo4j_dies(struct world *w, unsigned id)
{
	neo4j_kill(w, id);
}

static void strike_neo4j_hangs(struct world *w, unsigned id)
{
	w->node[id].neo4j.hung_ms = w->now_ms + (int64_t)world_random(w, 40000);
	world_log(w, "%u: Neo4j hangs", id);
}

static void strike_lag(struct world *w, unsigned id)
{
	w->node[id].neo4j.lags_ms = w->now_ms + (int64_t)world_random(w, 20000);
	world_log(w, "%u: its Neo4j gets nothing from its master for a while", id);
}

/* Neo4j's timers follow the wall clock: a step forward makes all others look failed. */
static void strike_clock(struct world *w, unsigned id)
{
	memset(w->node[id].neo4j.met_ms, 0, sizeof(w->node[id].neo4j.met_ms));
	world_log(w, "%u: the wall clock steps", id);
}

/*
 * A step back ends all detection of failures (clock/clock.h), for as long as it is wide. The
 * agent's answer to it, an orderly restart when all others are well, is left out: the quorum's
 * rules must hold without.
 */
static void strike_clock_back(struct world *w, unsigned id)
{
	w->node[id].neo4j.blind = true;
	world_log(w, "%u: the wall clock goes back ten years", id);
}

static void strike_late(struct world *w, unsigned id)
{
	w->node[id].joins_ms = w->now_ms + (int64_t)world_random(w, 60000);
	world_log(w, "%u: its Neo4j joins nobody for a while", id);
}

static void strike_guard_late(struct world *w, unsigned id)
{
	w->node[id].late_ms = (int64_t)world_random(w, QUORUM_STOP_MS - TICK_MS);
	world_log(w, "%u: bramble-guard is late", id);
}

/* Somebody changes it in Neo4j's Browser; at the end a person tells the agents (`bramble passwd`).
 */
static void strike_password(struct world *w, unsigned id)
{
	w->node[id].refuses = true;
	world_log(w, "%u: Neo4j refuses the agents' password", id);
}

/* A person loses patience with one that is away. */
static void strike_give_up(struct world *w, unsigned id)
{
	struct idset lost = {0};

	if (w->node[id].on)
		return;
	idset_add(&lost, id);
	node_told(w, 1 + (unsigned)world_random(w, w->n), &lost);
}

static void strike_apply(struct world *w, unsigned id)
{
	generation_offer(w, id);
}

static void strike_grow(struct world *w, unsigned id)
{
	generation_grow(w, id);
}

static void strike_shrink(struct world *w, unsigned id)
{
	generation_shrink(w, id);
}

static const struct fault faults[] = {
	{"cut", 10, strike_cut},
	{"boot", 14, strike_boot},
	{"boot all", 4, strike_boot_all},
	{"cut all", 2, strike_cut_all},
	{"wipe", 2, strike_wipe},
	{"partition", 6, strike_partition},
	{"link", 4, strike_link},
	{"heal", 8, strike_heal},
	{"noise", 4, strike_noise},
	{"agent hangs", 4, strike_agent_hangs},
	{"agent restarts", 4, strike_agent_restarts},
	{"neo4j dies", 4, strike_neo4j_dies},
	{"neo4j hangs", 3, strike_neo4j_hangs},
	{"clock", 2, strike_clock},
	{"give up", 3, strike_give_up},
	{"apply", 4, strike_apply},
	{"clock back", 2, strike_clock_back},
	{"node add", 4, strike_grow},
	{"node remove", 3, strike_shrink},
	{"slave lags", 4, strike_lag},
	{"joins late", 4, strike_late},
	{"guard late", 4, strike_guard_late},
	{"password", 2, strike_password},
};

#define NFAULTS (sizeof(faults) / sizeof(faults[0]))

/* One of the first nfaults. */
static void strike(struct world *w, size_t nfaults)
{
	unsigned total = 0;
	size_t i = 0;

	for (size_t k = 0; k < nfaults; k++)
		total += faults[k].weight;
	uint64_t r = world_random(w, total);
	while (r >= faults[i].weight)
		r -= faults[i++].weight;
	faults[i].strike(w, 1 + (unsigned)world_random(w, w->n));
}

static bool formed(const struct world *w)
{
	unsigned closed = 0, masters = 0;

	for (unsigned id = 1; id <= w->n; id++) {
		closed += world_member(w, id) && !w->node[id].open && !w->node[id].arbiter;
		masters += w->node[id].writable && neo4j_commits(w, id);
	}
	return masters == 1 && !closed;
}

/* Who is not where it should be. */
static void tell_missing(const struct world *w)
{
	for (unsigned i = 0; i < w->newest.n; i++) {
		const struct manifest_member *m = &w->newest.member[i];
		const struct node *n = &w->node[m->id];
		const struct durable *d = &n->card.durable;
		if (n->open)
			continue;
		world_log(w, "%u is closed, %s%s%s%s: %s", m->id, n->on ? "on" : "off",
			m->incarnation ? "" : ", without a vote", m->newcomer ? ", new" : "",
			m->readmitted ? ", readmitted" : "", n->why ? n->why : "");
		world_log(w, "%u's store%s follows %llu of %u, followed %llu of %u, may have %llu",
			m->id, n->card.served ? "" : ", half-made,",
			(unsigned long long)d->basis.term, d->basis.id,
			(unsigned long long)d->followed.term, d->followed.id,
			(unsigned long long)d->touched.term);
	}
}

static void run_for(struct world *w, int64_t ms)
{
	for (int64_t end = w->now_ms + ms; w->now_ms < end && !w->violation[0];)
		world_step(w);
}

static bool run_until_formed(struct world *w, int64_t ms)
{
	for (int64_t end = w->now_ms + ms; w->now_ms < end && !w->violation[0];) {
		world_step(w);
		if (formed(w))
			return true;
	}
	return false;
}

/* Longer than any of the rules' times: nobody may end a Neo4j with which nothing is wrong. */
static void stay_calm(struct world *w)
{
	for (int64_t end = w->now_ms + 2 * QUORUM_WEDGE_MS; w->now_ms < end && !w->violation[0];) {
		world_step(w);
		if (!formed(w))
			world_violated(w, "all was well, and the cluster did not last");
	}
}

/* All, in any order; skew_ms is a multiple of STEP_MS. */
static void boot_within(struct world *w, int64_t skew_ms)
{
	int64_t at[NODES + 1];

	for (unsigned id = 1; id <= w->n; id++)
		at[id] = (int64_t)world_random(w, (uint64_t)skew_ms);
	for (int64_t t = 0; t <= skew_ms; t += STEP_MS) {
		for (unsigned id = 1; id <= w->n; id++) {
			if (!w->node[id].on && at[id] <= t && at[id] > t - STEP_MS)
				node_boot(w, id);
		}
		world_step(w);
	}
}

static void power_on(struct world *w)
{
	boot_within(w, world_random(w, 4) == 0 ? 120000 : 20000);
}

static void all_well(struct world *w)
{
	heal(w);
	w->loss = w->delay_ms = 0;
	w->crash_on_save = false;
	for (unsigned id = 1; id <= w->n; id++) {
		w->node[id].hung_ms = w->node[id].neo4j.hung_ms = 0;
		w->node[id].neo4j.lags_ms = w->node[id].joins_ms = 0;
		w->node[id].late_ms = 0;
		w->node[id].refuses = false;
		node_boot(w, id);
	}
}

/*
 * May the cluster hold? A lost card may have been the last master's, or one too many; one that was
 * given up too early may have been.
 */
static bool may_hold(const struct world *w)
{
	return w->wipes > 0 || w->told;
}

/*
 * Does everybody hold, though no card was lost? Right after a change of masters a store may hold
 * what nobody can tell from a branch; a person has to look. Rare: main() counts.
 */
#define HELD_ONE_IN 2000
static bool all_hold(const struct world *w)
{
	for (unsigned id = 1; id <= w->n; id++) {
		const char *why = w->node[id].why;
		if (!world_voter(w, id))
			continue;
		if (!why || strncmp(why, "held: ", 6) != 0)
			return false;
	}
	return true;
}

static struct idset all_but(const struct world *w, unsigned id)
{
	const struct manifest *m = quorum_members(&w->node[id].quorum);
	struct idset s = {0};

	for (unsigned i = 0; i < m->n; i++) {
		if (m->member[i].id != id)
			idset_add(&s, m->member[i].id);
	}
	return s;
}

/*
 * A person reads whose stores are missed, and gives them up; if nobody's is known to be good, all
 * but one.
 */
static bool give_up_missing(struct world *w, bool all)
{
	for (unsigned id = 1; id <= w->n; id++) {
		const struct node *n = &w->node[id];
		struct idset lost = all ? all_but(w, id) : n->missing;
		if (world_member(w, id) && n->on && !n->arbiter && idset_count(&lost) &&
			!idset_has(&lost, id) && node_told(w, id, &lost))
			return true;
	}
	return false;
}

static void resolve(struct world *w)
{
	for (unsigned i = 0; i < 3; i++) {
		if (give_up_missing(w, false) && run_until_formed(w, 900000))
			return;
	}
	if (!give_up_missing(w, true))
		world_violated(w, "no cluster, and nothing to be given up for one");
	else if (!run_until_formed(w, 900000))
		world_violated(w, "what is missed was given up, and no cluster");
}

#define SETTLE_MS 120000 /* a newcomer copies its store first, one that goes stops */

/* Nobody needs the PC that began it. */
static void settle(struct world *w)
{
	for (int64_t end = w->now_ms + SETTLE_MS; !generation_settled(w) && !w->violation[0];) {
		if (w->now_ms >= end)
			world_violated(w, "a generation was left half-way");
		world_step(w);
	}
}

typedef void schedule(struct world *w, uint64_t seed, size_t nfaults);

static void play_on(struct world *w, size_t nfaults)
{
	bool calm = world_random(w, 8) == 0; /* nothing goes wrong until the first cluster */
	w->crash_on_save = !calm && world_random(w, 4) == 0;
	power_on(w);
	if (calm && !run_until_formed(w, 90000))
		world_violated(w, "all members were there, and no cluster");
	if (world_random(w, 8) == 0 && formed(w))
		stay_calm(w);
	int64_t end = w->now_ms + 20000 + (int64_t)world_random(w, 200000);
	while (w->now_ms < end && !w->violation[0]) {
		run_for(w, (int64_t)world_random(w, world_random(w, 3) ? 20000 : 3000));
		strike(w, nfaults);
	}
	world_log(w, "all is well");
	all_well(w);
	if (run_until_formed(w, 900000)) {
		settle(w);
		return;
	}
	w->asked = true;
	tell_missing(w);
	w->held = !may_hold(w);
	if (w->held && !all_hold(w))
		world_violated(w, "all is well, and no cluster");
	else
		resolve(w);
}

static void play_faults(struct world *w, uint64_t seed, size_t nfaults)
{
	world_begin(w, seed);
	play_on(w, nfaults);
}

/*
 * Likewise, with one card that confirms what it has not kept yet, and forgets it when its power
 * goes. No agreement is safe then: this tells how seldom that matters, and fails.
 */
static void play_forgetful(struct world *w, uint64_t seed, size_t nfaults)
{
	world_begin(w, seed);
	w->forgetful = 1 + (unsigned)(seed % w->n);
	play_on(w, nfaults);
}

static unsigned writable(const struct world *w)
{
	for (unsigned id = 1; id <= w->n; id++) {
		if (w->node[id].writable && neo4j_commits(w, id))
			return id;
	}
	return 0;
}

static bool run_until_writable(struct world *w, int64_t ms)
{
	for (int64_t end = w->now_ms + ms; w->now_ms < end && !writable(w) && !w->violation[0];)
		world_step(w);
	return writable(w) != 0;
}

/*
 * What tests/cluster/quorum_test.sh does with real machines, at other moments each time: two of
 * three start, the slave goes, the master's card is emptied, and the third comes, which was away.
 * These two must not start; with the one that went they must, though a card was lost.
 */
static void play_emptied(struct world *w, uint64_t seed, size_t nfaults)
{
	(void)nfaults;
	do
		world_begin(w, seed++);
	while (w->n != 3 || w->node[3].arbiter);
	strike_boot_all(w, 0);
	if (!run_until_formed(w, 120000))
		world_violated(w, "three machines, and no cluster");
	run_for(w, 2000 + (int64_t)world_random(w, 5000));
	strike_cut_all(w, 0);
	node_boot(w, 1);
	node_boot(w, 2);
	if (!run_until_writable(w, 300000))
		world_violated(w, "two of three, and no cluster");
	unsigned master = writable(w), slave = 3 - master;
	run_for(w, (int64_t)world_random(w, 10000));
	node_cut(w, slave);
	run_for(w, 20000);
	node_wipe(w, master);
	node_boot(w, master);
	node_boot(w, 3);
	if (run_until_writable(w, 60000 + (int64_t)world_random(w, 60000)))
		world_violated(w, "a cluster of an empty card and one that was away");
	node_boot(w, slave);
	if (!run_until_formed(w, 420000))
		world_violated(w, "one has it all, and no cluster");
}

/* The writer's next write goes to these alone, and is acknowledged all the same. */
static void write_on(struct world *w, const struct idset *some)
{
	unsigned before = w->writes;

	for (unsigned id = 1; id <= w->n; id++)
		w->node[id].neo4j.lags_ms = idset_has(some, id) ? 0 : w->now_ms + 2 * TICK_MS;
	for (int64_t end = w->now_ms + 2 * TICK_MS; w->now_ms < end && w->writes == before;)
		world_step(w);
}

static void write_alone(struct world *w, unsigned master)
{
	struct idset alone = {0};

	idset_add(&alone, master);
	write_on(w, &alone);
}

/* ... to the master and as many others as make a majority of the data nodes with it. */
static void write_on_majority(struct world *w, unsigned master)
{
	unsigned first = 1 + (unsigned)world_random(w, w->n), data = 0;
	struct idset s = {0};

	for (unsigned id = 1; id <= w->n; id++)
		data += !w->node[id].arbiter;
	idset_add(&s, master);
	for (unsigned i = 0; i < w->n && idset_count(&s) < data / 2 + 1; i++) {
		unsigned id = 1 + (first + i) % w->n;
		if (!w->node[id].arbiter)
			idset_add(&s, id);
	}
	write_on(w, &s);
}

static void end_all_neo4js(struct world *w)
{
	bool in_order = world_random(w, 2);

	for (unsigned id = 1; id <= w->n; id++) {
		if (in_order)
			neo4j_leave(w, id);
		else
			neo4j_kill(w, id);
	}
}

static void cut_and_boot_all(struct world *w)
{
	strike_cut_all(w, 0);
	boot_within(w, 1000 * (int64_t)world_random(w, 31));
}

/*
 * What tests/cluster/restart_test.sh does with real machines: all Neo4js end at one moment, or all
 * power. The last write is on one store only; but all are there afterwards, and nothing is to be
 * lost.
 */
static void play_at_once(struct world *w, uint64_t seed, size_t nfaults)
{
	(void)nfaults;
	world_begin(w, seed);
	strike_boot_all(w, 0);
	for (unsigned i = 0; i < 4; i++) {
		if (!run_until_formed(w, 240000)) {
			world_violated(w, "all were there, and no cluster");
			return;
		}
		if (world_random(w, 2)) /* the lowest number is not always master */
			neo4j_kill(w, writable(w));
		run_for(w, (int64_t)world_random(w, 60000));
		unsigned master = writable(w);
		if (!master)
			continue;
		write_alone(w, master);
		if (world_random(w, 2))
			end_all_neo4js(w);
		else
			cut_and_boot_all(w);
		for (unsigned id = 1; id <= w->n; id++)
			strike_late(w, id);
		if (!run_until_formed(w, 240000)) {
			world_violated(w, "all ended at one moment, and no cluster");
			return;
		}
		writer_audit_all(w, writable(w));
	}
}

/* The first seed's cluster that has three members or more, some time after; its master, or 0. */
static unsigned form_three_or_more(struct world *w, uint64_t seed)
{
	do
		world_begin(w, seed++);
	while (w->n < 3);
	strike_boot_all(w, 0);
	if (!run_until_formed(w, 240000))
		world_violated(w, "all were there, and no cluster");
	run_for(w, 1000 + (int64_t)world_random(w, 20000));
	return writable(w);
}

/*
 * All power goes at one moment, and the master's comes not back: the last write is on as many as
 * must have it, and any of these may be slow.
 */
static void play_without_master(struct world *w, uint64_t seed, size_t nfaults)
{
	unsigned master = form_three_or_more(w, seed);

	(void)nfaults;
	if (!master)
		return;
	write_on_majority(w, master);
	strike_cut_all(w, 0);
	for (unsigned id = 1; id <= w->n; id++) {
		/* Once the master was waited for, and what it might still run is over. */
		w->node[id].joins_ms = w->now_ms + QUORUM_GRACE_MS + QUORUM_OVER_MS +
				       (int64_t)world_random(w, 60000);
		if (id != master)
			node_boot(w, id);
	}
	if (!run_until_writable(w, 600000))
		world_violated(w, "only the master is away, and no cluster");
	node_boot(w, master);
	if (!run_until_formed(w, 240000))
		world_violated(w, "the master is back, and no cluster");
}

/*
 * The master's Neo4j ends alone, has a write more than the others, and takes its time to come back:
 * these have lived through it, and do not wait.
 */
static void play_one_ends(struct world *w, uint64_t seed, size_t nfaults)
{
	unsigned master = form_three_or_more(w, seed);

	(void)nfaults;
	if (!master)
		return;
	write_alone(w, master);
	neo4j_kill(w, master);
	run_for(w, 2000);
	w->node[master].neo4j.ready_ms = w->now_ms + 60000; /* its JVM boots */
	if (!run_until_writable(w, 25000))
		world_violated(w, "one Neo4j ended, and the others wait for it");
	else if (!run_until_formed(w, 120000))
		world_violated(w, "one Neo4j ended, and is not taken back");
}

static int tell_one(uint64_t seed, size_t nfaults, schedule *play)
{
	static struct world w;

	w.log = stdout;
	play(&w, seed, nfaults);
	printf("# %u members, %u writes, %s\n", w.n, w.writes,
		w.violation[0] ? w.violation : "all well");
	return w.violation[0] != '\0';
}

#ifndef BAD_MAX /* so many are told */
#define BAD_MAX 10
#endif

static int play_all(uint64_t first, uint64_t n, size_t nfaults, schedule *play)
{
	static struct world w;
	uint64_t writes = 0, bad = 0, held = 0, asked = 0, forgot = 0;

	for (uint64_t seed = first; seed < first + n && bad < BAD_MAX; seed++) {
		play(&w, seed, nfaults);
		writes += w.writes;
		forgot += w.forgot;
		asked += w.asked;
		held += w.held;
		if (w.held)
			printf("# seed %llu (%u members): held\n", (unsigned long long)seed, w.n);
		if (!w.violation[0])
			continue;
		bad++;
		printf("# seed %llu (%u members): %s\n", (unsigned long long)seed, w.n,
			w.violation);
	}
	world_end(&w);
	if (forgot)
		printf("# a card forgot what it had confirmed %llu times\n",
			(unsigned long long)forgot);
	if (held * HELD_ONE_IN > n)
		bad++;
	printf("%sok 1 - %llu schedules, %llu writes acknowledged, %llu left for a person, "
	       "%llu of these though no card was lost\n1..1\n",
		bad ? "not " : "", (unsigned long long)n, (unsigned long long)writes,
		(unsigned long long)asked, (unsigned long long)held);
	return bad != 0;
}

int main(int argc, char **argv)
{
	size_t nfaults = NFAULTS;
	schedule *play = play_faults;
	uint64_t at[2] = {1000, 0};
	int c;

	while ((c = getopt(argc, argv, "abelof:v:")) != -1) {
		if (c == 'v')
			return tell_one(strtoull(optarg, NULL, 10), nfaults, play);
		if (c == 'a')
			play = play_at_once;
		else if (c == 'b')
			play = play_without_master;
		else if (c == 'o')
			play = play_one_ends;
		else if (c == 'e')
			play = play_emptied;
		else if (c == 'l')
			play = play_forgetful;
		else if (c != 'f' || !(nfaults = strtoull(optarg, NULL, 10)) || nfaults > NFAULTS)
			return 2;
	}
	for (unsigned i = 0; i < 2 && optind < argc; i++)
		at[i] = strtoull(argv[optind++], NULL, 10);
	return play_all(at[1], at[0], nfaults, play);
}

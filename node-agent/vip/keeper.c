/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include "../discover/interfaces.h"
#include "../helper/helper_vip.h"
#include "keeper.h"
#include "log.h"
#include "util.h"

#define STATS_PORT 8080
#define PROBE_MS 1000
#define PROBE_TIMEOUT_MS 3000
#define BODY_MAX 4096

#define AGAIN_MS 1000
#define LOOK_MS 2000     /* between looks at what the kernel has */
#define ANNOUNCE_FIRST 4 /* times, a second apart */
#define ANNOUNCE_MS (HELPER_VIP_S * 1000 / 3)
#define FAILED_MS 30000 /* a node on which it cannot be set lets others have it */

static void probe_done(void *arg, const struct http_result *r)
{
	struct vip_keeper *k = arg;
	bool answers = r->status != 0;

	if (answers != k->answers)
		log_info("proxy: %s", answers ? "answers" : r->why);
	k->answers = answers;
}

static void probe(struct vip_keeper *k, int64_t now_ms)
{
	if (http_client_busy(k->probe) || now_ms < k->probe_ms)
		return;
	k->probe_ms = now_ms + PROBE_MS;
	http_client_send(k->probe, "GET", "/health", "", "", PROBE_TIMEOUT_MS, probe_done, k);
}

/*
 * Of the voters, those who take this Pi for the node it says it is: where a card was copied, both
 * are heard, and one of them is refused by whoever hears the other. By a majority, for a single
 * one may mistake the copy for the original. A node without a vote does not know who was given up:
 * one that leads does.
 */
static bool hears_majority(const struct vip_keeper *k)
{
	size_t heard = 0, all = 0;

	for (size_t i = 0; i < k->id->nmembers; i++) {
		const struct member *m = &k->id->members[i];
		const struct peer *p = peers_find(k->peers, m);
		if (!(m->roles & ROLE_VOTER) || !voter_votes(k->voter, m))
			continue;
		all++;
		heard += !p || (peer_present(p) && !peer_recently(p->refused_ms));
	}
	return heard > all / 2 || (!k->voter->enabled && voter_peer_leads(k->peers));
}

static size_t collect(const struct vip_keeper *k, struct vip_peer to[MEMBERS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < k->peers->n; i++) {
		const struct peer *p = &k->peers->peer[i];
		if (p->member->roles & ROLE_PROXY)
			to[n++] = (struct vip_peer){.name = p->member->name,
				.present = peer_present(p),
				.stands = p->last.flags & HELLO_STANDS,
				.holds = p->last.flags & HELLO_HOLDS};
	}
	return n;
}

static void decide(struct vip_keeper *k, int64_t now_ms)
{
	struct vip_peer peers[MEMBERS_MAX];
	bool failed = k->failed_ms && now_ms < k->failed_ms + FAILED_MS;
	struct vip_look look = {
		.up_ms = now_ms - k->begun_ms,
		.self = identity_self(k->id)->name,
		.serves = k->answers && !failed && !k->peers->asks,
		.majority = hears_majority(k) && !k->mute,
		.peers = peers,
		.npeers = collect(k, peers),
	};
	bool held = k->vip.holds;

	vip_step(&k->vip, &look);
	if (failed || k->retires)
		k->vip.stands = k->vip.holds = false;
	if (held != k->vip.holds)
		log_info("the floating address: %s", k->vip.holds ? "taken" : "given up");
}

static void on_answer(void *arg, int code, const char *text)
{
	struct vip_keeper *k = arg;

	if (k->asked)
		k->failed_ms = code ? boottime_ms() : 0;
	if (code)
		log_warn("the floating address cannot be %s: %.*s", k->asked ? "set" : "removed",
			(int)strcspn(text, "\n"), text);
	else if (k->stray.s_addr)
		log_info("the floating address of before, %s: taken off", inet_ntoa(k->stray));
	if (k->retires)
		k->retired(k->arg);
}

static void ask(struct vip_keeper *k, int64_t now_ms)
{
	struct helper_request r = {.verb = HELPER_VIP, .vip.hold = k->vip.holds};
	bool moves = k->asked != k->vip.holds;

	k->asked = k->vip.holds;
	k->told = moves ? 1 : k->told + 1;
	k->asked_ms = now_ms;
	k->stray = interfaces_stray(k->id->vip);
	helper_ask(&k->helper, &r, on_answer, k);
}

/*
 * Is what the kernel has not what was decided, or of a node.conf before this one? Others configure
 * interfaces too.
 */
static bool is_wrong(struct vip_keeper *k, int64_t now_ms)
{
	if (now_ms < k->look_ms)
		return false;
	k->look_ms = now_ms + LOOK_MS;
	return k->vip.holds != interfaces_have(k->id->vip) ||
	       interfaces_stray(k->id->vip).s_addr != 0;
}

/* Is it not as it should be, or to be announced again? */
static bool is_due(struct vip_keeper *k, int64_t now_ms)
{
	int64_t ago_ms = now_ms - k->asked_ms;

	if (k->asked != k->vip.holds)
		return true;
	if (k->vip.holds && ago_ms >= (k->told < ANNOUNCE_FIRST ? AGAIN_MS : ANNOUNCE_MS))
		return true;
	return ago_ms >= AGAIN_MS && is_wrong(k, now_ms);
}

static void obey(struct vip_keeper *k, int64_t now_ms)
{
	if (!helper_client_busy(&k->helper) && is_due(k, now_ms))
		ask(k, now_ms);
}

int vip_keeper_open(struct vip_keeper *k, struct loop *l, const struct identity *id,
	const struct peers *peers, const char *helper, struct err *e)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(STATS_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	*k = (struct vip_keeper){.id = id, .peers = peers, .begun_ms = boottime_ms()};
	helper_client_init(&k->helper, l, helper);
	if (!id->vip.s_addr || !(identity_self(id)->roles & ROLE_PROXY))
		return 0;
	k->probe = http_client_new(l, &to, BODY_MAX);
	if (!k->probe)
		return err_set(e, "out of memory");
	vip_begin(&k->vip, interfaces_have(id->vip));
	return 0;
}

void vip_keeper_close(struct vip_keeper *k)
{
	helper_client_cancel(&k->helper);
	http_client_free(k->probe);
}

void vip_keeper_step(struct vip_keeper *k)
{
	int64_t now_ms = boottime_ms();

	if (k->retires)
		return;
	if (k->probe) {
		probe(k, now_ms);
		decide(k, now_ms);
	}
	obey(k, now_ms);
}

uint8_t vip_keeper_flags(const struct vip_keeper *k)
{
	return (uint8_t)((k->vip.stands ? HELLO_STANDS : 0) | (k->vip.holds ? HELLO_HOLDS : 0));
}

bool vip_keeper_retire(struct vip_keeper *k, void (*retired)(void *arg), void *arg)
{
	if (k->retires || !k->vip.holds)
		return false;
	k->retires = true;
	k->retired = retired;
	k->arg = arg;
	decide(k, boottime_ms());
	ask(k, boottime_ms());
	return true;
}

const struct member *vip_keeper_at(const struct vip_keeper *k)
{
	if (k->vip.holds)
		return identity_self(k->id);
	for (size_t i = 0; i < k->peers->n; i++) {
		const struct peer *p = &k->peers->peer[i];
		if (peer_present(p) && (p->last.flags & HELLO_HOLDS))
			return p->member;
	}
	return NULL;
}

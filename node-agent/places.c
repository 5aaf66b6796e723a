/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>
#include <sys/stat.h>
#include "local.h"
#include "log.h"
#include "places.h"
#include "util.h"

#define LOOK_MS 5000
#define TELL_AGAIN_MS 5000

static bool says_all(const struct identity *id)
{
	for (size_t i = 0; i < id->nmembers; i++) {
		if (!id->members[i].address.s_addr)
			return false;
	}
	return true;
}

static struct mdns_node say_self(const struct identity *id)
{
	const char *name = identity_self(id)->name;
	struct mdns_node n = {0};

	memcpy(n.tag, id->cluster_id, sizeof(n.tag));
	memcpy(n.name, name, strlen(name) + 1);
	return n;
}

static void propose(void *arg, struct in_addr address)
{
	struct places *p = arg;

	peers_try(p->peers, address);
}

static struct in_addr last_self(const struct places *p)
{
	static struct book last; /* too large for the stack */
	struct err e;

	if (book_load(p->in_run, &last, &e) < 0)
		return (struct in_addr){0};
	return book_find(&last, identity_self(p->id)->name);
}

int places_open(struct places *p, struct loop *l, const struct identity *id, struct peers *peers,
	const char *root, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s" LOCAL_CONF, root);
	struct local local = {0};

	*p = (struct places){.id = id, .peers = peers};
	bool is_local = access(path, F_OK) == 0;
	if (is_local && local_load(path, &local, e) < 0)
		return -1;
	p->roams = is_local || !says_all(id);
	p->given = local.address;
	p->on_store = xasprintf("%s/srv/bramble/bramble.peers", root);
	p->in_run = xasprintf("%s/run/bramble/addresses", root);
	p->follows = local.by_network || (!p->given.s_addr && !identity_self(id)->address.s_addr);
	p->left = last_self(p);
	if (p->follows)
		p->self = p->left;
	else
		p->self = p->given.s_addr ? p->given : identity_self(id)->address;
	if (!p->roams)
		return 0;
	struct mdns_node self = say_self(id);
	discover_open(&p->discover, l, &self, "/run/avahi-daemon/pid", propose, p);
	for (size_t i = 0; i < local.nseeds; i++)
		discover_seed(&p->discover, local.seed[i]);
	return 0;
}

void places_close(struct places *p)
{
	discover_close(&p->discover);
	free(p->on_store);
	free(p->in_run);
}

/*
 * The one that the first member heard is reached from, for as long as any is. Neo4j has told the
 * others the one it was started with and listens at no other (moved.h): as long as it runs, that is
 * it, though others of two networks may be reached from another one.
 */
static struct in_addr find_self(const struct places *p)
{
	struct in_addr first = {0};

	if (p->stays && p->self.s_addr && interfaces_have(p->self))
		return p->self;
	for (size_t i = 0; i < p->peers->n; i++) {
		const struct peer *peer = &p->peers->peer[i];
		if (!peer_present(peer))
			continue;
		struct in_addr from = interfaces_self(peer->at.address);
		if (from.s_addr == p->self.s_addr)
			return from;
		if (!first.s_addr)
			first = from;
	}
	if (first.s_addr || (p->self.s_addr && interfaces_have(p->self)))
		return first.s_addr ? first : p->self;
	return interfaces_self(first);
}

static void follow_self(struct places *p)
{
	char text[INET_ADDRSTRLEN];

	if (!p->follows)
		return;
	struct in_addr now = find_self(p);
	if (now.s_addr == p->self.s_addr)
		return;
	p->self = now;
	if (now.s_addr)
		log_info("%s: is at %s", identity_self(p->id)->name,
			inet_ntop(AF_INET, &now, text, sizeof(text)));
}

/* Remembered addresses are tried beside whatever is found. */
static void remember(struct places *p, const char *store)
{
	struct stat st;
	struct err e;

	if (p->remembered || stat(store, &st) < 0)
		return;
	p->remembered = true;
	p->device = st.st_dev;
	if (book_load(p->on_store, &p->stored, &e) < 0)
		log_warn("%s; looked for anew", e.msg);
	for (size_t i = 0; i < p->peers->n; i++) {
		struct peer *peer = &p->peers->peer[i];
		struct in_addr at = book_find(&p->stored, peer->member->name);
		if (at.s_addr)
			whereabouts_maybe(&peer->at, at);
	}
}

static bool same_book(const struct book *a, const struct book *b)
{
	return a->n == b->n && memcmp(a->entry, b->entry, a->n * sizeof(a->entry[0])) == 0;
}

/* What cannot be written is not worth more than a line. */
static void save_book(const char *path, const struct book *b)
{
	struct err e;

	if (book_save(path, b, &e) < 0)
		log_warn("%s", e.msg);
}

/* A change is written once. */
static bool write_book(const char *path, struct book *old, const struct book *now)
{
	if (same_book(old, now))
		return false;
	*old = *now;
	save_book(path, now);
	return true;
}

/*
 * For bramble-addresses. systemd does not see a change that is made while that unit runs for the
 * one before (PathChanged=), so what was written last is written once more.
 */
static void tell_addresses(struct places *p, const struct book *now)
{
	int64_t now_ms = boottime_ms();

	if (write_book(p->in_run, &p->told, now)) {
		p->again_ms = now_ms + TELL_AGAIN_MS;
	} else if (p->again_ms && now_ms >= p->again_ms) {
		p->again_ms = 0;
		save_book(p->in_run, now);
	}
}

/* Whoever was not heard yet is where he was. */
static void list_peers(const struct places *p, struct book *to)
{
	for (size_t i = 0; i < p->peers->n; i++) {
		const struct peer *peer = &p->peers->peer[i];
		const char *name = peer->member->name;
		struct in_addr place = peer_place(peer);
		book_add(to, name, place.s_addr ? place : book_find(&p->stored, name));
	}
}

/* Where all are where node.conf says there is nothing to tell. */
static bool is_known(const struct places *p)
{
	if (p->roams || p->told.n)
		return false;
	for (size_t i = 0; i < p->peers->n; i++) {
		const struct peer *peer = &p->peers->peer[i];
		if (peer_place(peer).s_addr != peer->member->address.s_addr)
			return false;
	}
	return true;
}

static void write_books(struct places *p, const char *store)
{
	static struct book now; /* too large for the stack */
	struct stat st;

	if (is_known(p))
		return;
	now = (struct book){0};
	list_peers(p, &now);
	if (store && p->remembered && stat(store, &st) == 0 && st.st_dev == p->device)
		write_book(p->on_store, &p->stored, &now);
	book_add(&now, identity_self(p->id)->name, p->self);
	tell_addresses(p, &now);
}

/* Another number whenever somebody else is heard, or from elsewhere. */
static uint32_t who_is_heard(const struct places *p)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < p->peers->n; i++) {
		const struct peer *peer = &p->peers->peer[i];
		if (peer_present(peer))
			sum = sum * 31 + peer->at.address.s_addr + (uint32_t)i + 1;
	}
	return sum;
}

/*
 * While all are heard seldom is enough: when this node's address changes, they are not any more.
 * But where it is must be settled when Neo4j starts, and that depends on who is heard.
 */
static void look_around(struct places *p)
{
	bool missing = peers_missing(p->peers);
	int64_t now = boottime_ms();
	uint32_t heard = who_is_heard(p);

	if (!missing && heard == p->heard && now < p->look_ms)
		return;
	p->heard = heard;
	p->look_ms = missing ? 0 : now + LOOK_MS;
	follow_self(p);
	if (p->roams)
		discover_step(&p->discover, missing);
}

void places_step(struct places *p, const char *store)
{
	if (store)
		remember(p, store);
	look_around(p);
	write_books(p, store);
}

struct in_addr places_of(const struct places *p, const struct member *m)
{
	const struct peer *peer = peers_find(p->peers, m);

	return peer ? peer_place(peer) : p->self;
}

struct in_addr places_neo4j(const struct places *p)
{
	struct in_addr configured = identity_self(p->id)->address;

	if (!p->follows && !p->given.s_addr)
		return configured;
	return (struct in_addr){htonl(INADDR_LOOPBACK)};
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include "link.h"
#include "pack.h"
#include "principal.h"

#define SERVER_MAX 128

/* Lengths go in too: no two different maps run together into the same bytes. */
static void hash_entry(void *arg, struct slice key, struct slice raw)
{
	crypto_generichash_state *h = arg;
	const uint64_t lengths[2] = {key.n, raw.n};

	crypto_generichash_update(h, (const uint8_t *)lengths, sizeof(lengths));
	crypto_generichash_update(h, (const uint8_t *)key.p, key.n);
	crypto_generichash_update(h, (const uint8_t *)raw.p, raw.n);
}

/* The version goes in: links of one are of no use to sessions of another. */
static int hash_identity(const struct front *f, struct bolt_version version, const void *hello,
	size_t n, uint8_t key[32])
{
	crypto_generichash_state h;

	crypto_generichash_init(&h, f->hash_key, sizeof(f->hash_key), 32);
	crypto_generichash_update(&h, &version.major, sizeof(version.major));
	int r = bolt_read_identity(hello, n, version.major, hash_entry, &h);
	crypto_generichash_final(&h, key, 32);
	sodium_memzero(&h, sizeof(h));
	return r;
}

static struct principal *find(const struct front *f, const uint8_t key[32])
{
	for (struct list_node *n = f->principals.first; n; n = n->next) {
		struct principal *p = container_of(n, struct principal, node);
		if (sodium_memcmp(p->key, key, sizeof(p->key)) == 0)
			return p;
	}
	return NULL;
}

static struct principal *add(struct front *f, const uint8_t key[32], const void *hello, size_t n)
{
	struct principal *p = calloc(1, sizeof(*p));
	uint8_t *copy = sodium_malloc(n);

	if (!p || !copy) {
		free(p);
		sodium_free(copy);
		return NULL;
	}
	memcpy(p->key, key, sizeof(p->key));
	memcpy(copy, hello, n);
	sodium_mprotect_readonly(copy);
	p->hello = copy;
	p->hello_n = n;
	list_append(&f->principals, &p->node);
	return p;
}

struct entries {
	struct buf pairs;
	size_t n;
};

static void add_entry(void *arg, struct slice key, struct slice raw)
{
	struct entries *e = arg;

	pack_put_string(&e->pairs, key.p, key.n);
	buf_add(&e->pairs, raw.p, raw.n);
	e->n++;
}

/*
 * HELLO as members get it: who it is, in our name. All who are the same share it, so nothing may be
 * in it that only one of them said: what no member takes would keep all the others out.
 */
static void put_hello(const void *hello, size_t n, struct buf *to)
{
	struct entries who = {0};

	/* Memory that grows would leave the password where it was before. */
	(void)buf_reserve(&who.pairs, 2 * n);
	(void)buf_reserve(to, 2 * n + 64);
	if (bolt_read_identity(hello, n, 3, add_entry, &who) < 0 || !buf_ok(&who.pairs))
		to->failed = true;
	pack_put_struct(to, 1, BOLT_HELLO);
	pack_put_map(to, who.n + 1);
	pack_put_text(to, "user_agent");
	pack_put_text(to, "bramble-proxy");
	buf_add(to, buf_str(&who.pairs), who.pairs.len);
	if (who.pairs.data)
		sodium_memzero(who.pairs.data, who.pairs.cap);
	buf_free(&who.pairs);
}

static struct principal *add_as_said(
	struct front *f, const uint8_t key[32], const void *hello, size_t n)
{
	_cleanup_buf_ struct buf own = {0};
	struct principal *p = NULL;

	put_hello(hello, n, &own);
	if (buf_ok(&own))
		p = add(f, key, own.data, own.len);
	if (own.data)
		sodium_memzero(own.data, own.cap);
	return p;
}

struct principal *principal_take(
	struct front *f, struct bolt_version version, const void *hello, size_t n, bool *bad)
{
	uint8_t key[32];

	*bad = hash_identity(f, version, hello, n, key) < 0;
	if (*bad)
		return NULL;
	struct principal *p = find(f, key);
	if (!p)
		p = version.major < 3 ? add(f, key, hello, n) : add_as_said(f, key, hello, n);
	if (!p)
		return NULL;
	p->version = version;
	p->sessions++;
	return p;
}

static void maybe_free(struct principal *p)
{
	if (p->sessions || p->links)
		return;
	list_remove(&p->node);
	sodium_free(p->hello);
	free(p->server);
	free(p);
}

void principal_release_session(struct principal *p)
{
	p->sessions--;
	maybe_free(p);
}

void principal_release_link(struct principal *p)
{
	p->links--;
	maybe_free(p);
}

bool principal_trusted(const struct principal *p)
{
	return p->verified_ms && p->server && boottime_ms() - p->verified_ms < TRUST_MS;
}

void principal_verified(struct principal *p, struct slice server)
{
	p->verified_ms = boottime_ms();
	if (p->server && slice_eq(server, p->server))
		return;
	free(p->server);
	p->server =
		strndup(server.p ? server.p : "", server.n < SERVER_MAX ? server.n : SERVER_MAX);
}

void principal_refused(struct principal *p)
{
	p->verified_ms = 0;
	p->links++; /* the last link must not take p away in here */
	while (p->idle.first)
		link_close(container_of(p->idle.first, struct link, node));
	p->links--;
}

/* Its close may have arrived without the loop having come round to it. */
static bool still_open(const struct link *l)
{
	char byte;

	return recv(l->source.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

struct link *principal_idle_link(struct principal *p, const struct bolt_member *m)
{
	for (struct list_node *n = p->idle.last, *before; n; n = before) {
		struct link *l = container_of(n, struct link, node);
		before = n->prev;
		if (l->member != m)
			continue;
		if (still_open(l)) {
			list_remove(&l->node);
			return l;
		}
		link_close(l);
	}
	return NULL;
}

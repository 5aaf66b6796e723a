/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include "authority.h"
#include "io.h"
#include "state.h"

#define AUTHORITY_DAYS (20 * 365)

/* What is in the state folder of one certificate. */
struct pair {
	struct buf certificate_pem, key_pem;
	X509 *certificate;
	EVP_PKEY *key;
};

static void free_secret(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

static void free_pair(struct pair *p)
{
	buf_free(&p->certificate_pem);
	free_secret(&p->key_pem);
	X509_free(p->certificate);
	EVP_PKEY_free(p->key);
}
#define _cleanup_pair_ _cleanup_(free_pair)

void credentials_free(struct credentials *t)
{
	buf_free(&t->certificate);
	free_secret(&t->key);
}

/* 1: read; 0: there is none. */
static int read_file(const struct cluster *c, const char *name, struct buf *to, struct err *e)
{
	_cleanup_free_ char *dir = cluster_state_dir(c);
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	return io_read_file(path, CERTIFICATE_PEM_MAX, to, e) < 0 ? -1 : 1;
}

static int fits(const char *certificate, const struct pair *p, const char *key, struct err *e)
{
	if (X509_check_private_key(p->certificate, p->key) == 1)
		return 0;
	return err_code(e, EXIT_CONFIG, "%s: is not the certificate of %s", certificate, key);
}

static int parse(struct pair *p, const char *certificate, const char *key, struct err *e)
{
	p->certificate = certificate_read(certificate, &p->certificate_pem, e);
	if (!p->certificate)
		return -1;
	p->key = certificate_read_key(key, &p->key_pem, e);
	return p->key ? fits(certificate, p, key, e) : -1;
}

/* 1: both are there and whole; 0: not both. */
static int read_pair(const struct cluster *c, struct pair *p, const char *certificate,
	const char *key, struct err *e)
{
	_cleanup_free_ char *dir = cluster_state_dir(c);
	int has_certificate = read_file(c, certificate, &p->certificate_pem, e);
	int has_key = has_certificate < 0 ? -1 : read_file(c, key, &p->key_pem, e);

	if (has_key < 0)
		return -1;
	if (!has_certificate || !has_key)
		return 0;
	return parse(p, certificate, key, e) < 0 ? err_prefix(e, "%s", dir) : 1;
}

static int put_into_words(struct pair *p, const char *certificate, struct err *e)
{
	free_secret(&p->key_pem);
	buf_free(&p->certificate_pem);
	if (certificate_write_key(&p->key_pem, p->key) < 0 ||
		certificate_write(&p->certificate_pem, p->certificate) < 0)
		return err_set(e, "%s: out of memory", certificate);
	return 0;
}

/* The key first: a certificate without one would be of no use. */
static int write_pair(const struct cluster *c, struct pair *p, const char *certificate,
	const char *key, struct err *e)
{
	if (put_into_words(p, certificate, e) < 0)
		return -1;
	if (state_keep(c, key, p->key_pem.data, p->key_pem.len, e) < 0)
		return -1;
	return state_keep(c, certificate, p->certificate_pem.data, p->certificate_pem.len, e);
}

/* --- the authority */

static int refuse_lost(const struct cluster *c, const struct pair *p, struct err *e)
{
	_cleanup_free_ char *dir = cluster_state_dir(c);

	if (!p->certificate_pem.len)
		return 0;
	return err_code(e, EXIT_CONFIG,
		"%s/ca.key is gone: without it no certificate can be renewed that clients of "
		"ca.crt trust; put it back, or remove ca.crt and give clients the new one",
		dir);
}

/* A new key, and what it signs itself. */
static int make_pair(
	struct pair *p, const struct certificate_wish *w, const char *key, struct err *e)
{
	p->key = certificate_new_key();
	if (!p->key)
		return err_set(e, "%s: a key cannot be made", key);
	p->certificate = certificate_new(w, p->key, e);
	return p->certificate ? 0 : -1;
}

static int make_authority(const struct cluster *c, struct pair *p, time_t now, struct err *e)
{
	_cleanup_free_ char *subject = xasprintf("bramble cluster %s", c->name);
	const struct certificate_wish w = {.subject = subject, .days = AUTHORITY_DAYS, .now = now};

	if (refuse_lost(c, p, e) < 0 || make_pair(p, &w, "ca.key", e) < 0)
		return -1;
	return write_pair(c, p, "ca.crt", "ca.key", e);
}

static int open_authority(const struct cluster *c, struct pair *p, time_t now, struct err *e)
{
	int r = read_pair(c, p, "ca.crt", "ca.key", e);

	return r ? (r < 0 ? -1 : 0) : make_authority(c, p, now, e);
}

/* --- what it issues */

static bool is_of(const struct pair *leaf, const struct pair *ca)
{
	return X509_verify(leaf->certificate, ca->key) == 1;
}

/* Has it to be made again? */
static bool is_due(const struct cluster *c, const struct pair *leaf, const struct pair *ca,
	const char *names, time_t now)
{
	return !leaf->certificate || !is_of(leaf, ca) ||
	       !certificate_has_names(leaf->certificate, names) ||
	       certificate_days_left(leaf->certificate, now) < (long)c->tls.days / 3;
}

static int issue(const struct cluster *c, struct pair *leaf, const struct pair *ca,
	const char *names, time_t now, struct err *e)
{
	_cleanup_free_ char *subject = xasprintf("%s proxy", c->name);
	const struct certificate_wish w = {
		.subject = subject,
		.names = names,
		.days = c->tls.days,
		.now = now,
		.issuer = ca->certificate,
		.issuer_key = ca->key,
	};

	if (!leaf->key)
		leaf->key = certificate_new_key();
	if (!leaf->key)
		return err_set(e, "tls.key: a key cannot be made");
	X509_free(leaf->certificate);
	leaf->certificate = certificate_new(&w, leaf->key, e);
	return leaf->certificate ? write_pair(c, leaf, "tls.crt", "tls.key", e) : -1;
}

static void give(struct credentials *t, struct pair *p, time_t now)
{
	t->certificate = p->certificate_pem;
	t->key = p->key_pem;
	p->certificate_pem = p->key_pem = (struct buf){0};
	t->days_left = certificate_days_left(p->certificate, now);
}

static int keep(
	const struct cluster *c, struct pair *leaf, time_t now, bool *renewed, struct err *e)
{
	_cleanup_pair_ struct pair ca = {0};
	_cleanup_free_ char *names = certificate_names(c);
	_cleanup_close_ int lock = state_lock(c, e);

	if (lock < 0 || open_authority(c, &ca, now, e) < 0 ||
		read_pair(c, leaf, "tls.crt", "tls.key", e) < 0)
		return -1;
	*renewed = is_due(c, leaf, &ca, names, now);
	return *renewed ? issue(c, leaf, &ca, names, now, e) : 0;
}

/* One that nobody issued and nobody keeps: for seeing what would change. */
static int make_sample(const struct cluster *c, struct pair *leaf, time_t now, struct err *e)
{
	_cleanup_free_ char *names = certificate_names(c);
	const struct certificate_wish w = {
		.subject = "sample", .names = names, .days = c->tls.days, .now = now};

	return make_pair(leaf, &w, "tls.key", e) < 0 ? -1 : put_into_words(leaf, "tls.crt", e);
}

static int peek(const struct cluster *c, struct pair *leaf, time_t now, struct err *e)
{
	int r = read_pair(c, leaf, "tls.crt", "tls.key", e);

	return r ? (r < 0 ? -1 : 0) : make_sample(c, leaf, now, e);
}

int authority_open(const struct cluster *c, enum credentials_how how, time_t now,
	struct credentials *t, struct err *e)
{
	_cleanup_pair_ struct pair leaf = {0};

	if (c->tls.mode != TLS_OWN)
		return 0;
	int r = how == CREDENTIALS_PEEK ? peek(c, &leaf, now, e)
					: keep(c, &leaf, now, &t->renewed, e);
	if (r == 0)
		give(t, &leaf, now);
	return r;
}

/* --- the user's own */

/* As a file for HAProxy has it: but everybody may read what is on a card as the certificate. */
static bool holds_key(const struct buf *pem)
{
	static const char mark[] = "PRIVATE KEY-----";

	return memmem(pem->data, pem->len, mark, sizeof(mark) - 1);
}

int credentials_read(
	const char *certificate, const char *key, time_t now, struct credentials *t, struct err *e)
{
	_cleanup_pair_ struct pair p = {0};

	if (io_read_file(certificate, CERTIFICATE_PEM_MAX, &p.certificate_pem, e) < 0 ||
		io_read_file(key, CERTIFICATE_PEM_MAX, &p.key_pem, e) < 0 ||
		parse(&p, certificate, key, e) < 0)
		return -1;
	if (holds_key(&p.certificate_pem))
		return err_code(e, EXIT_CONFIG,
			"%s: holds a private key too, and everybody may read a certificate; leave "
			"only the certificates in it (tls { certificate = ... })",
			certificate);
	if (certificate_days_left(p.certificate, now) < 0)
		return err_code(e, EXIT_CONFIG, "%s: has ended: no client takes it", certificate);
	give(t, &p, now);
	return 0;
}

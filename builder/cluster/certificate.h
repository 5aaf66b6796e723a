/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_CERTIFICATE_H
#define BRAMBLE_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include "buf.h"
#include "cluster.h"

/* X.509 by OpenSSL, in PEM: what is made, and what is made of what others made. */
#define CERTIFICATE_PEM_MAX (64u << 10)

static inline void cleanup_x509(X509 **x)
{
	X509_free(*x);
}
static inline void cleanup_pkey(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
#define _cleanup_x509_ _cleanup_(cleanup_x509)
#define _cleanup_pkey_ _cleanup_(cleanup_pkey)

/* The first certificate, and the key, in PEM text. NULL: name the file, and say what it is not. */
X509 *certificate_read(const char *name, const struct buf *pem, struct err *e);
EVP_PKEY *certificate_read_key(const char *name, const struct buf *pem, struct err *e);
/* Appends PEM; -1 when there is no memory. */
MUST_CHECK int certificate_write(struct buf *to, X509 *x);
MUST_CHECK int certificate_write_key(struct buf *to, EVP_PKEY *k);

/* A new key, on P-256; NULL: no memory. */
EVP_PKEY *certificate_new_key(void);

/*
 * A certificate for key, good from a day ago (no two clocks are the same) for so many days from
 * now. With issuer NULL it is an authority's own, which may issue others; names are of
 * certificate_names, and NULL for an authority. NULL: OpenSSL's reason is in e.
 */
struct certificate_wish {
	const char *subject;
	const char *names;
	long days;
	time_t now;
	X509 *issuer;
	EVP_PKEY *issuer_key;
};
X509 *certificate_new(const struct certificate_wish *w, EVP_PKEY *key, struct err *e);

/*
 * The names the proxies' certificate stands for, as OpenSSL writes them: each proxy's name, the
 * same in .local, its address, the floating one, and what cluster.conf adds. The caller frees.
 */
char *certificate_names(const struct cluster *c);
/* Does it stand for just these? */
bool certificate_has_names(X509 *x, const char *names);

/* Whole days until it ends; negative when it has. */
long certificate_days_left(X509 *x, time_t now);

#endif

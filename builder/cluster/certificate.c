/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "certificate.h"

#define SERIAL_SIZE 16 /* RFC 5280 4.1.2.2: up to 20 */

static void cleanup_bio(BIO **b)
{
	BIO_free(*b);
}
#define _cleanup_bio_ _cleanup_(cleanup_bio)

static const char *reason(void)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	return why ? why : "out of memory";
}

/* --- PEM */

/* Nobody is at a terminal to be asked: a key that wants a password cannot be used. */
static int no_password(char *to, int size, int writing, void *arg)
{
	(void)to, (void)size, (void)writing, (void)arg;
	return 0;
}

X509 *certificate_read(const char *name, const struct buf *pem, struct err *e)
{
	_cleanup_bio_ BIO *b = BIO_new_mem_buf(buf_str(pem), (int)pem->len);

	ERR_clear_error();
	X509 *x = b ? PEM_read_bio_X509(b, NULL, no_password, NULL) : NULL;
	if (!x)
		err_code(e, EXIT_CONFIG, "%s: no certificate in PEM: %s", name, reason());
	return x;
}

EVP_PKEY *certificate_read_key(const char *name, const struct buf *pem, struct err *e)
{
	_cleanup_bio_ BIO *b = BIO_new_mem_buf(buf_str(pem), (int)pem->len);

	ERR_clear_error();
	EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, no_password, NULL) : NULL;
	if (!k)
		err_code(e, EXIT_CONFIG, "%s: no key in PEM that needs no password: %s", name,
			reason());
	return k;
}

static int take(struct buf *to, BIO *b, int written)
{
	char *text;
	long n = b ? BIO_get_mem_data(b, &text) : 0;

	if (written != 1 || n <= 0)
		return -1;
	buf_add(to, text, (size_t)n);
	return buf_ok(to) ? 0 : -1;
}

int certificate_write(struct buf *to, X509 *x)
{
	_cleanup_bio_ BIO *b = BIO_new(BIO_s_mem());

	return take(to, b, b ? PEM_write_bio_X509(b, x) : 0);
}

int certificate_write_key(struct buf *to, EVP_PKEY *k)
{
	_cleanup_bio_ BIO *b = BIO_new(BIO_s_secmem());

	return take(to, b, b ? PEM_write_bio_PrivateKey(b, k, NULL, NULL, 0, NULL, NULL) : 0);
}

/* --- making one */

EVP_PKEY *certificate_new_key(void)
{
	return EVP_EC_gen("P-256");
}

static bool add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool well = extension && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return well;
}

static bool set_serial(X509 *x)
{
	uint8_t bytes[SERIAL_SIZE];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] &= 0x7f;
	BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	bool well = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return well;
}

static bool set_subject(X509 *x, const struct certificate_wish *w)
{
	X509_NAME *name = X509_get_subject_name(x);

	return X509_NAME_add_entry_by_txt(
		       name, "CN", MBSTRING_UTF8, (const uint8_t *)w->subject, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x, w->issuer ? X509_get_subject_name(w->issuer) : name) == 1;
}

static bool set_time(X509 *x, const struct certificate_wish *w)
{
	time_t now = w->now;

	return X509_time_adj_ex(X509_getm_notBefore(x), -1, 0, &now) &&
	       X509_time_adj_ex(X509_getm_notAfter(x), (int)w->days, 0, &now);
}

static bool set_purpose(X509 *x, const struct certificate_wish *w)
{
	X509 *issuer = w->issuer ? w->issuer : x;
	bool own = !w->issuer;

	return add_extension(x, issuer, NID_basic_constraints,
		       own ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
	       add_extension(x, issuer, NID_key_usage,
		       own ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
	       add_extension(x, issuer, NID_subject_key_identifier, "hash") &&
	       add_extension(x, issuer, NID_authority_key_identifier, "keyid:always") &&
	       (own || (add_extension(x, issuer, NID_ext_key_usage, "serverAuth") &&
			       add_extension(x, issuer, NID_subject_alt_name, w->names)));
}

X509 *certificate_new(const struct certificate_wish *w, EVP_PKEY *key, struct err *e)
{
	_cleanup_x509_ X509 *x = X509_new();

	ERR_clear_error();
	if (x && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) && set_subject(x, w) &&
		set_time(x, w) && X509_set_pubkey(x, key) == 1 && set_purpose(x, w) &&
		X509_sign(x, w->issuer ? w->issuer_key : key, EVP_sha256()) > 0)
		return steal(&x);
	err_set(e, "a certificate cannot be made: %s", reason());
	return NULL;
}

/* --- names */

static void add_name(struct buf *b, const char *name)
{
	uint8_t address[sizeof(struct in6_addr)];
	bool ip = inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;

	buf_printf(b, "%s%s:%s", b->len ? "," : "", ip ? "IP" : "DNS", name);
}

char *certificate_names(const struct cluster *c)
{
	struct buf b = {0};

	for (size_t i = 0; i < c->nnodes; i++) {
		const struct node *n = &c->nodes[i];
		if (!(n->roles & ROLE_PROXY))
			continue;
		_cleanup_free_ char *local = xasprintf("%s.local", n->name);
		add_name(&b, n->name);
		add_name(&b, local);
		if (*n->address)
			add_name(&b, n->address);
	}
	if (c->vip)
		add_name(&b, c->vip);
	for (size_t i = 0; i < c->tls.nnames; i++)
		add_name(&b, c->tls.names[i]);
	return b.len ? buf_steal(&b) : xstrdup("");
}

bool certificate_has_names(X509 *x, const char *names)
{
	int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
	const ASN1_OCTET_STRING *is = at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(x, at));
	X509_EXTENSION *wanted = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
	bool same = is && wanted && ASN1_OCTET_STRING_cmp(is, X509_EXTENSION_get_data(wanted)) == 0;

	X509_EXTENSION_free(wanted);
	return same;
}

static void cleanup_time(ASN1_TIME **t)
{
	ASN1_TIME_free(*t);
}

long certificate_days_left(X509 *x, time_t now)
{
	_cleanup_(cleanup_time) ASN1_TIME *at = ASN1_TIME_set(NULL, now);
	int days = 0, seconds = 0;

	if (!at || !ASN1_TIME_diff(&days, &seconds, at, X509_get0_notAfter(x)))
		return -1;
	return days < 0 || seconds < 0 ? days - 1 : days;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include "log.h"
#include "tls.h"

#define PLAIN_READ 16384 /* a TLS record's data */
#define UNSENT_MAX 32768 /* in a client's socket */
#define SOON_DAYS 30     /* so long before its end a certificate is spoken of */
#define TELL_MS (24 * 3600 * INT64_C(1000))
#define DAY_S 86400

struct tls {
	SSL_CTX *context;
	const struct proxy_conf *conf;
	struct timespec certificate_at, key_at; /* of the files that are in use, or were refused */
	int64_t told_ms;                        /* when its end was last spoken of */
};

static int failed(struct err *e, const char *file)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	return err_code(e, EXIT_CONFIG, "%s: %s", file, why ? why : "not usable");
}

static SSL_CTX *load(const struct proxy_conf *conf, struct err *e)
{
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	bool well = false;

	ERR_clear_error();
	if (!c || !SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION))
		failed(e, "TLS");
	else if (SSL_CTX_use_certificate_chain_file(c, conf->tls_certificate) != 1)
		failed(e, conf->tls_certificate);
	else if (SSL_CTX_use_PrivateKey_file(c, conf->tls_key, SSL_FILETYPE_PEM) != 1 ||
		 SSL_CTX_check_private_key(c) != 1)
		failed(e, conf->tls_key);
	else
		well = true;
	if (!well) {
		SSL_CTX_free(c);
		return NULL;
	}
	SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				    SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	return c;
}

static struct timespec changed_at(const char *path)
{
	struct stat st = {0};

	(void)!stat(path, &st); /* of one that is not there: never */
	return st.st_mtim;
}

static bool same(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

time_t tls_ends(const struct tls *t)
{
	struct tm tm = {0};

	if (!ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(t->context)), &tm))
		return 0;
	return timegm(&tm);
}

static void tell_end(struct tls *t)
{
	double days = difftime(tls_ends(t), time(NULL)) / DAY_S;

	t->told_ms = boottime_ms();
	if (days <= 0)
		log_warn("%s: the certificate has ended, clients refuse it: put a new one there",
			t->conf->tls_certificate);
	else if (days < SOON_DAYS)
		log_warn("%s: the certificate ends in %.0f days: put a new one there in time",
			t->conf->tls_certificate, days);
}

struct tls *tls_new(const struct proxy_conf *conf, struct err *e)
{
	SSL_CTX *context = load(conf, e);

	if (!context)
		return NULL;
	struct tls *t = xcalloc(1, sizeof(*t));
	*t = (struct tls){
		.context = context,
		.conf = conf,
		.certificate_at = changed_at(conf->tls_certificate),
		.key_at = changed_at(conf->tls_key),
	};
	tell_end(t);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->context);
	free(t);
}

void tls_renew(struct tls *t)
{
	struct timespec certificate = changed_at(t->conf->tls_certificate);
	struct timespec key = changed_at(t->conf->tls_key);
	struct err e = {0};

	if (boottime_ms() - t->told_ms >= TELL_MS)
		tell_end(t);
	if (same(certificate, t->certificate_at) && same(key, t->key_at))
		return;
	t->certificate_at = certificate;
	t->key_at = key;
	SSL_CTX *context = load(t->conf, &e);
	if (!context) {
		log_warn("the renewed certificate is not used: %s", e.msg);
		return;
	}
	SSL_CTX_free(t->context); /* connections that use it hold it */
	t->context = context;
	log_info("%s: renewed", t->conf->tls_certificate);
	tell_end(t);
}

/* 0 when it only has to wait, -1 when it is over. */
static int outcome(SSL *ssl, int r)
{
	int why = SSL_get_error(ssl, r);

	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static int recv_plain(struct bridge *b)
{
	uint8_t bytes[PLAIN_READ];

	ERR_clear_error();
	int n = SSL_read(b->wrap, bytes, sizeof(bytes));
	if (n <= 0)
		return outcome(b->wrap, n);
	buf_add(&b->inward.b, bytes, (size_t)n);
	return buf_ok(&b->inward.b) ? n : -1;
}

static int send_plain(struct bridge *b)
{
	ERR_clear_error();
	while (stream_len(&b->outward)) {
		size_t len = stream_len(&b->outward);
		int n = SSL_write(b->wrap, stream_bytes(&b->outward),
			(int)(len < PLAIN_READ ? len : PLAIN_READ));
		if (n <= 0)
			return outcome(b->wrap, n);
		stream_take(&b->outward, (size_t)n);
	}
	return 0;
}

static bool pending(const struct bridge *b)
{
	/* Not SSL_has_pending: a piece of a record is nothing to come round for. */
	return SSL_pending(b->wrap) > 0;
}

static bool unsent(const struct bridge *b)
{
	return SSL_want_write((SSL *)b->wrap);
}

static void end(struct bridge *b)
{
	ERR_clear_error();
	if (SSL_is_init_finished(b->wrap))
		(void)SSL_shutdown(b->wrap); /* says goodbye if the socket takes it */
	SSL_free(b->wrap);
}

static const struct bridge_ops ops = {
	.recv = recv_plain, .send = send_plain, .pending = pending, .unsent = unsent, .free = end};

/*
 * The pace at which the client takes an answer (http/pace.h) is seen at the far end only. Left to
 * itself the socket says that there is room when a third of its megabytes is: who is slow would
 * take nothing for a long time, and then much.
 */
static void keep_little(int fd)
{
	int most = UNSENT_MAX;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof(most));
}

int tls_bridge(struct front *f, int fd, int *far)
{
	SSL *ssl = SSL_new(f->tls->context);

	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return -1;
	}
	SSL_set_accept_state(ssl);
	keep_little(fd);
	struct bridge *b = bridge_new(f, fd, &ops, ssl, far);
	if (!b) {
		SSL_free(ssl);
		return -1;
	}
	return 0;
}

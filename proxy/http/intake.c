/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <sys/socket.h>
#include "intake.h"
#include "rewrite.h"
#include "route.h"
#include "members/member.h"

/* "ADDRESS:PORT" that the client reached us at, for requests without a Host. */
static void local_address(const struct client *c, char *text, size_t size)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	char address[NET_ADDRESS_MAX];

	(void)getsockname(c->source.fd, (struct sockaddr *)&ss, &len);
	net_address(&ss, address);
	snprintf(text, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address,
		net_port(c->source.fd));
}

/* The request's target as the transaction's own member knows it. */
static int to_own_target(
	struct client *c, const struct tx_target *t, struct slice *target, struct buf *text)
{
	_cleanup_buf_ struct buf own = {0};
	int server = tx_decode_id(t->api, t->id, &own);
	const char *behind = t->id.p + t->id.n;

	c->x.pinned = server > 0 ? member_by_id(c->proxy, (unsigned)server) : NULL;
	if (!c->x.pinned)
		return -1;
	buf_add(text, target->p, (size_t)(t->id.p - target->p));
	buf_add(text, own.data, own.len);
	buf_add(text, behind, (size_t)(target->p + target->n - behind));
	*target = (struct slice){buf_str(text), text->len};
	return 0;
}

static struct exchange_tx *tx_new(enum tx_api api, const char *scheme, struct slice host)
{
	size_t n = strlen(scheme) + strlen("://") + host.n + 1;
	struct exchange_tx *tx = calloc(1, sizeof(*tx) + n);

	if (!tx)
		return NULL;
	tx->api = api;
	snprintf(tx->origin, n, "%s://%.*s", scheme, (int)host.n, host.p);
	return tx;
}

/* The fields of a head as members get them. */
static enum intake put_head(struct client *c, const struct http_head *h)
{
	struct exchange *x = &c->x;
	char local[NET_ADDRESS_MAX + 10];
	const char *scheme = c->tls ? "https" : "http";
	_cleanup_buf_ struct buf target = {0};
	struct http_head own;
	struct tx_target t = tx_parse_target(h->target);

	x->write = route_is_write(c->proxy, h, &t);

	struct slice host = rewrite_authority(h);
	if (!host.n) {
		local_address(c, local, sizeof(local));
		host = (struct slice){local, strlen(local)};
	}
	if (t.kind == TX_ODD)
		return INTAKE_ODD;
	if (t.kind == TX_BEGIN || t.kind == TX_OPEN)
		x->tx = tx_new(t.api, scheme, host);
	if (t.kind == TX_OPEN) {
		own = *h;
		if (to_own_target(c, &t, &own.target, &target) < 0)
			return INTAKE_NOBODYS;
		x->again |= slice_eq(h->method, "DELETE"); /* rolls it back */
		h = &own;
	}
	rewrite_request(h, c->from, scheme, host, x->tx != NULL, &x->head);
	return buf_ok(&x->head) && buf_ok(&target) && (x->tx || t.kind == TX_NONE)
		       ? INTAKE_OK
		       : INTAKE_NO_MEMORY;
}

/* Is it for a member? */
static enum intake whose(const struct http_head *h)
{
	int forwards = rewrite_forwards(h);

	if (slice_eq(h->method, "TRACE"))
		return INTAKE_TRACE;
	if (forwards == 0)
		return INTAKE_LAST;
	return forwards < -1 ? INTAKE_NO_LIMIT : INTAKE_OK;
}

enum intake intake_request(struct client *c, const struct http_head *h)
{
	struct exchange *x = &c->x;
	int64_t now_ms = boottime_ms();
	bool safe = route_is_safe(h->method);

	*x = (struct exchange){
		.safe = safe,
		.again = safe,
		.is_head = slice_eq(h->method, "HEAD"),
		.deadline_ms = now_ms + c->proxy->conf->hold_ms,
		.waiter.from = c->address,
		.bookmark = bookmark_read(h, c->proxy->bookmark_id, now_ms + 1),
	};
	enum intake r = whose(h);
	if (r == INTAKE_OK)
		r = put_head(c, h);
	relay_start(&x->request, h->framing, h->content_length, h->framing);
	buf_consume(&c->in, h->len);
	return r;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* proxy.conf from what was read of a haproxy.cfg. */
#include <string.h>
#include "import/haproxy.h"
#include "proxy_conf.h"

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

static bool id_taken(const struct haproxy *h, unsigned id)
{
	for (size_t i = 0; i < h->nservers; i++) {
		if (h->servers[i].id == id)
			return true;
	}
	return false;
}

/* HAProxy knows no ha.server_id: the number in the name is the best guess there is. */
static void guess_ids(struct haproxy *h)
{
	for (size_t i = 0; i < h->nservers; i++) {
		const char *digits = h->servers[i].name + strcspn(h->servers[i].name, "0123456789");
		unsigned long id = strtoul(digits, NULL, 10);
		if (id >= 1 && id <= 127 && !id_taken(h, (unsigned)id))
			h->servers[i].id = (unsigned)id;
	}
	for (size_t i = 0; i < h->nservers; i++) {
		for (unsigned id = 1; !h->servers[i].id; id++) {
			if (!id_taken(h, id))
				h->servers[i].id = id;
		}
	}
}

/* A key and its value, when the file said it. */
static void put_known(struct buf *out, const char *key, long value)
{
	if (value)
		buf_printf(out, " %s = %ld ", key, value);
}

/* One number for all members here: the smallest overloads none. */
static unsigned member_maxconn(const struct haproxy *h)
{
	unsigned least = 0;

	for (size_t i = 0; i < h->nservers; i++) {
		unsigned m = h->servers[i].maxconn;
		if (m && (!least || m < least))
			least = m;
	}
	return least;
}

static void put_quoted(struct buf *out, const char *s)
{
	buf_puts(out, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_puts(out, "\\");
		buf_add(out, (unsigned char)*s < ' ' || *s == 0x7f || *s == '$' ? "?" : s, 1);
	}
	buf_puts(out, "\"");
}

static void put_stats(const struct haproxy *h, struct buf *out)
{
	if (!*h->stats_listen)
		return;
	buf_puts(out, "stats    { listen = ");
	put_quoted(out, h->stats_listen);
	buf_puts(out, "  user = ");
	put_quoted(out, *h->stats_user ? h->stats_user : "admin");
	buf_puts(out, "\n           password_file = \"/etc/bramble/stats.password\"");
	if (*h->stats_realm) {
		buf_puts(out, "  realm = ");
		put_quoted(out, h->stats_realm);
	}
	buf_puts(out, " }\n");
}

static void put_members(const struct haproxy *h, struct buf *out)
{
	buf_puts(out, "members  {");
	put_known(out, "maxconn", member_maxconn(h));
	put_known(out, "check_interval_ms", h->check_ms);
	put_known(out, "hold_ms", h->queue_ms);
	if (h->slowstart_ms >= 0)
		buf_printf(out, " slowstart_ms = %ld ", h->slowstart_ms);
	buf_printf(out, " balance = \"%s\"  dialect = \"ha\"", h->balance);
	if (h->check_credentials)
		buf_puts(out, "\n           check_credentials_file = "
			      "\"/etc/bramble/check.credentials\"");
	buf_puts(out, " }\n# The ids are guesses from the names: each must be its member's "
		      "ha.server_id.\n");
	for (size_t i = 0; i < h->nservers; i++) {
		const struct haproxy_server *s = &h->servers[i];
		buf_printf(
			out, "member \"%s\" { id = %u  http = \"%s\"", s->name, s->id, s->address);
		if (s->weight != 1)
			buf_printf(out, "  weight = %u", s->weight);
		buf_puts(out, " }\n");
	}
}

static void put_conf(const struct haproxy *h, struct buf *out)
{
	if (h->maxconn)
		buf_printf(out, "limits   { maxconn = %ld }\n", h->maxconn);
	if (h->connect_ms || h->client_ms || h->server_ms) {
		buf_puts(out, "timeouts {");
		put_known(out, "connect_ms", h->connect_ms);
		put_known(out, "client_ms", h->client_ms);
		put_known(out, "server_ms", h->server_ms);
		buf_puts(out, "}\n");
	}
	buf_printf(out, "http     { listen = \"%s\" }\n", h->binds[0]);
	put_stats(h, out);
	put_members(h, out);
}

static int check_servers(const char *name, const struct haproxy *h, struct err *e)
{
	for (size_t i = 0; i < h->nservers; i++) {
		const char *own = h->servers[i].name;
		if (own[strspn(own, letters)])
			return err_code(e, EXIT_INPUT,
				"%s: server \"%s\": not a host name; rename it first", name, own);
		for (size_t k = 0; k < i; k++) {
			if (strcmp(own, h->servers[k].name) == 0)
				return err_code(e, EXIT_INPUT,
					"%s: server \"%s\" is both %s and %s: rename one first",
					name, own, h->servers[k].address, h->servers[i].address);
		}
	}
	return 0;
}

int haproxy_import(const char *name, const char *text, size_t n, struct buf *conf,
	struct buf *notes, struct err *e)
{
	_cleanup_free_ struct haproxy *h = xcalloc(1, sizeof(*h));

	if (haproxy_parse(name, text, n, h, notes, e) < 0)
		return -1;
	if (!h->nbinds)
		return err_code(e, EXIT_INPUT, "%s: no frontend with an address (bind)", name);
	if (!h->nservers)
		return err_code(e, EXIT_INPUT, "%s: no server with a numeric address", name);
	if (check_servers(name, h, e) < 0)
		return -1;
	if (h->nbinds > 1)
		buf_printf(notes, "%s: one address is served, %s; %zu others are left out\n", name,
			h->binds[0], h->nbinds - 1);
	guess_ids(h);
	put_conf(h, conf);
	if (!buf_ok(conf))
		return err_set(e, "%s: out of memory", name);
	struct proxy_conf *result = proxy_conf_parse("proxy.conf", buf_str(conf), e);
	if (!result)
		return err_prefix(e, "%s: what it says cannot be taken over", name);
	proxy_conf_free(result);
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "chunk.h"
#include "proxy_conf.h"
#include "routing.h"

static const char *const procedures[] = {
	"dbms.cluster.routing.getservers",
	"dbms.cluster.routing.getroutingtable",
	"dbms.routing.getroutingtable",
};

static void skip_space(struct slice *s)
{
	while (s->n && strchr(" \t\r\n", *s->p)) {
		s->p++;
		s->n--;
	}
}

static bool take(struct slice *s, const char *word)
{
	size_t n = strlen(word);

	if (s->n < n || strncasecmp(s->p, word, n) != 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

bool routing_is_call(struct slice text)
{
	skip_space(&text);
	if (!take(&text, "CALL") || !text.n || !strchr(" \t\r\n", *text.p))
		return false;
	skip_space(&text);
	for (size_t i = 0; i < ARRAY_SIZE(procedures); i++) {
		if (!take(&text, procedures[i]))
			continue;
		skip_space(&text);
		return !text.n || *text.p == '(' || *text.p == ';';
	}
	return false;
}

/* "host:port" or "[v6]:port" of letters that cannot harm whoever shows it. */
static bool is_address(struct slice s)
{
	static const char others[] = "-._:[]%";

	if (s.n < 3 || s.n >= ROUTING_ADDRESS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!isalnum((unsigned char)s.p[i]) && !memchr(others, s.p[i], sizeof(others) - 1))
			return false;
	}
	const char *colon = memrchr(s.p, ':', s.n);
	size_t digits = colon ? (size_t)(s.p + s.n - colon - 1) : 0;
	if (digits < 1 || digits > 5 || colon == s.p)
		return false;
	for (size_t i = 1; i <= digits; i++) {
		if (!isdigit((unsigned char)colon[i]))
			return false;
	}
	return true;
}

/* Leaves the reader at the value of that key of the map at it; false when there is none. */
static bool enter(struct pack *r, const char *name)
{
	struct pack_value map = pack_next(r);

	for (size_t i = 0; map.type == PACK_MAP && i < map.n; i++) {
		struct slice key;
		if (!pack_key(r, &key))
			return false;
		if (slice_eq(key, name))
			return true;
		if (pack_skip(r, NULL) < 0)
			return false;
	}
	return false;
}

static void read_address(struct pack *context, char address[static ROUTING_ADDRESS_MAX])
{
	if (!enter(context, "address"))
		return;
	struct pack_value v = pack_next(context);
	if (v.type != PACK_STRING || !is_address(v.s))
		return;
	memcpy(address, v.s.p, v.s.n);
	address[v.s.n] = '\0';
}

bool routing_address(struct slice parameters, char address[static ROUTING_ADDRESS_MAX])
{
	struct pack r = pack_of(parameters.p, parameters.n);

	address[0] = '\0';
	if (enter(&r, "context"))
		read_address(&r, address);
	return address[0];
}

/* --- ROUTE: [context, bookmarks, database]; since 4.4 the last is a map with its name as "db" */

static void take_text(struct pack *r, char *to, size_t size)
{
	struct pack_value v = pack_next(r);

	if (v.type != PACK_STRING || v.s.n >= size || memchr(v.s.p, '\0', v.s.n))
		return;
	memcpy(to, v.s.p, v.s.n);
	to[v.s.n] = '\0';
}

static void read_database(struct pack *r, struct routing_call *call)
{
	struct pack at = *r;

	if (pack_next(&at).type == PACK_MAP) {
		if (enter(r, "db"))
			take_text(r, call->database, sizeof(call->database));
	} else {
		take_text(r, call->database, sizeof(call->database));
	}
}

void routing_read_call(const void *data, size_t n, struct routing_call *call)
{
	struct pack r = pack_of(data, n);
	struct pack_value message = pack_next(&r);
	struct slice context, parameters;

	*call = (struct routing_call){0};
	if (message.type != PACK_STRUCT)
		return;
	if (message.tag == BOLT_RUN) {
		if (pack_skip(&r, NULL) == 0 && pack_skip(&r, &parameters) == 0)
			(void)routing_address(parameters, call->address);
		return;
	}
	if (pack_skip(&r, &context) < 0 || pack_skip(&r, NULL) < 0)
		return;
	struct pack at = pack_of(context.p, context.n);
	read_address(&at, call->address);
	read_database(&r, call);
}

/* --- the table */

static void at_port_of(char to[static ROUTING_ADDRESS_MAX], const char *address, const char *listen)
{
	const char *colon = strrchr(address, ':');

	snprintf(to, ROUTING_ADDRESS_MAX, "%.*s%s", (int)(colon ? colon - address : 0), address,
		strrchr(listen, ':'));
}

void routing_by_ports(struct routing_table *t, const char *address, const struct proxy_conf *conf)
{
	snprintf(t->write, sizeof(t->write), "%s", address);
	snprintf(t->read, sizeof(t->read), "%s", address);
	if (!conf || !conf->bolt_listen || !conf->bolt_read_listen)
		return;
	at_port_of(t->write, address, conf->bolt_listen);
	at_port_of(t->read, address, conf->bolt_read_listen);
}

static void put_servers(struct buf *b, const struct routing_table *t)
{
	const struct {
		const char *role, *address;
	} servers[] = {{"WRITE", t->write}, {"READ", t->read}, {"ROUTE", t->write}};

	pack_put_list(b, ARRAY_SIZE(servers));
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++) {
		pack_put_map(b, 2);
		pack_put_text(b, "addresses");
		pack_put_list(b, 1);
		pack_put_text(b, servers[i].address);
		pack_put_text(b, "role");
		pack_put_text(b, servers[i].role);
	}
}

void routing_put_fields(struct buf *to)
{
	_cleanup_buf_ struct buf b = {0};

	pack_put_struct(&b, 1, BOLT_SUCCESS);
	pack_put_map(&b, 2);
	pack_put_text(&b, "fields");
	pack_put_list(&b, 2);
	pack_put_text(&b, "ttl");
	pack_put_text(&b, "servers");
	pack_put_text(&b, "t_first");
	pack_put_int(&b, 0);
	chunk_message(to, buf_str(&b), b.len);
}

void routing_put_table(struct buf *to, const struct routing_table *t)
{
	_cleanup_buf_ struct buf b = {0};

	pack_put_struct(&b, 1, BOLT_RECORD);
	pack_put_list(&b, 2);
	pack_put_int(&b, ROUTING_TTL_S);
	put_servers(&b, t);
	chunk_message(to, buf_str(&b), b.len);
	buf_consume(&b, b.len);
	pack_put_struct(&b, 1, BOLT_SUCCESS);
	pack_put_map(&b, 2);
	pack_put_text(&b, "type");
	pack_put_text(&b, "r");
	pack_put_text(&b, "t_last");
	pack_put_int(&b, 0);
	chunk_message(to, buf_str(&b), b.len);
}

void routing_put_rt(struct buf *to, const struct routing_table *t, const char *database)
{
	_cleanup_buf_ struct buf b = {0};

	pack_put_struct(&b, 1, BOLT_SUCCESS);
	pack_put_map(&b, 1);
	pack_put_text(&b, "rt");
	pack_put_map(&b, database ? 3 : 2);
	pack_put_text(&b, "ttl");
	pack_put_int(&b, ROUTING_TTL_S);
	pack_put_text(&b, "servers");
	put_servers(&b, t);
	if (database) {
		pack_put_text(&b, "db");
		pack_put_text(&b, database);
	}
	chunk_message(to, buf_str(&b), b.len);
}

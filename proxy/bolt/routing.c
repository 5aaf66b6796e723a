/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "chunk.h"
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

bool routing_address(struct slice parameters, char address[static ROUTING_ADDRESS_MAX])
{
	struct pack r = pack_of(parameters.p, parameters.n);

	if (!enter(&r, "context") || !enter(&r, "address"))
		return false;
	struct pack_value v = pack_next(&r);
	if (v.type != PACK_STRING || !is_address(v.s))
		return false;
	memcpy(address, v.s.p, v.s.n);
	address[v.s.n] = '\0';
	return true;
}

static void put_servers(struct buf *b, const char *address)
{
	static const char *const roles[] = {"WRITE", "READ", "ROUTE"};

	pack_put_list(b, ARRAY_SIZE(roles));
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
		pack_put_map(b, 2);
		pack_put_text(b, "addresses");
		pack_put_list(b, 1);
		pack_put_text(b, address);
		pack_put_text(b, "role");
		pack_put_text(b, roles[i]);
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

void routing_put_table(struct buf *to, const char *address)
{
	_cleanup_buf_ struct buf b = {0};

	pack_put_struct(&b, 1, BOLT_RECORD);
	pack_put_list(&b, 2);
	pack_put_int(&b, ROUTING_TTL_S);
	put_servers(&b, address);
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

void routing_put_rt(struct buf *to, const char *address, const char *database)
{
	_cleanup_buf_ struct buf b = {0};

	pack_put_struct(&b, 1, BOLT_SUCCESS);
	pack_put_map(&b, 1);
	pack_put_text(&b, "rt");
	pack_put_map(&b, database ? 3 : 2);
	pack_put_text(&b, "ttl");
	pack_put_int(&b, ROUTING_TTL_S);
	pack_put_text(&b, "servers");
	put_servers(&b, address);
	if (database) {
		pack_put_text(&b, "db");
		pack_put_text(&b, database);
	}
	chunk_message(to, buf_str(&b), b.len);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "mdns.h"
#include "util.h"

#define HEAD 12
#define NAME_MAX_WIRE 255 /* RFC 1035 2.3.4 */
#define FLAG_RESPONSE 0x8000
#define FLAG_AUTHORITATIVE 0x0400
#define OPCODE_AND_RCODE 0x780f
#define TTL 10 /* RFC 6762 6.7: no more in a legacy answer */
#define RECORDS_MAX 64
#define CLASS_IN 1
#define CLASS_MASK 0x7fff /* the top bit means "flush" or "unicast, please" */

enum rr_type {
	RR_A = 1,
	RR_PTR = 12,
	RR_TXT = 16,
	RR_SRV = 33,
	RR_ANY = 255,
};

/* Where the parts of the service's name lie in every packet we make: right behind the head. */
#define AT_SERVICE HEAD
#define AT_LOCAL (HEAD + sizeof(MDNS_SERVICE)) /* a length byte for each dot, and one more */

static const uint8_t service[] = "\x08_bramble\x04_udp\x05local"; /* its NUL is the root */

_Static_assert(sizeof(service) == sizeof(MDNS_SERVICE) + sizeof("\x05local"), "one name");

/* --- reading */

struct reader {
	const uint8_t *p;
	size_t n, at;
	bool bad; /* once set everything reads as zero */
};

/* A name without compression, in lower case. */
struct dns_name {
	uint8_t wire[NAME_MAX_WIRE + 1];
	size_t n;
};

static const uint8_t *take(struct reader *r, size_t n)
{
	if (r->bad || n > r->n - r->at) {
		r->bad = true;
		return NULL;
	}
	r->at += n;
	return r->p + r->at - n;
}

static uint16_t take_u16(struct reader *r)
{
	const uint8_t *p = take(r, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

/* Appends the labels at r up to the root or a pointer; returns the pointer's target, or 0. */
static size_t take_labels(struct reader *r, struct dns_name *name)
{
	for (;;) {
		const uint8_t *len = take(r, 1);
		if (!len)
			return 0;
		if (*len >= 0xc0) {
			const uint8_t *low = take(r, 1);
			return low ? (size_t)(*len & 0x3f) << 8 | *low : 0;
		}
		const uint8_t *label = take(r, *len);
		if (*len > 63 || !label || name->n + 1 + *len > NAME_MAX_WIRE) {
			r->bad = true;
			return 0;
		}
		name->wire[name->n++] = *len;
		for (size_t i = 0; i < *len; i++)
			name->wire[name->n++] = lower(label[i]);
		if (*len == 0)
			return 0;
	}
}

/* Each pointer goes back, before the place of the one that was followed last: so this ends. */
static void take_name(struct reader *r, struct dns_name *name)
{
	size_t before = r->at;

	name->n = 0;
	size_t target = take_labels(r, name);
	while (target && !r->bad) {
		struct reader there = {r->p, r->n, target, target < HEAD || target >= before};
		before = target;
		target = take_labels(&there, name);
		r->bad = there.bad;
	}
}

static bool is_service(const uint8_t *wire, size_t n)
{
	return n == sizeof(service) && memcmp(wire, service, n) == 0;
}

/* INSTANCE._bramble._udp.local */
static bool is_instance(const struct dns_name *name)
{
	size_t first = 1u + name->wire[0];

	return name->n > first && is_service(name->wire + first, name->n - first);
}

/* Returns the flags; counts are of questions and of the three kinds of records together. */
static uint16_t take_head(struct reader *r, uint16_t *id, unsigned *questions, unsigned *records)
{
	*id = take_u16(r);
	uint16_t flags = take_u16(r);
	*questions = take_u16(r);
	*records = take_u16(r);
	*records += take_u16(r);
	*records += take_u16(r);
	return flags;
}

static bool take_question(struct reader *r)
{
	struct dns_name name;

	take_name(r, &name);
	uint16_t type = take_u16(r), class = take_u16(r) & CLASS_MASK;
	return !r->bad && is_service(name.wire, name.n) && (type == RR_PTR || type == RR_ANY) &&
	       (class == CLASS_IN || class == RR_ANY);
}

bool mdns_asks(const uint8_t *p, size_t n, uint16_t *id)
{
	struct reader r = {p, n, 0, n > MDNS_PACKET_MAX};
	unsigned questions, records;
	uint16_t flags = take_head(&r, id, &questions, &records);

	if (flags & (FLAG_RESPONSE | OPCODE_AND_RCODE))
		return false;
	for (unsigned i = 0; i < questions && i < RECORDS_MAX && !r.bad; i++) {
		if (take_question(&r))
			return true;
	}
	return false;
}

/* "n=pi1": a name as node.conf has it. */
static int read_node_name(const char *text, size_t n, struct mdns_node *node)
{
	if (n == 0 || n >= MDNS_NAME)
		return -1;
	memcpy(node->name, text, n);
	node->name[n] = '\0';
	return strspn(node->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n ? 0 : -1;
}

/* "c=0011223344556677" */
static int read_tag(const char *text, size_t n, struct mdns_node *node)
{
	char hex[2 * MDNS_TAG_SIZE + 1];

	if (n != sizeof(hex) - 1)
		return -1;
	memcpy(hex, text, n);
	hex[n] = '\0';
	return hex_decode(node->tag, MDNS_TAG_SIZE, hex);
}

/* RFC 6763 6: strings of a length and KEY=VALUE; unknown ones are a later version's. */
static void read_txt(struct reader *r, struct mdns_node *node)
{
	bool named = false, tagged = false;

	while (!r->bad && r->at < r->n) {
		const uint8_t *len = take(r, 1);
		const char *s = (const char *)take(r, *len);
		if (!s || *len < 2)
			continue;
		if (memcmp(s, "n=", 2) == 0)
			named = read_node_name(s + 2, *len - 2u, node) == 0;
		else if (memcmp(s, "c=", 2) == 0)
			tagged = read_tag(s + 2, *len - 2u, node) == 0;
	}
	r->bad |= !named || !tagged;
}

static void read_address(struct reader *r, struct mdns_node *node)
{
	const uint8_t *a = take(r, sizeof(node->address[0]));

	if (a && node->naddresses < MDNS_ADDRESSES)
		memcpy(&node->address[node->naddresses++], a, sizeof(node->address[0]));
}

/* Sets *found when it was the service's TXT record. */
static void read_record(struct reader *r, struct mdns_node *node, bool *found)
{
	struct dns_name name;

	take_name(r, &name);
	uint16_t type = take_u16(r), class = take_u16(r) & CLASS_MASK;
	(void)take(r, 4); /* TTL */
	size_t n = take_u16(r);
	const uint8_t *data = take(r, n);
	if (!data || class != CLASS_IN)
		return;
	struct reader rdata = {data, n, 0, false};
	if (type == RR_TXT && is_instance(&name)) {
		read_txt(&rdata, node);
		*found = true;
	} else if (type == RR_A) {
		read_address(&rdata, node);
	}
	r->bad |= rdata.bad;
}

int mdns_read(const uint8_t *p, size_t n, uint16_t id, struct mdns_node *node)
{
	struct reader r = {p, n, 0, n > MDNS_PACKET_MAX};
	unsigned questions, records;
	uint16_t got;
	bool found = false;

	*node = (struct mdns_node){0};
	uint16_t flags = take_head(&r, &got, &questions, &records);
	if (r.bad || got != id || !(flags & FLAG_RESPONSE) || (flags & OPCODE_AND_RCODE))
		return -1;
	if (questions > RECORDS_MAX || records > RECORDS_MAX)
		return -1;
	for (unsigned i = 0; i < questions; i++)
		(void)take_question(&r);
	for (unsigned i = 0; i < records; i++)
		read_record(&r, node, &found);
	return found && !r.bad ? 0 : -1;
}

/* --- writing: sizes are bounded by MDNS_NAME and MDNS_ADDRESSES, far below MDNS_ANSWER_MAX */

struct writer {
	uint8_t *p;
	size_t n;
};

static void put(struct writer *w, const void *p, size_t n)
{
	memcpy(w->p + w->n, p, n);
	w->n += n;
}

static void put_u16(struct writer *w, unsigned v)
{
	put(w, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void put_string(struct writer *w, const char *s)
{
	put(w, (uint8_t[]){(uint8_t)strlen(s)}, 1);
	put(w, s, strlen(s));
}

static void put_pointer(struct writer *w, size_t at)
{
	put_u16(w, 0xc000 | (unsigned)at);
}

static void put_head(struct writer *w, uint16_t id, unsigned flags, unsigned answers)
{
	put_u16(w, id);
	put_u16(w, flags);
	put_u16(w, 1);
	put_u16(w, answers);
	put_u16(w, 0);
	put_u16(w, 0);
	put(w, service, sizeof(service));
	put_u16(w, RR_PTR);
	put_u16(w, CLASS_IN);
}

/* What follows a record's name, up to its data; returns where its length goes. */
static size_t put_record(struct writer *w, enum rr_type type)
{
	put_u16(w, type);
	put_u16(w, CLASS_IN);
	put_u16(w, 0);
	put_u16(w, TTL);
	put_u16(w, 0);
	return w->n;
}

static void end_record(struct writer *w, size_t data)
{
	struct writer length = {w->p, data - 2};

	put_u16(&length, (unsigned)(w->n - data));
}

static void put_txt(struct writer *w, const struct mdns_node *node)
{
	char hex[2 * MDNS_TAG_SIZE + 1], name[MDNS_NAME + 2], tag[sizeof(hex) + 2];

	hex_encode(hex, node->tag, MDNS_TAG_SIZE);
	snprintf(tag, sizeof(tag), "c=%s", hex);
	snprintf(name, sizeof(name), "n=%s", node->name);
	put_string(w, "v=1");
	put_string(w, tag);
	put_string(w, name);
}

size_t mdns_query(uint16_t id, uint8_t to[MDNS_QUERY_MAX])
{
	struct writer w = {to, 0};

	put_head(&w, id, 0, 0);
	return w.n;
}

size_t mdns_answer(uint16_t id, const struct mdns_node *node, uint8_t to[MDNS_ANSWER_MAX])
{
	struct writer w = {to, 0};

	put_head(&w, id, FLAG_RESPONSE | FLAG_AUTHORITATIVE, 3 + (unsigned)node->naddresses);
	put_pointer(&w, AT_SERVICE);
	size_t data = put_record(&w, RR_PTR), instance = data;
	put_string(&w, node->name);
	put_pointer(&w, AT_SERVICE);
	end_record(&w, data);

	put_pointer(&w, instance);
	data = put_record(&w, RR_TXT);
	put_txt(&w, node);
	end_record(&w, data);

	put_pointer(&w, instance);
	data = put_record(&w, RR_SRV);
	put(&w, (uint8_t[]){0, 0, 0, 0}, 4); /* priority, weight */
	put_u16(&w, HELLO_PORT);
	size_t host = w.n;
	put_string(&w, node->name);
	put_pointer(&w, AT_LOCAL);
	end_record(&w, data);

	for (size_t i = 0; i < node->naddresses; i++) {
		put_pointer(&w, host);
		data = put_record(&w, RR_A);
		put(&w, &node->address[i], sizeof(node->address[i]));
		end_record(&w, data);
	}
	return w.n;
}

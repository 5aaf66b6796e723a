/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One-shot mDNS: questions, answers, names that are compressed, and names that are hostile. */
// use: node-agent/discover/mdns.c
#include <arpa/inet.h>
#include "node-agent/discover/mdns.h"
#include "tap.h"

static struct mdns_node sample(void)
{
	struct mdns_node n = {.tag = {0, 1, 2, 3, 4, 5, 6, 0xff}, .name = "pi1", .naddresses = 2};

	inet_pton(AF_INET, "169.254.7.9", &n.address[0]);
	inet_pton(AF_INET, "192.168.2.7", &n.address[1]);
	return n;
}

static void test_query(void)
{
	uint8_t q[MDNS_QUERY_MAX];
	uint16_t id = 0;
	size_t n = mdns_query(0x1234, q);

	is_int((long long)n, 37, "a question's size");
	ok(mdns_asks(q, n, &id), "it asks for the service");
	is_int(id, 0x1234, "with its id");
	q[n - 2] |= 0x80;
	ok(mdns_asks(q, n, &id), "also when it would like a unicast answer");
	q[n - 3] = 255;
	ok(mdns_asks(q, n, &id), "also when it asks for all there is");
	q[n - 3] = 1;
	ok(!mdns_asks(q, n, &id), "not when it asks for an address");
	q[n - 3] = 12;
	q[15] ^= 0x20;
	ok(mdns_asks(q, n, &id), "capitals are the same");
	q[15] = 'x';
	ok(!mdns_asks(q, n, &id), "another service is not ours");
	for (size_t i = 0; i < n; i++) {
		uint8_t whole[MDNS_QUERY_MAX];
		size_t size = mdns_query(1, whole);
		if (i < size && mdns_asks(whole, i, &id))
			ok(false, "a question cut at %zu is none", i);
	}
}

static void test_answer(void)
{
	struct mdns_node node = sample(), back;
	uint8_t a[MDNS_ANSWER_MAX];
	size_t n = mdns_answer(7, &node, a);
	uint16_t id;

	ok(n < 250, "an answer is small: %zu bytes", n);
	is_int(mdns_read(a, n, 7, &back), 0, "it is read");
	ok(memcmp(back.tag, node.tag, MDNS_TAG_SIZE) == 0, "its cluster");
	is_str(back.name, "pi1", "its node");
	is_int((long long)back.naddresses, 2, "its addresses");
	ok(back.address[0].s_addr == node.address[0].s_addr, "are the same");
	is_int(mdns_read(a, n, 8, &back), -1, "no answer to another question");
	ok(!mdns_asks(a, n, &id), "and no question");
	int cut = 0;
	for (size_t i = 0; i < n; i++)
		cut += mdns_read(a, i, 7, &back) == 0;
	is_int(cut, 0, "no part of it is one");
	memset(node.name, 'x', MDNS_NAME - 1);
	node.naddresses = MDNS_ADDRESSES;
	n = mdns_answer(7, &node, a);
	ok(n <= MDNS_ANSWER_MAX, "the largest: %zu bytes", n);
	is_int(mdns_read(a, n, 7, &back), 0, "is read, too");
}

/*
 * What Avahi 0.8 makes of its service file: all five records in the answer section, the name of
 * the instance with a blank, TXT strings in the order of the file.
 */
static const uint8_t from_avahi[] =
	"\x12\x34\x84\x00\x00\x01\x00\x04\x00\x00\x00\x00"
	"\x08_bramble\x04_udp\x05local\x00\x00\x0c\x00\x01"
	"\xc0\x0c\x00\x0c\x00\x01\x00\x00\x00\x0a\x00\x10\x0d"
	"bramble on p1\xc0\x0c"
	"\xc0\x31\x00\x10\x00\x01\x00\x00\x00\x0a\x00\x1c\x03v=1\x12"
	"c=00010203040506ff\x04n=p1"
	"\xc0\x31\x00\x21\x00\x01\x00\x00\x00\x0a\x00\x0b\x00\x00\x00\x00\x1d\x2f\x02p1\xc0\x1a"
	"\x02p1\xc0\x1a\x00\x01\x00\x01\x00\x00\x00\x0a\x00\x04\xa9\xfe\x0a\x01";

static void test_avahi(void)
{
	struct mdns_node node;

	is_int(mdns_read(from_avahi, sizeof(from_avahi) - 1, 0x1234, &node), 0, "Avahi's answer");
	is_str(node.name, "p1", "names the node");
	is_int(node.naddresses, 1, "and its address");
}

static size_t hostile(uint8_t *p, const void *name, size_t n)
{
	static const uint8_t head[] = {0, 7, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0};

	memcpy(p, head, sizeof(head));
	memcpy(p + sizeof(head), name, n);
	memset(p + sizeof(head) + n, 0, 10);
	return sizeof(head) + n + 10;
}

static void test_hostile(void)
{
	uint8_t p[512], deep[256];
	struct mdns_node node;

	is_int(mdns_read(p, hostile(p, "\xc0\x0c", 2), 7, &node), -1, "a name that is itself");
	is_int(mdns_read(p, hostile(p, "\x01x\xc0\x0c", 4), 7, &node), -1, "a name in itself");
	is_int(mdns_read(p, hostile(p, "\xc0\x20", 2), 7, &node), -1, "a pointer forwards");
	is_int(mdns_read(p, hostile(p, "\xc0\x02", 2), 7, &node), -1, "a pointer into the head");
	is_int(mdns_read(p, hostile(p, "\x40x", 2), 7, &node), -1, "a label of 64");
	is_int(mdns_read(p, hostile(p, "\xc0", 1), 7, &node), -1, "half a pointer");
	for (size_t i = 0; i < sizeof(deep); i += 2)
		memcpy(deep + i, "\x01x", 2);
	is_int(mdns_read(p, hostile(p, deep, sizeof(deep)), 7, &node), -1, "a name of 256 bytes");
	is_int(mdns_read(NULL, 0, 7, &node), -1, "nothing");
}

int main(void)
{
	test_query();
	test_answer();
	test_avahi();
	test_hostile();
	return done();
}

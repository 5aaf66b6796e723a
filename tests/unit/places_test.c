/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where peers are talked to, the book of addresses, the pauses of discovery. */
// use: node-agent/discover/whereabouts.c node-agent/discover/book.c node-agent/discover/mdns.c
// use: node-agent/discover/discover.c node-agent/discover/interfaces.c node-agent/local.c
#include <arpa/inet.h>
#include <unistd.h>
#include "io.h"
#include "node-agent/discover/book.h"
#include "node-agent/discover/discover.h"
#include "node-agent/discover/whereabouts.h"
#include "node-agent/local.h"
#include "tap.h"

static struct in_addr at(const char *text)
{
	struct in_addr a = {0};

	inet_pton(AF_INET, text, &a);
	return a;
}

/* Where it is talked to, as "A B C". */
static const char *targets(const struct whereabouts *w, bool present)
{
	static char text[128];
	struct in_addr to[WHEREABOUTS_MAX];
	size_t n = whereabouts_targets(w, present, to), len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s", i ? " " : "", inet_ntoa(to[i]));
	return text;
}

static void test_roaming(void)
{
	struct whereabouts w;

	whereabouts_begin(&w, at("0.0.0.0"));
	is_str(targets(&w, false), "", "nothing is known of it");
	whereabouts_maybe(&w, at("10.0.0.1"));
	whereabouts_maybe(&w, at("10.0.0.2"));
	whereabouts_maybe(&w, at("10.0.0.2"));
	is_str(targets(&w, false), "10.0.0.2 10.0.0.1", "the newest two places are tried");
	whereabouts_maybe(&w, at("10.0.0.3"));
	whereabouts_maybe(&w, at("10.0.0.2"));
	is_str(targets(&w, false), "10.0.0.2 10.0.0.3", "one of them again");
	whereabouts_heard(&w, at("10.0.0.3"), false);
	is_str(targets(&w, true), "10.0.0.3", "heard from there it is there");
	whereabouts_heard(&w, at("10.0.0.9"), true);
	is_str(targets(&w, true), "10.0.0.9", "and when it moves, elsewhere");
	whereabouts_maybe(&w, at("10.0.0.66"));
	is_str(targets(&w, true), "10.0.0.9", "a replay moves nothing");
	is_str(targets(&w, false), "10.0.0.9 10.0.0.66", "absent, both are tried");
}

static void test_configured(void)
{
	struct whereabouts w;

	whereabouts_begin(&w, at("10.0.0.1"));
	is_str(targets(&w, false), "10.0.0.1", "node.conf says where");
	whereabouts_heard(&w, at("10.0.0.1"), false);
	whereabouts_heard(&w, at("10.0.0.2"), true);
	is_str(targets(&w, true), "10.0.0.1", "and is believed while it is heard");
	whereabouts_heard(&w, at("10.0.0.2"), false);
	is_str(targets(&w, true), "10.0.0.2", "but where it is not, it is where it is heard");
	is_str(targets(&w, false), "10.0.0.2 10.0.0.1", "lost again, both are tried");
	whereabouts_heard(&w, at("10.0.0.1"), true);
	is_str(targets(&w, true), "10.0.0.1", "and it may come back");
}

static void test_book(void)
{
	static struct book b, back;
	_cleanup_buf_ struct buf text = {0};
	struct err e;

	book_add(&b, "pi1", at("169.254.7.9"));
	book_add(&b, "pi2", at("0.0.0.0"));
	book_add(&b, "pi3", at("10.0.0.3"));
	book_format(&b, &text);
	is_str(buf_str(&text),
		"node \"pi1\" { address = \"169.254.7.9\" }\n"
		"node \"pi3\" { address = \"10.0.0.3\" }\n",
		"a book");
	is_int(book_parse("book", buf_str(&text), &back, &e), 0, "is read");
	ok(book_find(&back, "pi3").s_addr == at("10.0.0.3").s_addr, "as it was written");
	ok(!book_find(&back, "pi2").s_addr, "who is nowhere is not in it");
	is_int(book_parse("book", "node \"x\" { address = \"y\" }", &back, &e), -1, "%s", e.msg);
	is_int(book_parse("book", "node \"x\" { }", &back, &e), -1, "%s", e.msg);
	is_int(book_parse("book", "no book", &back, &e), -1, "%s", e.msg);
	is_int(book_load("/nonexistent/book", &back, &e), 0, "no file is an empty one");
}

static void test_pauses(void)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < 3; i++)
		sum += discover_pause_ms(i, 12345);
	is_int(sum, 9000, "it asks after 1, 3 and 9 s");
	is_int(discover_pause_ms(3, 0), 30000, "then every 30 s");
	ok(discover_pause_ms(1000, UINT32_MAX) < 60000, "to 60 s");
}

static int load(const char *text, struct local *l, struct err *e)
{
	char path[] = "/tmp/bramble-places-test.XXXXXX";
	_cleanup_close_ int fd = mkstemp(path);

	if (fd < 0 || io_write_full(fd, text, strlen(text)) < 0)
		return -2;
	int r = local_load(path, l, e);
	unlink(path);
	return r;
}

static void test_local(void)
{
	struct local l;
	struct err e;

	is_int(load("address = \"10.1.2.3\"\nseeds = {\"10.1.2.4\", \"10.1.2.5\"}\n", &l, &e), 0,
		"local.conf");
	ok(l.address.s_addr == at("10.1.2.3").s_addr && l.nseeds == 2, "has address and seeds");
	is_int(load("address = \"dhcp\"\n", &l, &e), 0, "by DHCP");
	ok(l.by_network && !l.address.s_addr, "the network gives one");
	is_int(load("", &l, &e), 0, "it may be empty");
	ok(!l.by_network, "then it says nothing of one");
	is_int(load("address = \"here\"\n", &l, &e), -1, "%s", e.msg);
	is_int(load("seeds = {\"there\"}\n", &l, &e), -1, "%s", e.msg);
}

int main(void)
{
	test_roaming();
	test_configured();
	test_book();
	test_pauses();
	test_local();
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Of a proxy's configuration the nodes change the members' addresses themselves, and nothing else.
 */
#include "proxy_lines.h"
#include "tap.h"

#define HEAD "limits { maxconn = 60 }\n"

static void test_same(void)
{
	_cleanup_buf_ struct buf there = {0}, wanted = {0}, other = {0};

	buf_puts(&there, HEAD);
	proxy_lines_member(&there, "pi1", 1, "10.0.0.9");
	proxy_lines_member(&there, "pi2", 2, "10.0.0.8");
	buf_puts(&wanted, HEAD);
	proxy_lines_member(&wanted, "pi1", 1, "192.0.2.1");
	proxy_lines_member(&wanted, "pi2", 2, "192.0.2.2");
	ok(proxy_lines_same(buf_str(&there), buf_str(&wanted)), "where they are is no change");
	proxy_lines_member(&wanted, "pi3", 3, "192.0.2.3");
	ok(!proxy_lines_same(buf_str(&there), buf_str(&wanted)), "one more is");
	ok(!proxy_lines_same(buf_str(&wanted), buf_str(&there)), "so is one less");
	buf_puts(&other, HEAD);
	proxy_lines_member(&other, "pi1", 2, "10.0.0.9");
	proxy_lines_member(&other, "pi2", 1, "10.0.0.8");
	ok(!proxy_lines_same(buf_str(&there), buf_str(&other)), "another id");
}

int main(void)
{
	test_same();
	ok(proxy_lines_same("", "") && proxy_lines_same("a\nb\n", "a\nb\n"), "the same text");
	ok(!proxy_lines_same("a\n", "b\n") && !proxy_lines_same("a\n", ""), "another line");
	ok(!proxy_lines_same("member \"a\" { id = 1 }\n", "member \"a\" { id = 2 }\n"),
		"a member's line without addresses counts as a whole");
	ok(!proxy_lines_same("x http = \"1\"\n", "x http = \"2\"\n"), "as does one of others");
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which board a card belongs to: pinned, moved, copied. */
// use: node-agent/pin.c
#include <stdlib.h>
#include "io.h"
#include "node-agent/pin.h"
#include "tap.h"
#include "util.h"

static char root[] = "/tmp/bramble-pin-test.XXXXXX";

static void write_text(const char *path, const char *text, size_t n)
{
	_cleanup_free_ char *full = xasprintf("%s/%s", root, path);
	struct err e;

	if (io_write_atomic(full, text, n, 0644, &e) < 0)
		ok(false, "%s", e.msg);
}

static struct pin in_board(const char *serial, int64_t now_ms)
{
	struct pin p;

	write_text("proc/device-tree/serial-number", serial, strlen(serial) + 1);
	pin_open(&p, root, now_ms);
	return p;
}

static int check(struct pin *p, int64_t now_ms, int64_t heard_ms, int64_t refused_ms, struct err *e)
{
	struct pin_look look = {now_ms, heard_ms, refused_ms, false};

	return pin_check(p, root, &look, e);
}

static void test_pinned(void)
{
	struct pin p = in_board("10000000abcdef01", 1000);
	struct err e;

	is_str(p.own, "10000000abcdef01", "the board's serial number");
	is_int(check(&p, 1000, -1, -1, &e), 0, "the first boot pins it");
	p = in_board("10000000abcdef01", 2000);
	is_int(check(&p, 2000, -1, -1, &e), 0, "the same board");
	ok(!p.asks, "is sure at once");
	is_int(check(&p, 5000, 4000, 4000, &e), -1, "refused, it stays out: %s", e.msg);
	ok(p.asks, "and asks");
	is_int(check(&p, 4000 + 2 * PIN_GRACE_MS, 4000, 4000, &e), 0, "until nobody refuses it");
}

static void test_moved(void)
{
	struct pin p = in_board("10000000abcdef02", 1000);
	struct err e;

	is_int(check(&p, 1000, -1, -1, &e), -1, "another board waits: %s", e.msg);
	ok(p.asks, "and asks");
	is_int(check(&p, 1000 + 10 * PIN_GRACE_MS, -1, -1, &e), -1,
		"while nobody answers, for ever");
	ok(strstr(e.msg, "no other member has answered"), "and says so: %s", e.msg);
	is_int(check(&p, PIN_GRACE_MS, 2000, -1, &e), -1, "heard, for the grace time");
	is_int(check(&p, 1000 + PIN_GRACE_MS, 2000, 30000, &e), -1, "refused: %s", e.msg);
	is_int(check(&p, 30000 + PIN_GRACE_MS - 1, 60000, 30000, &e), -1, "anew from then");
	is_int(check(&p, 30000 + PIN_GRACE_MS, 60000, 30000, &e), 0, "then it is pinned anew");
	ok(!p.asks, "and sure");
	is_int(check(&p, 30500 + PIN_GRACE_MS, 60000, 30000, &e), 0, "and stays so");
	is_int(check(&p, 31000 + PIN_GRACE_MS, 60000, 30900 + PIN_GRACE_MS, &e), -1,
		"until it is refused again: %s", e.msg);
	p = in_board("10000000abcdef01", 1000);
	is_int(check(&p, 1000, -1, -1, &e), -1, "back in the first board it waits: %s", e.msg);
	struct pin_look alone = {1000 + PIN_GRACE_MS, -1, -1, true};
	is_int(pin_check(&p, root, &alone, &e), 0,
		"where it is the only member it need not hear any");
}

/* The last card that is left, in another board. */
static void test_believed(void)
{
	struct pin p = in_board("10000000abcdef07", 1000);
	struct err e;

	ok(!pin_believe(&p), "a card that does not wait needs no word of a person");
	is_int(check(&p, 2000, -1, -1, &e), -1, "nobody answers: %s", e.msg);
	ok(pin_believe(&p), "a person says that those who could are lost");
	is_int(check(&p, 3000, -1, 2500, &e), -1, "refused, it is a copy all the same");
	is_int(check(&p, 3000, -1, -1, &e), 0, "else it is in its place");
	p = in_board("10000000abcdef07", 4000);
	is_int(check(&p, 4000, -1, -1, &e), 0, "for good");
}

static void test_unknown(void)
{
	struct pin p = in_board("0000000000000000", 1000);
	struct err e;

	is_str(p.own, "", "zeros are no serial number");
	is_int(check(&p, 1000, -1, -1, &e), 0, "a board that tells none is not compared");
	p = in_board("not a number", 1000);
	is_str(p.own, "", "nor is any text");
	write_text("bramble.serial", "serial = \"", 10);
	p = in_board("10000000abcdef03", 1000);
	is_int(check(&p, 1000, -1, -1, &e), 0, "a damaged file is pinned anew");
	p = in_board("10000000abcdef04", 1000);
	is_int(check(&p, 1000, -1, -1, &e), -1, "and then holds");
}

int main(void)
{
	struct err e;

	if (!mkdtemp(root))
		return 1;
	_cleanup_free_ char *dir = xasprintf("%s/proc/device-tree", root);
	if (io_mkdir_p(dir, 0755, &e) < 0)
		return 1;
	test_pinned();
	test_moved();
	test_believed();
	test_unknown();
	if (io_remove_tree(root, &e) < 0)
		return 1;
	return done();
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent keeps on p3 and in /run: whole or as before, and never believed when damaged. */
// use: node-agent/memory.c node-agent/runtime.c node-agent/quorum/wire.c
// use: node-agent/quorum/manifest.c
#include <sodium.h>
#include <sys/stat.h>
#include "io.h"
#include "node-agent/memory.h"
#include "node-agent/runtime.h"
#include "tap.h"

static char dir[] = "/tmp/bramble-memory-test.XXXXXX";

static char *in_dir(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static struct durable sample(void)
{
	struct durable d = {.incarnation = 42,
		.manifest = {.epoch = 2,
			.run = 1,
			.hosts = {{1u << 1 | 1u << 2, 0}},
			.n = 2,
			.member = {{.id = 1, .name = "pi1"}, {.id = 2, .name = "pi2"}}},
		.acceptor = {.promised = 0x301},
		.granted = {3, 1, 2},
		.basis = {2, 1, 1},
		.followed = {2, 1, 1}};

	return d;
}

static bool same(const struct durable *a, const struct durable *b)
{
	uint8_t x[MEMORY_MAX], y[MEMORY_MAX];
	size_t n = memory_format(a, x);

	return memory_format(b, y) == n && memcmp(x, y, n) == 0;
}

static void test_memory(void)
{
	struct durable d = sample(), back;
	struct stat st;
	struct err e;
	_cleanup_free_ char *path = in_dir("bramble.quorum");

	is_int(memory_load(dir, &back, &e), 0, "a card without the file");
	ok(back.incarnation && !back.manifest.epoch && !back.granted.term, "begins anew");
	uint64_t first = back.incarnation;
	is_int(memory_load(dir, &back, &e), 0, "and reads it again");
	ok(back.incarnation == first, "with the same incarnation");
	is_int(memory_save(dir, &d, &e), 0, "saved");
	ok(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "for root's eyes only");
	is_int(memory_load(dir, &back, &e), 0, "and read");
	ok(same(&d, &back), "it is the same");
	d.acceptor.accepted = 0x301;
	d.acceptor.value = d.manifest;
	is_int(memory_save(dir, &d, &e), 0, "with a value accepted");
	ok(memory_load(dir, &back, &e) == 0 && same(&d, &back), "the same");
}

static void test_damage(void)
{
	struct durable d = sample(), back;
	uint8_t bytes[MEMORY_MAX];
	size_t n = memory_format(&d, bytes);
	int believed = 0;
	struct err e;

	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= 1;
		believed += memory_parse(bytes, n, &back) == 0;
		bytes[i] ^= 1;
	}
	for (size_t i = 0; i < n; i++)
		believed += memory_parse(bytes, i, &back) == 0;
	is_int(believed, 0, "no bit can be changed, no byte be missing");

	_cleanup_free_ char *path = in_dir("bramble.quorum");
	_cleanup_free_ char *kept = in_dir("bramble.quorum.damaged");
	is_int(io_write_atomic(path, "torn", 4, 0600, &e), 0, "a torn file");
	is_int(memory_load(dir, &back, &e), 0, "is no end");
	ok(back.incarnation && back.incarnation != d.incarnation, "but a new incarnation");
	ok(access(kept, F_OK) == 0, "and it is kept");
	is_int(memory_load("/nonexistent", &back, &e), -1, "no folder: %s", e.msg);
}

/* Half a number would be a lease of another length. */
static void test_half(void)
{
	static const char *const texts[] = {
		"", "12", "12\n\n", " 12\n", "-12\n", "012\n", "12x\n", "99999999999999999999\n"};
	_cleanup_free_ char *lease = in_dir("lease");
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		size_t n = strlen(texts[i]);
		ok(io_write_atomic(lease, texts[i], n, 0644, &e) == 0 &&
				lease_load(dir) == (texts[i][0] == '-' ? -12 : 0),
			"lease %zu is over", i);
	}
	ok(io_write_atomic(lease, "12\n", 3, 0644, &e) == 0 && lease_load(dir) == 12,
		"a whole number is believed");
}

static void test_runtime(void)
{
	struct runtime r = {.run = 3, .formed = true, .hosts = {{0xe, 1}}}, back;
	struct err e;
	_cleanup_free_ char *path = in_dir("run");

	runtime_load(dir, &back);
	ok(back.run == 0 && lease_load(dir) == 0, "nothing was started, no lease");
	is_int(runtime_save(dir, &r, &e), 0, "saved");
	runtime_load(dir, &back);
	ok(back.run == 3 && back.formed && idset_equal(&back.hosts, &r.hosts), "and read");
	static const char *const strange[] = {
		"run x", "run 3 formed 1 hosts e 1", "run 3 formed 2 hosts e 1\n"};
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++) {
		is_int(io_write_atomic(path, strange[i], strlen(strange[i]), 0644, &e), 0,
			"a strange file");
		runtime_load(dir, &back);
		ok(back.run == 0 && idset_count(&back.hosts) == 0, "is none");
	}
	is_int(lease_save(dir, LEASE_NEVER_ENDS, &e), 0, "a lease without end");
	ok(lease_load(dir) == LEASE_NEVER_ENDS, "is read back");
}

int main(void)
{
	struct err e;

	if (sodium_init() < 0 || !mkdtemp(dir))
		return 1;
	test_memory();
	test_damage();
	test_runtime();
	test_half();
	(void)!io_remove_tree(dir, &e);
	return done();
}

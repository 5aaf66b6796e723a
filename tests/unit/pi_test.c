/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which Raspberry Pi boots what, and what a cluster.conf says of its nodes' boards. */
// use: builder/cluster/cluster_neo4j.c
// use: builder/cluster/cluster_tls.c
// use: builder/cluster/cluster.c builder/cluster/cluster_overlay.c builder/cluster/pi.c
// use: builder/arch.c
#include "builder/cluster/cluster.h"
#include "io.h"
#include "tap.h"

static const struct boot_case {
	const char *board;
	enum arch arch;
	unsigned release;
	const char *says; /* NULL: it boots */
} boots[] = {
	{"2b", ARCH_ARMHF, 12, NULL},
	{"2b", ARCH_ARMHF, 8, NULL},
	{"2b", ARCH_ARM64, 12, "a Raspberry Pi 2 B does not boot an arm64 base"},
	{"2b-1.2", ARCH_ARM64, 12, NULL},
	{"3b+", ARCH_ARMHF, 8, "does not boot the base's; it needs stretch or later"},
	{"4b", ARCH_ARM64, 11, NULL},
	{"4b", ARCH_ARMHF, 9, "it needs buster or later"},
	{"5", ARCH_ARM64, 11, "it needs bookworm or later"},
	{"5", ARCH_ARMHF, 12, NULL},
	{"5", ARCH_AMD64, 12, "take an arm64 or armhf one"},
	{"2b", ARCH_AMD64, 12, "take an armhf one"},
	{"zero2w", ARCH_ARM64, 13, NULL},
	{"1b+", ARCH_ARMHF, 12, "bramble's programs need ARMv7"},
	{"zerow", ARCH_ARM64, 12, "bramble's programs need ARMv7"},
};

static void test_base(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(boots); i++) {
		const struct boot_case *c = &boots[i];
		struct err e = {0};
		int rc = pi_check_base(pi_find(c->board), c->arch, c->release, "the base's", &e);
		ok(c->says ? rc < 0 && e.code == EXIT_CONFIG && strstr(e.msg, c->says) : rc == 0,
			"%s with %s of release %u: %s", c->board, arch_name(c->arch), c->release,
			rc < 0 ? e.msg : "boots");
	}
	ok(!pi_find("6") && !pi_find(""), "no such board");
}

static const struct conf_case {
	const char *cluster, *node; /* keys */
	unsigned memory_mb;         /* of the node; 0: refused */
	const char *says;
} confs[] = {
	{"", "", 1024, NULL},
	{"memory_mb = 2048", "", 2048, NULL},
	{"board = \"2b\"", "", 1024, NULL},
	{"board = \"zero2w\"", "", 512, NULL},
	{"board = \"4b\" memory_mb = 8192", "", 8192, NULL},
	{"board = \"4b\" memory_mb = 8192", "memory_mb = 2048", 2048, NULL},
	{"board = \"4b\" memory_mb = 8192", "board = \"2b\"", 1024, NULL},
	{"board = \"2b\"", "board = \"5\" memory_mb = 16384", 16384, NULL},
	{"board = \"4b\" memory_mb = 3072", "", 0, "has 1024, 2048, 4096, 8192"},
	{"board = \"2b\"", "memory_mb = 2048", 0, "memory_mb = 2048: a Raspberry Pi 2 B has 1024"},
	{"board = \"6\"", "", 0, "board \"6\" is none of 2b, "},
	{"", "board = \"\"", 0, "is none of"},
	{"memory_mb = 100", "", 0, "is not 256 to 65536"},
	{"memory_mb = -1", "", 0, "is not 256 to 65536"},
};

static void test_conf(void)
{
	char dir[] = "/tmp/bramble-pi-test.XXXXXX";

	if (!mkdtemp(dir))
		return;
	_cleanup_free_ char *path = xasprintf("%s/c.conf", dir);
	for (size_t i = 0; i < ARRAY_SIZE(confs); i++) {
		const struct conf_case *k = &confs[i];
		_cleanup_free_ char *text = xasprintf(
			"cluster \"c\" { base = \"b\" neo4j = \"n\" %s\n"
			"network { subnet = \"10.0.0.0/24\" } node \"n1\" { roles = {\"data\"} "
			"id = 1 address = \"10.0.0.1\" %s } }\n",
			k->cluster, k->node);
		struct err e = {0};
		if (io_write_atomic(path, text, strlen(text), 0600, &e) < 0)
			break;
		_cleanup_cluster_ struct cluster *c = cluster_load(path, &e);
		ok(k->says ? !c && strstr(e.msg, k->says)
			   : c && c->nodes[0].memory_mb == k->memory_mb,
			"{%s} node {%s}: %s", k->cluster, k->node, c ? "loads" : e.msg);
	}
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	test_base();
	test_conf();
	return done();
}

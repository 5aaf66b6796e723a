/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <string.h>
#include "show.h"
#include "verify.h"

static const struct check checks[] = {
	{"partition table", check_partitions},
	{"partitions within the card", check_bounds},
	{"alignment", check_alignment},
	{"boot filesystem", check_boot},
	{"root filesystem", check_root},
	{"data filesystem", check_data},
	{"hash in manifest.json", check_manifest},
	{"PARTUUIDs", check_partuuids},
	{"first boot", check_first_boot},
	{"identity", check_identity},
	{"data partition's owner", check_marker},
	{"Neo4j", check_neo4j},
	{"enabled units", check_units},
	{"programs", check_programs},
	{"secrets", check_secrets},
	{"ssh host keys", check_host_keys},
	{"passwords", check_passwords},
	{"cluster.conf", check_cluster},
};

static enum verdict say_why(struct verify *v, enum verdict verdict, const char *fmt, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), fmt, ap);
	v->why.len = 0;
	buf_puts(&v->why, text);
	return verdict;
}

enum verdict verify_noted(struct verify *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	enum verdict verdict = say_why(v, VERDICT_OK, fmt, ap);
	va_end(ap);
	return verdict;
}

enum verdict verify_failed(struct verify *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	enum verdict verdict = say_why(v, VERDICT_FAILED, fmt, ap);
	va_end(ap);
	return verdict;
}

enum verdict verify_not_checked(struct verify *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	enum verdict verdict = say_why(v, VERDICT_NOT_CHECKED, fmt, ap);
	va_end(ap);
	return verdict;
}

/* A card may begin with a store (build --restore): then no Neo4j is named yet. */
bool card_has_run(const struct card *c)
{
	const char *state = c->data.state;

	return state && strcmp(state, "virgin") != 0 &&
	       (strcmp(state, "restore") != 0 || c->data.neo4j);
}

/* The reason may have a note even when all is well. */
static void print_check(const struct check *c, enum verdict verdict, const struct buf *why)
{
	static const char *const names[] = {
		[VERDICT_OK] = "ok",
		[VERDICT_FAILED] = "failed",
		[VERDICT_NOT_CHECKED] = "not checked",
	};
	_cleanup_free_ char *text = printable(buf_str(why), false);

	printf("  %-11s  %s%s%s\n", names[verdict], c->name, *text ? ": " : "", text);
	fflush(stdout);
}

void verify_card(const struct card *c, const struct cluster *cluster, struct verify_count *count)
{
	struct verify v = {.card = c, .cluster = cluster};
	struct err ignored;
	unsigned *counters[] = {
		[VERDICT_OK] = &count->ok,
		[VERDICT_FAILED] = &count->failed,
		[VERDICT_NOT_CHECKED] = &count->not_checked,
	};

	*count = (struct verify_count){0};
	if (c->fs[CARD_ROOT].kind == FS_EXT4)
		v.root = card_open_ext4(c, CARD_ROOT, &ignored);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		v.why.len = 0;
		buf_add(&v.why, "", 0);
		enum verdict verdict = checks[i].run(&v);
		print_check(&checks[i], verdict, &v.why);
		++*counters[verdict];
	}
	ext4_abandon(&v.root);
	buf_free(&v.why);
}

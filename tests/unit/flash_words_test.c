/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What flash reads from the command line, and what it shows of a card. */
// use: builder/flash/operands.c builder/flash/board.c
#include "builder/flash/board.h"
#include "builder/flash/flash.h"
#include "tap.h"

struct line {
	const char *words[4];
	const char *want; /* "image>device ..." or what the error says */
	bool refused;
};

static const struct line lines[] = {
	{{"pi1", "/dev/sdb"}, "pi1>/dev/sdb ", false},
	{{"pi1", "/dev/sdb", "/dev/sdc"}, "pi1>/dev/sdb pi1>/dev/sdc ", false},
	{{"pi1=/dev/sdb", "pi2=/dev/sdc"}, "pi1>/dev/sdb pi2>/dev/sdc ", false},
	{{"a/pi1.img=/dev/sdb"}, "a/pi1.img>/dev/sdb ", false},
	{{"pi1=/dev/disk/by-id/a=b"}, "pi1>/dev/disk/by-id/a=b ", false},
	{{"pi1", "/dev/disk/by-id/a=b"}, "pi1>/dev/disk/by-id/a=b ", false},
	{{"pi1"}, "onto which card", true},
	{{"/dev/sdb"}, "onto which card", true},
	{{"pi1=/dev/sdb", "/dev/sdc"}, "\"/dev/sdc\" is no NODE=DEVICE", true},
	{{"pi1=/dev/sdb", "pi2="}, "\"pi2=\" is no NODE=DEVICE", true},
	{{"=/dev/sdb"}, "\"=/dev/sdb\" is no NODE=DEVICE", true},
	{{"pi1", "pi2=/dev/sdc"}, "either one image", true},
};

static void test_operands(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct line *l = &lines[i];
		_cleanup_buf_ struct buf got = {0};
		struct operand *operands;
		struct err e = {0};
		size_t n = 0, count;

		while (n < ARRAY_SIZE(l->words) && l->words[n])
			n++;
		int rc = operands_parse((char *const *)l->words, n, &operands, &count, &e);
		for (size_t k = 0; k < count; k++)
			buf_printf(&got, "%s>%s ", operands[k].image, operands[k].device);
		operands_free(operands, count);
		if (l->refused)
			ok(rc < 0 && e.code == EXIT_USAGE && strstr(e.msg, l->want), "%s", e.msg);
		else
			is_str(rc < 0 ? e.msg : buf_str(&got), l->want, "%s...", l->words[0]);
	}
}

struct look {
	enum job_phase phase;
	uint64_t done;
	int64_t quiet_ms;
	const char *want;
};

/* 100 MB, 10 s after the phase began. */
static const struct look looks[] = {
	{JOB_WAITING, 0, 0, "/dev/sdb  pi1 of garden  waiting"},
	{JOB_WRITING, 0, 100, "/dev/sdb  pi1 of garden  writing   [....................]   0%  "},
	{JOB_WRITING, 25000000, 100,
		"/dev/sdb  pi1 of garden  writing   [#####...............]  25%    2.5 MB/s  0:30 "
		"left"},
	{JOB_VERIFYING, 1000000, 100,
		"/dev/sdb  pi1 of garden  verifying [....................]   1%    0.1 MB/s  16:30 "
		"left"},
	{JOB_VERIFYING, 100000000, 100,
		"/dev/sdb  pi1 of garden  verifying [####################] 100%   10.0 MB/s  0:00 "
		"left"},
	{JOB_WRITING, 25000000, 7500,
		"/dev/sdb  pi1 of garden  writing   [#####...............]  25%  no answer for 7 "
		"s"},
	{JOB_DONE, 100000000, 0, "/dev/sdb  pi1 of garden  done"},
	{JOB_FAILED, 100, 0, "/dev/sdb  pi1 of garden  failed"},
};

static void test_board(void)
{
	struct plan plan = {.label = xstrdup("pi1 of garden"), .bytes = 100000000};
	struct job job = {.plan = &plan, .device.path = xstrdup("/dev/sdb")};
	int64_t now = 50000;

	for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
		const struct look *k = &looks[i];
		struct board_line l = {.phase = k->phase,
			.done = k->done,
			.begun_ms = now - 10000,
			.changed_ms = now - k->quiet_ms};
		_cleanup_free_ char *text = board_text(&job, &l, now);
		is_str(text, k->want, "line %zu", i);
	}
	plan.bytes = 0;
	struct board_line none = {.phase = JOB_WRITING, .begun_ms = now, .changed_ms = now};
	_cleanup_free_ char *text = board_text(&job, &none, now);
	ok(strstr(text, "100%"), "nothing to do is all of it");
	free(plan.label);
	free(job.device.path);
}

int main(void)
{
	test_operands();
	test_board();
	return done();
}

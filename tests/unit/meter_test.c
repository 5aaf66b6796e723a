/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The line a download redraws. */
// use: builder/fetch/meter.c
#include "builder/fetch/meter.h"
#include "tap.h"
#include "util.h"

#define MB 1000000

struct a_case {
	const char *what;
	struct meter m; /* began at 0 ms */
	int64_t now_ms;
	const char *want;
};

static const struct a_case cases[] = {
	{"half of it", {.done = 50 * MB, .total = 100 * MB, .moved_ms = 5000}, 5000,
		"x  [##########..........]  50% of 100 MB  10.0 MB/s  0:00:05 left"},
	{"the rate is this connection's",
		{.first = 40 * MB, .done = 50 * MB, .total = 100 * MB, .moved_ms = 5000}, 5000,
		"x  [##########..........]  50% of 100 MB  2.0 MB/s  0:00:25 left"},
	{"all of it", {.done = 100 * MB, .total = 100 * MB, .moved_ms = 5000}, 5000,
		"x  [####################] 100% of 100 MB  20.0 MB/s"},
	{"nobody knows how much", {.done = 50 * MB, .moved_ms = 5000}, 5000, "x  50 MB  10.0 MB/s"},
	{"at the first moment", {.total = 100 * MB}, 0,
		"x  [....................]   0% of 100 MB  "},
	{"silence", {.done = 50 * MB, .total = 100 * MB, .moved_ms = 1000}, 8000,
		"x  [##########..........]  50% of 100 MB  nothing came for 7 s"},
	{"hours, and never days", {.done = MB, .total = 1000000ULL * MB, .moved_ms = 9000}, 9000,
		"x  [....................]   0% of 1000000 MB  0.1 MB/s  99:59:59 left"},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct meter m = cases[i].m;
		m.what = "x";
		_cleanup_free_ char *got = meter_text(&m, cases[i].now_ms);
		is_str(got, cases[i].want, "%s", cases[i].what);
	}
	return done();
}

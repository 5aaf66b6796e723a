/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>
#include "clock_set.h"

/* systemd says there which container manager it runs under. */
bool clock_is_shared(void)
{
	return access("/run/systemd/container", F_OK) == 0;
}

static struct timeval span(int64_t ms)
{
	int64_t s = ms / 1000;

	if (ms % 1000 < 0)
		s--;
	return (struct timeval){
		.tv_sec = (time_t)s, .tv_usec = (suseconds_t)(ms - s * 1000) * 1000};
}

/* The kernel adds: nothing is lost between reading the clock and writing it. */
static int step(int64_t by_ms)
{
	struct timeval by = span(by_ms);
	struct timex t = {.modes = ADJ_SETOFFSET, .time = by};

	return adjtimex(&t);
}

int clock_set(int64_t by_ms, bool by_and_by, struct err *e)
{
	struct timeval by = span(by_ms);

	if (clock_is_shared())
		return err_set(e, "the clock is not set: a container shares its machine's");
	if ((by_and_by ? adjtime(&by, NULL) : step(by_ms)) < 0)
		return err_errno(e, "the clock cannot be set");
	return 0;
}

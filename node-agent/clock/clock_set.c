/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sys/time.h>
#include <sys/timex.h>
#include <unistd.h>
#include "clock_set.h"
#include "util.h"

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

static int refuse_shared(struct err *e)
{
	return clock_is_shared()
		       ? err_set(e, "the clock is not set: a container shares its machine's")
		       : 0;
}

/* The kernel adds: nothing is lost between reading the clock and writing it. */
int clock_set(int64_t base_ms, struct err *e)
{
	if (refuse_shared(e) < 0)
		return -1;
	struct timex t = {
		.modes = ADJ_SETOFFSET, .time = span(base_ms - (realtime_ms() - boottime_ms()))};
	return adjtimex(&t) < 0 ? err_errno(e, "the clock cannot be set") : 0;
}

int clock_slew(int64_t by_ms, struct err *e)
{
	struct timeval by = span(by_ms);

	if (refuse_shared(e) < 0)
		return -1;
	return adjtime(&by, NULL) < 0 ? err_errno(e, "the clock cannot be slewed") : 0;
}

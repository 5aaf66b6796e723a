/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said when a tool fails, and what an interruption looks like. */
// use: builder/run.c
#include "image.h"

static int sh(const char *script, struct buf *out, struct err *e)
{
	const char *const argv[] = {"sh", "-c", script, NULL};

	*e = (struct err){0};
	return run_tool(argv, NULL, out, 0, e);
}

int main(void)
{
	_cleanup_buf_ struct buf out = {0}, in = {0};
	const char *const cat[] = {"cat", NULL};
	struct err e;

	is_int(sh("echo out; echo err >&2", &out, &e), 0, "a tool that works");
	is_str(buf_str(&out), "out\n", "its output");
	buf_free(&out);
	for (int i = 0; i < 100000; i++)
		buf_puts(&in, "0123456\n");
	is_int(run_tool(cat, &in, &out, 0, &e), 0, "more than a pipe holds");
	is_int((long long)out.len, 800000, "comes back");
	sh("echo >&2; echo 'sh: Warning: whatever' >&2; echo 'the reason' >&2; exit 3", NULL, &e);
	is_str(e.msg, "sh: the reason", "the reason, not a warning before it");
	sh("exit 3", NULL, &e);
	is_str(e.msg, "sh ended with status 3", "a silent tool");
	sh("kill -9 $$", NULL, &e);
	is_str(e.msg, "sh was killed by signal 9", "a killed tool");
	const char *const none[] = {"no-such-tool", NULL};
	ok(run_tool(none, NULL, NULL, 0, &e) < 0 && strstr(e.msg, "not installed"), "no tool");
	ok(run_check_path("/a b/c@d", &e) == 0, "an odd path");
	ok(run_check_path("/a@@b", &e) < 0, "a path mtools would split");
	ok(run_check_path("/a?b", &e) < 0, "a path e2fsprogs would split");
	interrupted = 1;
	sh("kill -2 $$", NULL, &e);
	is_int(e.code, EXIT_INTERRUPTED, "a tool that Ctrl-C ended is no failure of its own");
	return done();
}

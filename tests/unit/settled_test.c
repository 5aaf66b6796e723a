/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Has a node the configuration it is to have? An upgrade waits for that. */
// use: builder/live/settled.c
#include "live/remote.h"
#include "tap.h"

int main(void)
{
	static const struct {
		struct remote_status s;
		bool settled;
		const char *what;
	} cases[] = {
		{{.generation = 1}, true, "what cards were built with"},
		{{.generation = 2, .decided = 2, .goal = 2}, true, "what all are to run"},
		{{.generation = 1, .decided = 2, .goal = 2}, false, "one that is still to come"},
		{{.generation = 1, .decided = 2}, true, "a newer one was withdrawn"},
		{{.generation = 2, .decided = 2}, false, "a withdrawn one is still there"},
		{{.generation = 2, .decided = 2, .goal = 1}, false, "the same, after a good one"},
		{{.generation = 1, .decided = 2, .goal = 1, .owed = 2}, false,
			"a withdrawn one is there in part"},
		{{.generation = 3, .decided = 2, .goal = 2}, true,
			"a card was flashed with a newer one"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(remote_is_settled(&cases[i].s) == cases[i].settled, "%s", cases[i].what);
	return done();
}

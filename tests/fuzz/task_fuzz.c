/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as p3's file of a task. What must hold: what is accepted is within its bounds, and is
 * the same when it is written and read again.
 */
// use: node-agent/task/task.c node-agent/task/task_file.c
// use: node-agent/marker.c node-agent/identity.c node-agent/hello.c node-agent/quorum/wire.c
#include "fuzz.h"
#include "node-agent/task/task.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char dir[] = "/tmp/task-fuzz-XXXXXX";
	static bool made;
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	struct task t, again;
	struct err e;

	must(made || mkdtemp(dir));
	made = true;
	if (task_parse("task", text, &t, &e) < 0) {
		must(t.step == TASK_NONE);
		return 0;
	}
	must(t.id && t.step > TASK_NONE && t.step < TASK_STEPS && t.kind < TASK_KINDS);
	must(t.keeper >= 1 && t.keeper <= MEMBERS_MAX);
	must(task_save(dir, &t, &e) == 0);
	if (task_load(dir, &again, &e) == 0)
		must(again.id == t.id && again.step == t.step && again.before == t.before);
	return 0;
}

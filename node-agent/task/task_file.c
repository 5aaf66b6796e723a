/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "../hello.h"
#include "config.h"
#include "io.h"
#include "task.h"

#define FILE_MAX 4096

static cfg_opt_t opts[] = {
	CFG_STR("task", NULL, CFGF_NODEFAULT),
	CFG_STR("kind", NULL, CFGF_NODEFAULT),
	CFG_STR("step", NULL, CFGF_NODEFAULT),
	CFG_INT("keeper", 0, CFGF_NODEFAULT),
	CFG_STR("neo4j", "", CFGF_NONE),
	CFG_STR("why", "", CFGF_NONE),
	CFG_STR("marker", "virgin", CFGF_NONE),
	CFG_END(),
};

static int find_step(const char *name)
{
	for (int i = TASK_STAGED; name && i < TASK_STEPS; i++) {
		if (strcmp(task_step_name((enum task_step)i), name) == 0)
			return i;
	}
	return -1;
}

static int id_of(const char *text, uint64_t *to)
{
	uint8_t bytes[8];

	if (!text || hex_decode(bytes, sizeof(bytes), text) < 0)
		return -1;
	*to = 0;
	for (size_t i = 0; i < sizeof(bytes); i++)
		*to = *to << 8 | bytes[i];
	return *to ? 0 : -1;
}

static int take_texts(cfg_t *cfg, struct task *t)
{
	const char *neo4j = cfg_getstr(cfg, "neo4j"), *why = cfg_getstr(cfg, "why");

	if (strlen(neo4j) >= sizeof(t->neo4j))
		return -1;
	memcpy(t->neo4j, neo4j, strlen(neo4j) + 1);
	why_copy(t->why, why);
	return id_of(cfg_getstr(cfg, "task"), &t->id);
}

int task_parse(const char *name, const char *text, struct task *t, struct err *e)
{
	_cleanup_cfg_ cfg_t *cfg = config_parse(name, text, opts, e);

	*t = (struct task){0};
	if (!cfg)
		return -1;
	int kind = task_kind_find(cfg_getstr(cfg, "kind"));
	int step = find_step(cfg_getstr(cfg, "step"));
	int before = marker_state_find(cfg_getstr(cfg, "marker"));
	long keeper = cfg_getint(cfg, "keeper");
	if (kind < 0 || step < 0 || before < 0 || keeper < 1 || keeper > MEMBERS_MAX ||
		take_texts(cfg, t) < 0) {
		*t = (struct task){0};
		return err_code(e, EXIT_CONFIG, "%s: makes no sense", name);
	}
	t->kind = (enum task_kind)kind;
	t->step = (enum task_step)step;
	t->keeper = (unsigned)keeper;
	t->before = (enum marker_state)before;
	return 0;
}

static char *task_path(const char *dir)
{
	return xasprintf("%s/bramble.task", dir);
}

int task_load(const char *dir, struct task *t, struct err *e)
{
	_cleanup_free_ char *path = task_path(dir);
	_cleanup_buf_ struct buf text = {0};

	*t = (struct task){0};
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (io_read_plain(path, FILE_MAX, &text, e) < 0)
		return -1;
	return task_parse(path, buf_str(&text), t, e);
}

/* Nothing in a text needs a backslash: why_copy lets in what is printable. */
static void put_text(struct buf *b, const char *key, const char *text)
{
	buf_printf(b, "%s = \"", key);
	for (; *text; text++)
		buf_printf(b, "%c", *text == '"' || *text == '\\' || *text == '$' ? '?' : *text);
	buf_puts(b, "\"\n");
}

int task_save(const char *dir, const struct task *t, struct err *e)
{
	_cleanup_free_ char *path = task_path(dir);
	_cleanup_buf_ struct buf b = {0};

	buf_printf(&b, "task = \"%016" PRIx64 "\"\nkind = \"%s\"\nstep = \"%s\"\nkeeper = %u\n",
		t->id, task_kind_name(t->kind), task_step_name(t->step), t->keeper);
	put_text(&b, "neo4j", t->neo4j);
	put_text(&b, "why", t->why);
	if (t->before != MARKER_VIRGIN)
		put_text(&b, "marker", marker_state_name(t->before));
	if (!buf_ok(&b))
		return err_set(e, "%s: out of memory", path);
	return io_write_atomic(path, b.data, b.len, 0644, e);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any text as a template of an overlay, and as the form of a list: it ends, a text without "${" is
 * unchanged, and errors say where.
 */
// use: builder/input/template.c
#include "builder/input/template.h"
#include "fuzz.h"

static int value(void *arg, const char *name, struct buf *out, struct err *e)
{
	static const struct template_item items[] = {
		{"10.0.0.1", "a", "1"}, {"10.0.0.2", "b", "2"}};
	const char *colon = strchr(name, ':');

	(void)arg;
	return template_list(colon ? colon + 1 : name, items, 2, out, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {0};
	_cleanup_buf_ struct buf text = {0}, out = {0};

	buf_add(&text, data, size);
	if (!template_is_text(&text))
		return 0;
	if (template_expand("file", buf_str(&text), value, NULL, &out, &e) < 0)
		must(e.code == EXIT_CONFIG && strncmp(e.msg, "file:", 5) == 0);
	else if (!strstr(buf_str(&text), "${"))
		must(strcmp(buf_str(&out), buf_str(&text)) == 0);
	return 0;
}

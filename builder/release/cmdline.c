/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "cmdline.h"

/* COMMAND_LINE_SIZE of the 32-bit ARM kernel (arch/arm/include/uapi/asm/setup.h); arm64 has 2048.
 */
#define CMDLINE_MAX 1024
#define BLANK " \t\r"

struct word {
	const char *p;
	size_t n;
};

/* The next word of the first line, from *at on. */
static bool next_word(const char **at, struct word *w)
{
	w->p = *at + strspn(*at, BLANK);
	w->n = strcspn(w->p, BLANK "\n");
	*at = w->p + w->n;
	return w->n > 0;
}

static bool matches(const struct word *w, const char *want)
{
	size_t n = strlen(want);

	if (n && want[n - 1] == '=')
		return w->n >= n && strncmp(w->p, want, n) == 0;
	return w->n == n && strncmp(w->p, want, n) == 0;
}

int cmdline_check(const struct buf *b, struct err *e)
{
	const char *text = buf_str(b), *at = text;
	struct word w;

	if (strlen(text) != b->len)
		return err_code(e, EXIT_INPUT, "cmdline.txt: is no text");
	if (!next_word(&at, &w))
		return err_code(e, EXIT_INPUT, "cmdline.txt: its first line is empty");
	if (strcspn(text, "\n") >= CMDLINE_MAX)
		return err_code(e, EXIT_INPUT,
			"cmdline.txt: longer than the %d characters a kernel "
			"takes",
			CMDLINE_MAX - 1);
	return 0;
}

bool cmdline_has(const struct buf *b, const char *word, char **value)
{
	const char *at = buf_str(b);
	struct word w;

	while (next_word(&at, &w)) {
		if (!matches(&w, word))
			continue;
		if (value)
			*value = xstrndup(w.p + strlen(word), w.n - strlen(word));
		return true;
	}
	return false;
}

/* Writes the first line again, with the words of `key` replaced by one of that value or by none. */
static void rewrite(struct buf *b, const char *key, const char *value)
{
	struct buf out = {0};
	const char *at = buf_str(b), *sep = "";
	struct word w;
	bool done = !value;

	while (next_word(&at, &w)) {
		bool hit = matches(&w, key);
		if (hit && done)
			continue;
		buf_puts(&out, sep);
		if (hit)
			buf_printf(&out, "%s%s", key, value);
		else
			buf_add(&out, w.p, w.n);
		done |= hit;
		sep = " ";
	}
	if (!done)
		buf_printf(&out, "%s%s%s", sep, key, value);
	buf_puts(&out, *at ? at : "\n");
	buf_free(b);
	*b = out;
}

void cmdline_drop(struct buf *b, const char *word)
{
	rewrite(b, word, NULL);
}

void cmdline_set(struct buf *b, const char *key, const char *value)
{
	rewrite(b, key, value);
}

void cmdline_set_disk(struct buf *b, uint32_t old_id, uint32_t new_id)
{
	char from[32], to[32];
	struct buf out = {0};
	const char *p = buf_str(b), *at;

	snprintf(from, sizeof(from), "PARTUUID=%08x-", old_id);
	snprintf(to, sizeof(to), "PARTUUID=%08x-", new_id);
	while ((at = strcasestr(p, from))) {
		buf_add(&out, p, (size_t)(at - p));
		buf_puts(&out, to);
		p = at + strlen(from);
	}
	buf_puts(&out, p);
	buf_free(b);
	*b = out;
}

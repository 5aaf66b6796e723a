/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "template.h"
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

bool template_is_text(const struct buf *b)
{
	return !b->len || !memchr(b->data, '\0', b->len);
}

static unsigned line_of(const char *text, const char *at)
{
	unsigned line = 1;

	for (; text < at; text++)
		line += *text == '\n';
	return line;
}

/* The "${NAME}" at *p; *p moves behind it. */
static int expand_one(const char **p, template_fn *f, void *arg, struct buf *out, struct err *e)
{
	const char *start = *p + strlen("${");
	size_t n = strcspn(start, "}\n");

	if (start[n] != '}')
		return err_code(e, EXIT_CONFIG,
			"\"${\" without a \"}\" on its line; write \"$${\" for a plain one");
	_cleanup_free_ char *name = xstrndup(start, n);
	*p = start + n + 1;
	return f(arg, name, out, e);
}

int template_expand(const char *file, const char *text, template_fn *f, void *arg, struct buf *out,
	struct err *e)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "$");
		buf_add(out, p, n);
		p += n;
		const char *at = p;
		if (str_starts(p, "$${")) {
			buf_puts(out, "${");
			p += strlen("$${");
		} else if (str_starts(p, "${")) {
			if (expand_one(&p, f, arg, out, e) < 0)
				return err_prefix(e, "%s:%u", file, line_of(text, at));
		} else if (*p) {
			buf_add(out, p++, 1);
		}
	}
	return buf_ok(out) ? 0 : err_code(e, EXIT_CONFIG, "%s: too large", file);
}

/* The form with its escapes resolved. */
static char *unescape(const char *form)
{
	static const char from[] = "nt\\", to[] = "\n\t\\";
	char *out = xcalloc(1, strlen(form) + 1), *o = out;

	for (; *form; form++) {
		const char *k = form[0] == '\\' && form[1] ? strchr(from, form[1]) : NULL;
		*o++ = k ? to[k - from] : *form;
		form += k != NULL;
	}
	return out;
}

static const char *value_of(const struct template_item *item, const char *word, size_t n)
{
	const struct named {
		const char *name, *value;
	} names[] = {{"host", item->host}, {"name", item->name}, {"id", item->id}};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i].name) == n && strncmp(names[i].name, word, n) == 0)
			return names[i].value;
	}
	return NULL;
}

static void add_item(
	struct buf *out, const char *form, size_t len, const struct template_item *item)
{
	for (size_t i = 0; i < len;) {
		size_t n = strspn(form + i, LETTERS);
		n = n > len - i ? len - i : n;
		const char *value = n ? value_of(item, form + i, n) : NULL;
		n = n ? n : 1;
		if (value)
			buf_puts(out, value);
		else
			buf_add(out, form + i, n);
		i += n;
	}
}

int template_list(const char *form, const struct template_item *items, size_t n, struct buf *out,
	struct err *e)
{
	_cleanup_free_ char *plain = unescape(form);
	size_t len = strlen(plain);

	if (len < 2)
		return err_code(
			e, EXIT_CONFIG, "\"%s\" is no form of a list such as \"host:5001,\"", form);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add(out, plain + len - 1, 1);
		add_item(out, plain, len - 1, &items[i]);
	}
	return 0;
}

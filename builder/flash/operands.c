/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "flash.h"

static void add(struct operand **list, size_t *n, char *image, const char *device)
{
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = (struct operand){image, xstrdup(device)};
}

void operands_free(struct operand *operands, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(operands[i].image);
		free(operands[i].device);
	}
	free(operands);
}

/* Names below /dev/disk/by-id may have a "=" too. */
static const char *pair_sign(const char *word)
{
	return *word == '/' && str_starts(word, "/dev/") ? NULL : strchr(word, '=');
}

static int parse_pairs(
	char *const *words, size_t n, struct operand **operands, size_t *count, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const char *sign = pair_sign(words[i]);
		if (!sign || sign == words[i] || !sign[1])
			return err_code(e, EXIT_USAGE,
				"flash: \"%s\" is no NODE=DEVICE, as \"%s\" before it", words[i],
				words[0]);
		add(operands, count, xstrndup(words[i], (size_t)(sign - words[i])), sign + 1);
	}
	return 0;
}

int operands_parse(
	char *const *words, size_t n, struct operand **operands, size_t *count, struct err *e)
{
	*operands = NULL;
	*count = 0;
	if (n && pair_sign(words[0]))
		return parse_pairs(words, n, operands, count, e);
	if (n < 2)
		return err_code(e, EXIT_USAGE,
			"flash: onto which card? bramble flash NODE|IMAGE DEVICE...");
	for (size_t i = 1; i < n; i++) {
		if (pair_sign(words[i]))
			return err_code(e, EXIT_USAGE,
				"flash: \"%s\" follows \"%s\": either one image and its devices, "
				"or NODE=DEVICE for each",
				words[i], words[0]);
		add(operands, count, xstrdup(words[0]), words[i]);
	}
	return 0;
}

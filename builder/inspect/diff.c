/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines that differ, by the longest common subsequence. For small files: it takes n x m steps. */
#include <string.h>
#include "compare.h"

#define LINES_MAX 2000

struct lines {
	char *copy;
	char **line;
	size_t n;
};

static struct lines split(const char *text)
{
	struct lines l = {.copy = xstrdup(text), .line = xcalloc(LINES_MAX + 1, sizeof(char *))};
	char *rest = l.copy, *line;

	while ((line = strsep(&rest, "\n")) && (rest || *line)) {
		if (l.n <= LINES_MAX)
			l.line[l.n++] = line;
	}
	return l;
}

static void free_lines(struct lines *l)
{
	free(l->copy);
	free(l->line);
}

/* length[i * (b->n + 1) + j]: lines that a from i and b from j on have in common. */
static uint16_t *common_lengths(const struct lines *a, const struct lines *b)
{
	size_t width = b->n + 1;
	uint16_t *length = xcalloc((a->n + 1) * width, sizeof(*length));

	for (size_t i = a->n; i-- > 0;) {
		for (size_t j = b->n; j-- > 0;) {
			uint16_t down = length[(i + 1) * width + j],
				 right = length[i * width + j + 1];
			length[i * width + j] =
				strcmp(a->line[i], b->line[j]) == 0
					? (uint16_t)(length[(i + 1) * width + j + 1] + 1)
				: down > right ? down
					       : right;
		}
	}
	return length;
}

static void print_lines(const struct lines *a, const struct lines *b, FILE *f)
{
	_cleanup_free_ uint16_t *length = common_lengths(a, b);
	size_t i = 0, j = 0, width = b->n + 1;

	while (i < a->n || j < b->n) {
		if (i < a->n && j < b->n && strcmp(a->line[i], b->line[j]) == 0) {
			i++, j++;
		} else if (j == b->n ||
			   (i < a->n && length[(i + 1) * width + j] >= length[i * width + j + 1])) {
			fprintf(f, "    -%s\n", a->line[i++]);
		} else {
			fprintf(f, "    +%s\n", b->line[j++]);
		}
	}
}

void diff_print(const char *from, const char *to, FILE *f)
{
	_cleanup_(free_lines) struct lines a = split(from);
	_cleanup_(free_lines) struct lines b = split(to);

	if (a.n > LINES_MAX || b.n > LINES_MAX)
		fprintf(f, "    too long to show\n");
	else
		print_lines(&a, &b, f);
}

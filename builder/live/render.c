/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <string.h>
#include "render.h"

#define GAP 2 /* blanks between columns */
#define WHY_WORTH_SHOWING 16

enum column { COL_NODE, COL_ROLES, COL_STATE, COL_NEO4J, COL_TX, COL_ADDRESS, COL_WHY, COLUMNS };

static const char *const titles[COLUMNS] = {
	[COL_NODE] = "NODE",
	[COL_ROLES] = "ROLES",
	[COL_STATE] = "STATE",
	[COL_NEO4J] = "NEO4J",
	[COL_TX] = "TX",
	[COL_ADDRESS] = "ADDRESS",
	[COL_WHY] = "WHY",
};

/* What a narrow terminal does without, in this order. */
static const enum column dispensable[] = {COL_ADDRESS, COL_ROLES, COL_TX};

struct paint {
	const char *text, *colour;
};

#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

static const struct paint paints[] = {
	{"serving", GREEN},
	{"idle", GREEN},
	{"waiting", YELLOW},
	{"starting", YELLOW},
	{"joining", YELLOW},
	{"booting", YELLOW},
	{"held", RED},
	{"unfit", RED},
	{"down", RED},
	{"off", RED},
	{"master", BOLD},
};

typedef char cell_text[24];

/* The text of a cell; scratch holds it when it must be made. */
static const char *cell(const struct view_node *n, enum column c, cell_text scratch)
{
	switch (c) {
	case COL_NODE:
		return n->name;
	case COL_ROLES:
		return n->roles;
	case COL_STATE:
		return n->state;
	case COL_NEO4J:
		return strstr(n->roles, "data") || strcmp(n->neo4j, "down") != 0 ? n->neo4j : "";
	case COL_TX:
		if (n->last_tx < 0)
			return "";
		snprintf(scratch, sizeof(cell_text), "%" PRId64, n->last_tx);
		return scratch;
	case COL_ADDRESS:
		return n->address;
	case COL_WHY:
		return n->why;
	case COLUMNS:
		break;
	}
	return "";
}

/* Column widths; 0: not shown. A column nobody has anything in is not shown. */
struct layout {
	size_t width[COLUMNS];
};

static size_t total_width(const struct layout *l)
{
	size_t total = 0;

	for (size_t c = 0; c < COLUMNS; c++)
		total += l->width[c] ? l->width[c] + (total ? GAP : 0) : 0;
	return total;
}

static void measure(const struct cluster_view *v, struct layout *l)
{
	cell_text scratch;

	*l = (struct layout){0};
	for (size_t c = 0; c < COLUMNS; c++) {
		for (size_t i = 0; i < v->nnodes; i++) {
			size_t n = strlen(cell(&v->nodes[i], (enum column)c, scratch));
			l->width[c] = n > l->width[c] ? n : l->width[c];
		}
		size_t title = strlen(titles[c]);
		if (l->width[c] && l->width[c] < title)
			l->width[c] = title;
	}
}

/* Gives up columns until the reason has room, then lets the reason take what is left. */
static void fit(struct layout *l, size_t width)
{
	size_t why = l->width[COL_WHY];
	size_t least = why < WHY_WORTH_SHOWING ? why : WHY_WORTH_SHOWING;

	l->width[COL_WHY] = least;
	for (size_t i = 0; i < ARRAY_SIZE(dispensable) && total_width(l) > width; i++)
		l->width[dispensable[i]] = 0;
	size_t total = total_width(l);
	if (why && total < width)
		l->width[COL_WHY] = least + (width - total) < why ? least + (width - total) : why;
}

static const char *colour_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(paints); i++) {
		if (strcmp(paints[i].text, text) == 0)
			return paints[i].colour;
	}
	return NULL;
}

/* A line under construction, at most `width` columns of it. */
struct line {
	struct buf *out;
	size_t used, pending; /* columns printed; blanks owed before the next text */
	size_t width;
	bool colour;
};

static void put_cell(struct line *line, const char *text, size_t cell_width)
{
	size_t room = line->width > line->used + line->pending
			      ? line->width - line->used - line->pending
			      : 0;
	size_t n = strnlen(text, cell_width < room ? cell_width : room);
	const char *colour = line->colour ? colour_of(text) : NULL;

	if (n) {
		buf_printf(line->out, "%*s%s%.*s%s", (int)line->pending, "", colour ? colour : "",
			(int)n, text, colour ? PLAIN : "");
		line->used += line->pending + n;
		line->pending = 0;
	}
	line->pending += cell_width - n + GAP;
}

static struct line line_begin(const struct render_style *style, struct buf *out)
{
	return (struct line){
		.out = out,
		.width = style->width ? style->width : SIZE_MAX,
		.colour = style->colour,
	};
}

void render_table(const struct cluster_view *v, const struct render_style *style, struct buf *out)
{
	struct layout l;
	cell_text scratch;

	measure(v, &l);
	if (style->width)
		fit(&l, style->width);
	struct line head = line_begin(style, out);
	for (size_t c = 0; c < COLUMNS; c++) {
		if (l.width[c])
			put_cell(&head, titles[c], l.width[c]);
	}
	buf_puts(out, "\n");
	for (size_t i = 0; i < v->nnodes; i++) {
		struct line row = line_begin(style, out);
		for (size_t c = 0; c < COLUMNS; c++) {
			if (l.width[c])
				put_cell(&row, cell(&v->nodes[i], (enum column)c, scratch),
					l.width[c]);
		}
		buf_puts(out, "\n");
	}
}

void render_line(const struct view_node *n, struct buf *out)
{
	cell_text scratch;
	const char *neo4j = cell(n, COL_NEO4J, scratch);

	buf_printf(out, "%s: %s", n->name, n->state);
	if (neo4j[0] && strcmp(n->state, "serving") == 0)
		buf_printf(out, ", %s", neo4j);
	if (n->why[0])
		buf_printf(out, ": %s", n->why);
}

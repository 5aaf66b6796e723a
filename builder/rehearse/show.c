/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control.h"
#include "display.h"
#include "record.h"
#include "show.h"

static int show_table(const struct buf *answer, struct err *e)
{
	_cleanup_free_ struct cluster_view *v = xcalloc(1, sizeof(*v));
	_cleanup_rehearsal_ struct rehearsal *r = record_parse(buf_str(answer), answer->len, e);
	_cleanup_buf_ struct buf text = {0};
	struct screen s;

	if (!r || view_parse(buf_str(answer), answer->len, v, e) < 0)
		return -1;
	screen_begin(&s, stdout);
	struct render_style style = screen_style(&s);
	display_block(r, v, &style, &text);
	screen_draw(&s, buf_str(&text));
	return 0;
}

int show_rehearsal(const char *cluster, bool json, struct err *e)
{
	_cleanup_buf_ struct buf answer = {0};

	if (control_ask(cluster, "status", &answer, e) < 0)
		return -1;
	if (!json)
		return show_table(&answer, e);
	puts(buf_str(&answer));
	return 0;
}

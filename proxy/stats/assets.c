/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The dashboard's other files, as they are beside this one. The Makefile knows what depends on
 * them. */
#include "stats/page.h"

#define EMBED(name, file)                                       \
	__asm__(".section .rodata\n" #name ":\n.incbin \"" file \
		"\"\n.byte 0\n.balign 4\n.previous\n");         \
	extern const char name[];

EMBED(page_css, "proxy/stats/page.css")
EMBED(page_js, "proxy/stats/page.js")

void stats_page_css(struct proxy *p, struct buf *out)
{
	(void)p;
	buf_puts(out, page_css);
}

void stats_page_js(struct proxy *p, struct buf *out)
{
	(void)p;
	buf_puts(out, page_js);
}

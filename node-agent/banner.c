/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include "banner.h"

static void write_next(struct banner *b);

static void written(void *arg, int code, const char *text)
{
	struct banner *b = arg;

	(void)code, (void)text;
	write_next(b);
}

/* All files with one line, before the line that has come since. */
static void write_next(struct banner *b)
{
	static struct helper_request r; /* too large for the stack */

	if (b->next == HELPER_BANNERS && strcmp(b->wanted, b->written) != 0) {
		b->next = 0;
		memcpy(b->written, b->wanted, sizeof(b->written));
	}
	if (b->next == HELPER_BANNERS)
		return;
	r = (struct helper_request){.verb = HELPER_WRITE};
	r.file.name = b->next++;
	r.file.size = (uint32_t)strlen(b->written);
	memcpy(r.file.bytes, b->written, r.file.size);
	helper_ask(&b->helper, &r, written, b);
}

void banner_open(struct banner *b, struct loop *l, const char *helper)
{
	*b = (struct banner){.next = HELPER_BANNERS};
	helper_client_init(&b->helper, l, helper);
}

void banner_close(struct banner *b)
{
	if (b->helper.loop)
		helper_client_cancel(&b->helper);
}

void banner_set(struct banner *b, const char *who, const char *line)
{
	char *to = b->wanted;

	snprintf(b->wanted, sizeof(b->wanted), "bramble: %s: %s", who, line);
	for (const char *p = b->wanted; *p; p++) {
		if (helper_may_show(*p))
			*to++ = *p;
	}
	/* The line's end, also where it was cut. */
	if (to == b->wanted + sizeof(b->wanted) - 1)
		to--;
	memcpy(to, "\n", 2);
	if (!helper_client_busy(&b->helper))
		write_next(b);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others have put into an error moves no cursor. */
#include <string.h>
#include "err.h"
#include "tap.h"

static void tame(const char *text, const char *want, const char *what)
{
	struct err e;

	err_set(&e, "%s", text);
	err_tame(&e);
	is_str(e.msg, want, "%s", what);
}

int main(void)
{
	tame("pi1: near 'a'", "pi1: near 'a'", "words stay");
	tame("\x1b[2J\r\n\x7f", "?[2J???", "controls do not");
	tame("\xc2\x9b"
	     "2J",
		"??2J", "nor those of C1");
	tame("\xc3\xa9\xc2\xa0", "\xc3\xa9\xc2\xa0", "other letters do");
	tame("\xc2", "\xc2", "nor is half of one a matter");
	return done();
}

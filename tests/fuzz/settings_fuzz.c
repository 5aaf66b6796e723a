/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as bramble.txt. What must hold: what is read can be kept and read again as it was.
 */
// use: node-agent/settings.c
#include "fuzz.h"
#include "node-agent/settings.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = xstrndup((const char *)data, size);
	static struct settings s, again;
	struct err e = {0};

	if (settings_parse("bramble.txt", (const char *)data, size, &s, &e) < 0) {
		must(e.code != 0);
		return 0;
	}
	_cleanup_buf_ struct buf kept = {0}, local = {0};
	settings_format(&s, &kept);
	settings_format_local(&s, &local);
	must(settings_parse("kept", buf_str(&kept), kept.len, &again, &e) == 0);
	must(memcmp(&s, &again, sizeof(s)) == 0);
	if (s.password[0] && settings_check_password("bramble.txt", text, size, &s, &e) == 0)
		must(settings_blank_password(text, size));
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which units a package's postinst would enable, as debhelper has written it over the years. */
// use: builder/input/maintscript.c
#include "builder/input/maintscript.h"
#include "tap.h"

#define OLD                                                                 \
	"# Automatically added by dh_systemd_enable/10.2.5\n"               \
	"deb-systemd-helper unmask old.service >/dev/null || true\n"        \
	"if deb-systemd-helper --quiet was-enabled old.service; then\n"     \
	"\tdeb-systemd-helper enable old.service >/dev/null || true\n"      \
	"else\n\tdeb-systemd-helper update-state old.service || true\nfi\n" \
	"# End automatically added section\n"
#define NEW                                                                  \
	"# Automatically added by dh_installsystemd/13.11.4\n"               \
	"if deb-systemd-helper --quiet was-enabled 'new.service'; then\n"    \
	"\tdeb-systemd-helper enable 'new.service' >/dev/null || true\nfi\n" \
	"# End automatically added section\n"
#define BEFORE                                                             \
	"# Automatically added by dh_systemd_enable/10.2.5\n"              \
	"if deb-systemd-helper debian-installed off.service; then\n"       \
	"\tdeb-systemd-helper enable off.service >/dev/null || true\nfi\n" \
	"# End automatically added section\n"

static void enables(const char *script, const char *units, const char *what)
{
	_cleanup_buf_ struct buf b = {0};
	_cleanup_free_ char *unknown = maintscript_unknown(script, &b);

	ok(!unknown && strcmp(buf_str(&b), units) == 0, "%s (%s)", what, buf_str(&b));
}

int main(void)
{
	_cleanup_buf_ struct buf b = {0};

	enables("#!/bin/sh\nset -e\n" NEW "exit 0\n", "new.service\n", "bookworm's");
	enables("#!/bin/sh\nset -e\n" OLD, "old.service\n", "stretch's, without quotes");
	enables(OLD NEW, "old.service\nnew.service\n", "two");
	enables(BEFORE NEW, "new.service\n", "none that only stays enabled");
	enables("", "", "none");
	_cleanup_free_ char *odd = maintscript_unknown(OLD "rm -rf /\n", &b);
	is_str(odd, "rm -rf /", "a line nobody knows");
	return done();
}

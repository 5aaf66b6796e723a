/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "maintscript.h"
#include <string.h>

#define BEGIN "# Automatically added by "
#define END "# End automatically added section"
#define ENABLE "deb-systemd-helper enable "

/* debhelper's snippets, and why a card whose system never ran needs none of them. */
static const char *const snippets[] = {
	"dh_installsystemd", /* starts units: they start at boot; enabling is done by us */
	"dh_installsystemduser", "dh_systemd_enable", /* the two of it in stretch and before */
	"dh_systemd_start",
	"dh_installinit",               /* update-rc.d and invoke-rc.d: systemd has the unit */
	"dh_installdeb",                /* dpkg-maintscript-helper: leftovers of older versions */
	"dh_makeshlibs",                /* ldconfig: see package.c */
	"dh_installtmpfiles",           /* systemd-tmpfiles runs at every boot */
	"dh_installudev", "dh_python3", /* byte code: Python makes it as it goes */
	"dh_icons", "dh_installmenu", "dh_installmime", "dh_fonts",
	"dh_apparmor", /* profiles are loaded at boot */
};

/* Lines around the snippets that do nothing when a package is installed the first time. */
static const char *const idle[] = {
	"set -e",
	"exit 0",
	"exit 1",
	";;",
	"esac",
	"case \"$1\" in",
	"*)",
	"#DEBHELPER#",
	":",
};

static bool is_snippet(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(snippets); i++) {
		if (strlen(snippets[i]) == n && strncmp(snippets[i], name, n) == 0)
			return true;
	}
	return false;
}

/* "abort-upgrade|abort-remove)" with or without ";;" */
static bool is_case(const char *line)
{
	size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyz-|");

	return n && (strcmp(line + n, ")") == 0 || strcmp(line + n, ") ;;") == 0);
}

static bool is_complaint(const char *line)
{
	return str_starts(line, "echo \"") && strstr(line, "called with unknown argument") &&
	       str_ends(line, ">&2");
}

static bool is_idle(const char *line)
{
	if (!*line || *line == '#')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(idle); i++) {
		if (strcmp(idle[i], line) == 0)
			return true;
	}
	return is_case(line) || is_complaint(line);
}

/* Where a script is read. */
struct at {
	bool within;   /* a snippet */
	bool optional; /* one that enables only what was enabled before (dh --no-enable) */
	struct buf *units;
};

static void note_unit(struct at *at, const char *line)
{
	const char *name = strstr(line, ENABLE);

	at->optional |= strstr(line, "debian-installed") != NULL;
	if (!name || at->optional)
		return;
	name += strlen(ENABLE);
	name += *name == '\''; /* debhelper puts it in quotes from 11 on */
	buf_printf(at->units, "%.*s\n", (int)strcspn(name, "' "), name);
}

/* A line without the blanks around it. */
static char *trimmed(const char *line, size_t n)
{
	while (n && strchr(" \t\r", *line)) {
		line++;
		n--;
	}
	while (n && strchr(" \t\r", line[n - 1]))
		n--;
	return xstrndup(line, n);
}

static bool is_known(struct at *at, const char *line)
{
	if (str_starts(line, BEGIN)) {
		const char *name = line + strlen(BEGIN);
		at->within = true;
		at->optional = false;
		return is_snippet(name, strcspn(name, "/ "));
	}
	if (strcmp(line, END) == 0) {
		at->within = false;
		return true;
	}
	if (at->within)
		note_unit(at, line);
	return at->within || is_idle(line);
}

char *maintscript_unknown(const char *text, struct buf *units)
{
	struct at at = {.units = units};

	while (*text) {
		size_t n = strcspn(text, "\n");
		_cleanup_free_ char *line = trimmed(text, n);
		if (!is_known(&at, line))
			return steal(&line);
		text += n + (text[n] == '\n');
	}
	return at.within ? xstrdup("(a snippet without an end)") : NULL;
}

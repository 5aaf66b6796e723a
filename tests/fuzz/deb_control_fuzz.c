/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any text as dpkg's status: as stanzas, as packages that come in (with their dependencies and
 * conflicts), and as a maintainer script.
 */
// use: builder/input/stanza.c builder/input/dpkg.c builder/input/deb_version.c
// use: builder/input/maintscript.c builder/image/ext4.c builder/image/ext4_edit.c builder/run.c
#include "builder/input/dpkg.h"
#include "builder/input/maintscript.h"
#include "builder/input/stanza.h"
#include "cmd.h"
#include "fuzz.h"

volatile int interrupted;

int check_interrupted(struct err *e)
{
	(void)e;
	return 0;
}

static void try_packages(const char *text)
{
	_cleanup_dpkg_ struct dpkg d = {.architecture = "arm64"};
	struct err e = {0};

	text += strspn(text, "\n");
	for (const char *p = *text ? text : NULL; p && d.n < 50; p = stanza_next(p))
		dpkg_add(&d, p, d.n % 2 == 0);
	if (dpkg_check(&d, &e) < 0)
		must(e.code == EXIT_INPUT && e.msg[0]);
}

static void try_relations(const char *list)
{
	_cleanup_relation_ struct relation r = {0};
	const char *before = list;
	bool more;

	while (relation_next(&list, &r, &more) > 0) {
		must(list > before && *r.name && (!r.op[0] || r.version));
		before = list;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = {0}, units = {0};

	buf_add(&text, data, size);
	const char *s = buf_str(&text);
	try_packages(s);
	try_relations(s);
	free(maintscript_unknown(s, &units));
	return 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Three texts, one a line, as versions: the order is one (antisymmetric, transitive, equal to
 * itself), and each relation agrees with it.
 */
// use: builder/input/deb_version.c
#include "builder/input/deb_version.h"
#include "buf.h"
#include "fuzz.h"

static int sign(int d)
{
	return (d > 0) - (d < 0);
}

static void try_pair(const char *a, const char *b)
{
	int d = sign(deb_version_cmp(a, b));

	must(d == -sign(deb_version_cmp(b, a)));
	must(deb_version_holds(a, "<<", b) == (d < 0) && deb_version_holds(a, ">=", b) == (d >= 0));
	must(deb_version_holds(a, "=", b) == (d == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = {0};
	const char *v[3] = {"", "", ""};
	char *save = NULL;

	buf_add(&text, data, size);
	buf_puts(&text, "");
	if (!text.data)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		char *line = strtok_r(i ? NULL : text.data, "\n", &save);
		v[i] = line ? line : v[i];
	}
	for (size_t i = 0; i < 3; i++) {
		must(deb_version_cmp(v[i], v[i]) == 0);
		try_pair(v[i], v[(i + 1) % 3]);
	}
	if (deb_version_cmp(v[0], v[1]) <= 0 && deb_version_cmp(v[1], v[2]) <= 0)
		must(deb_version_cmp(v[0], v[2]) <= 0);
	return 0;
}

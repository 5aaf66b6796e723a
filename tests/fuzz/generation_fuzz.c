/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any bytes as a sealed list, and as the list in it. What must hold: nothing opens that the owner
 * did not sign, and of what parses every path is plain and one a generation may have.
 */
#include "card_paths.h"
#include "fuzz.h"
#include "generation.h"

static void must_be_file(const struct generation_file *f)
{
	must(f->path[0] == '/' && !strstr(f->path, "/../") && !strstr(f->path, "//"));
	must(!card_path_forbidden(f->path));
	must(f->kind != GENERATION_FILE || strlen(f->digest) == GENERATION_DIGEST - 1);
	must(f->kind == GENERATION_LINK || (f->mode <= 0777 && f->size <= GENERATION_FILE_MAX));
}

static void try_list(const char *text, size_t n)
{
	_cleanup_generation_ struct generation g = {0};
	struct err e;
	const char *node;
	json_t *files;

	if (generation_parse(text, n, &g, &e) < 0)
		return;
	must(g.number > 0 && g.nmembers > 0);
	for (size_t i = 0; i < g.nmembers; i++) {
		struct generation_member m = generation_member_at(&g, i);
		must(m.id >= 1 && m.id <= 127 && m.data != m.arbiter && strlen(m.name) < 64);
	}
	json_object_foreach(json_object_get(g.json, "nodes"), node, files)
	{
		for (ssize_t i = 0; i < generation_count(&g, node); i++) {
			struct generation_file f = generation_file_at(&g, node, (size_t)i);
			must_be_file(&f);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char public[] =
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
	_cleanup_buf_ struct buf sealed = {0};
	struct generation g;
	struct err e;

	buf_add(&sealed, data, size);
	must(generation_open(&sealed, public, &g, &e) < 0);
	try_list((const char *)data, size);
	return 0;
}

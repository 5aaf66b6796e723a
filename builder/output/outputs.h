/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef BRAMBLE_OUTPUTS_H
#define BRAMBLE_OUTPUTS_H

#include <stdbool.h>
#include "buf.h"

struct build;

enum compress { COMPRESS_NONE, COMPRESS_XZ, COMPRESS_ZST };
enum sbom { SBOM_NONE, SBOM_SPDX, SBOM_CYCLONEDX };

/* What `bramble build` makes besides the images and manifest.json. */
struct output_options {
	enum compress compress; /* NODE.img.xz or .zst, mode 0600: an image holds secrets */
	enum sbom sbom;         /* sbom.spdx.json or sbom.cdx.json */
	bool bmap;              /* NODE.img.bmap */
	bool sums;       /* the images' SHA-256 in manifest.json, os_list.json; or compress */
	const char *url; /* what os_list.json puts before file names; NULL: file://... */
};

/* "xz", "zst"; "spdx", "cyclonedx". EXIT_USAGE for anything else. */
MUST_CHECK int outputs_parse_compress(const char *word, enum compress *c, struct err *e);
MUST_CHECK int outputs_parse_sbom(const char *word, enum sbom *s, struct err *e);

/*
 * Once the images lie in b->work: makes there what the options ask for and manifest.json, which
 * names all of it. Everything depends on the inputs, the state and the options only, never on when,
 * where or by whom it is made (os_list.json on where, unless there is a url).
 */
MUST_CHECK int outputs_make(struct build *b, const struct output_options *o, struct err *e);

/*
 * What an earlier build left in b->out and this one did not make: it belongs to other images. One
 * name a line.
 */
void outputs_list_stale(const struct build *b, struct buf *names);

#endif

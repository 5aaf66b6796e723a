/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The image for all nodes: each node's own files, from the painters that make its card, put aside
 * for the card's first boot.
 */
#include <string.h>
#include "identical.h"
#include "image/ext4_look.h"
#include "rendering.h"

#define ROOT_ONLY EXT4_ROOT(0600)

static json_t *serials_json(const struct cluster *c)
{
	json_t *to = json_object();

	for (size_t i = 0; i < c->nnodes; i++) {
		if (*c->nodes[i].serial)
			json_object_set_new(to, c->nodes[i].name, json_string(c->nodes[i].serial));
	}
	return to;
}

/* The agent's own reader must take it. */
static int put_list(
	const struct build *b, const struct rendering *r, struct ext4 *fs, struct err *e)
{
	_cleanup_identical_ struct identical check = {0};
	json_t *list = rendering_list(r, &b->state);

	json_object_set_new(list, "name", json_string(b->cluster->name));
	json_object_set_new(list, "profile", json_string(b->inputs.profile.name));
	json_object_set_new(list, "serials", serials_json(b->cluster));
	_cleanup_free_ char *text = json_dumps(list, JSON_INDENT(1) | JSON_SORT_KEYS);
	json_decref(list);
	if (!text)
		return err_set(e, IDENTICAL_LIST ": out of memory");
	if (strlen(text) > GENERATION_LIST_MAX)
		return err_code(e, EXIT_CONFIG,
			"identical_images: the overlays have too many files for one image");
	if (identical_parse(text, strlen(text), &check, e) < 0)
		return err_prefix(e, IDENTICAL_LIST);
	return ext4_write(fs, IDENTICAL_LIST, text, strlen(text), ROOT_ONLY, e);
}

/* What several nodes have lies there once. */
static int put_content(const struct rendered_file *f, struct ext4 *fs, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(IDENTICAL_DIR "/%s", f->digest);

	if (f->kind != GENERATION_FILE || ext4_exists(fs, path))
		return 0;
	return ext4_write(fs, path, buf_str(&f->bytes), f->bytes.len, ROOT_ONLY, e);
}

static int put_contents(const struct rendering *r, struct ext4 *fs, struct err *e)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->nodes[i].n; k++) {
			if (put_content(&r->nodes[i].files[k], fs, e) < 0)
				return -1;
		}
	}
	return 0;
}

static int put_all(struct build *b, const struct rendering *r, const char *image, struct err *e)
{
	_cleanup_ext4_ struct ext4 *fs = ext4_open(image, b->table.part[1].start, e);

	if (!fs || ext4_mkdir(fs, IDENTICAL_DIR, EXT4_ROOT(0700), e) < 0 ||
		put_contents(r, fs, e) < 0 || put_list(b, r, fs, e) < 0)
		return -1;
	return ext4_close(&fs, e);
}

int identical_put(struct build *b, const char *image, struct err *e)
{
	static struct rendering r; /* too large for the stack */
	int rc = 0;

	r = (struct rendering){.cluster = b->cluster};
	snprintf(r.neo4j, sizeof(r.neo4j), "%s", b->inputs.neo4j_version);
	for (size_t i = 0; i < b->cluster->nnodes && rc == 0; i++)
		rc = rendering_add(&r, b, &b->cluster->nodes[i], image, PAINT_NODE, e);
	if (rc == 0)
		rc = put_all(b, &r, image, e);
	rendering_free(&r);
	return rc;
}

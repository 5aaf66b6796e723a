/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The image against the SHA-256 that the build left beside it in manifest.json. */
#include <jansson.h>
#include <libgen.h>
#include <string.h>
#include "sha256.h"
#include "verify.h"

static void cleanup_json(json_t **j)
{
	json_decref(*j);
}

/* "n1.img" of "x/n1.img" and of "x/n1.img.zst"; the caller's. */
static char *image_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = xstrdup(slash ? slash + 1 : path), *end = strstr(name, ".img");

	if (end)
		end[strlen(".img")] = '\0';
	return name;
}

/* The sha256 of the nodes' entry for this image, or NULL. */
static const char *find_hash(const json_t *manifest, const char *image)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(manifest, "nodes"), i, node)
	{
		const char *name = json_string_value(json_object_get(node, "image"));
		if (name && strcmp(name, image) == 0)
			return json_string_value(json_object_get(node, "sha256"));
	}
	return NULL;
}

enum verdict check_manifest(struct verify *v)
{
	_cleanup_free_ char *copy = xstrdup(v->card->name);
	_cleanup_free_ char *path = xasprintf("%s/manifest.json", dirname(copy));
	_cleanup_free_ char *image = image_name(v->card->name);
	json_error_t ignored;
	struct err e = {0};
	char hex[SHA256_HEX];

	if (v->card->device || access(path, F_OK) < 0)
		return verify_not_checked(v, "no manifest.json beside it");
	_cleanup_(cleanup_json) json_t *manifest = json_load_file(path, 0, &ignored);
	if (!manifest)
		return verify_failed(v, "%s: %s", path, ignored.text);
	const char *want = find_hash(manifest, image);
	if (!want)
		return verify_not_checked(v, "%s has no hash of %s", path, image);
	if (sha256_file(v->card->image, hex, NULL, &e) < 0)
		return verify_failed(v, "%s", e.msg);
	return strcasecmp(hex, want) == 0
		       ? VERDICT_OK
		       : verify_failed(v, "is %.12s..., was %.12s... when it was built", hex, want);
}

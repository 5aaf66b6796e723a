/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * os_list.json: the cluster's images as one group that Raspberry Pi Imager offers when it is given
 * this file as its repository (its doc/json-schema/os-list-schema.json). init_format "none": else
 * Imager offers settings of its own, and its user and host name would replace ours.
 */
#include <ctype.h>
#include <string.h>
#include "made.h"

/* One of Imager's own, so that nothing is loaded from anywhere. */
#define ICON "icons/cat_raspberry_pi_os.png"

/* Imager's names for the boards an image boots on, and its name for their architecture. */
struct boards {
	enum arch arch;
	const char *architecture;
	const char *tags[8];
};

static const struct boards boards[] = {
	{ARCH_ARM64, "armv8", {"pi3-64bit", "pi4-64bit", "pi5-64bit"}},
	{ARCH_ARMHF, "armhf", {"pi2-32bit", "pi3-32bit", "pi4-32bit", "pi5-32bit"}},
};

static void set_boards(json_t *entry, enum arch arch)
{
	json_t *devices = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(boards); i++) {
		if (boards[i].arch != arch)
			continue;
		for (size_t k = 0; boards[i].tags[k]; k++)
			json_array_append_new(devices, json_string(boards[i].tags[k]));
		json_object_set_new(entry, "architecture", json_string(boards[i].architecture));
	}
	json_object_set_new(entry, "devices", devices);
}

/* RFC 3986 2.3 and the slash. */
static void add_escaped(struct buf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = c < 128 && (isalnum(c) || strchr("-._~/", c));
		buf_printf(b, plain ? "%c" : "%%%02X", c);
	}
}

/* What lies beside this file has no address of its own in Imager: a whole one it must be. */
static char *url_of(const struct made *m, const char *name)
{
	struct buf b = {0};
	const char *prefix = m->options->url;

	if (prefix) {
		buf_puts(&b, prefix);
		buf_puts(&b, str_ends(prefix, "/") ? "" : "/");
	} else {
		buf_puts(&b, "file://");
		add_escaped(&b, m->b->out);
		buf_puts(&b, "/");
	}
	add_escaped(&b, name);
	return buf_steal(&b);
}

static json_t *node_entry(const struct made *m, const struct node_made *n, const char *date)
{
	const struct file_sum *download = n->compressed.name ? &n->compressed : &n->image;
	_cleanup_free_ char *title = xasprintf("%s: %s", m->b->cluster->name, n->node->name);
	_cleanup_free_ char *about =
		xasprintf("%s, %s", roles_text(n->node->roles), node_place(m->b->cluster, n->node));
	_cleanup_free_ char *url = url_of(m, download->name);
	json_t *entry = json_pack("{ss ss ss ss sI ss sI ss ss ss}", "name", title, "description",
		about, "icon", ICON, "url", url, "extract_size", (json_int_t)n->image.size,
		"extract_sha256", n->image.sha256, "image_download_size",
		(json_int_t)download->size, "image_download_sha256", download->sha256,
		"release_date", date, "init_format", "none");

	set_boards(entry, m->b->inputs.arch);
	if (n->bmap.name) {
		_cleanup_free_ char *bmap = url_of(m, n->bmap.name);
		json_object_set_new(entry, "bmap_url", json_string(bmap));
	}
	return entry;
}

int os_list_write(struct made *m, struct err *e)
{
	char date[32];
	json_t *nodes = json_array();

	made_time(m, date);
	date[strlen("YYYY-MM-DD")] = '\0';
	for (size_t i = 0; i < m->nnodes; i++)
		json_array_append_new(nodes, node_entry(m, &m->nodes[i], date));
	_cleanup_free_ char *title = xasprintf("%s (bramble)", m->b->cluster->name);
	_cleanup_free_ char *about = xasprintf(
		"A Neo4j cluster, generation %u. Its images hold its secrets: keep them like keys.",
		m->b->state.generation);
	json_t *group = json_pack("{ss ss ss so}", "name", title, "description", about, "icon",
		ICON, "subitems", nodes);
	return made_write_json(
		m, "os_list.json", json_pack("{s[o]}", "os_list", group), &m->os_list, e);
}

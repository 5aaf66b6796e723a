/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manifest.json: what the images are and what went into them, for people, rehearse and verify. */
#include "io.h"
#include "made.h"
#include "release/release.h"

/* A key that is left out when there is nothing to say. */
static void set_text(json_t *o, const char *key, const char *value)
{
	if (value && *value)
		json_object_set_new(o, key, json_string(value));
}

static void set_sum(json_t *o, const struct file_sum *f)
{
	json_object_set_new(o, "size", json_integer((json_int_t)f->size));
	set_text(o, "sha256", f->sha256);
}

static void add_file(json_t *list, const struct file_sum *f)
{
	if (!f->name)
		return;
	json_t *o = json_pack("{ss}", "file", f->name);
	set_sum(o, f);
	json_array_append_new(list, o);
}

static json_t *node_entry(const struct made *m, const struct node_made *n)
{
	json_t *o = json_pack("{ss ss ss ss}", "name", n->node->name, "image", n->image.name,
		"roles", roles_text(n->node->roles), "address", n->node->address);
	json_t *files = json_array();

	if (node_is_all(m->b->cluster, n->node))
		json_object_set_new(o, "for_all", json_true());
	set_sum(o, &n->image);
	add_file(files, &n->compressed);
	add_file(files, &n->bmap);
	if (json_array_size(files))
		json_object_set(o, "files", files);
	json_decref(files);
	return o;
}

static json_t *input_entry(const struct input_file *in)
{
	json_t *o = json_pack("{ss ss}", "role", in->role, "file", in->file.name);

	set_text(o, "package", in->package);
	set_text(o, "version", in->version);
	set_text(o, "architecture", in->architecture);
	set_sum(o, &in->file);
	return o;
}

static json_t *release_entry(const struct release *r)
{
	json_t *o = json_object();

	set_text(o, "name", r->name);
	json_object_set_new(o, "version", json_integer(r->version));
	set_text(o, "issue", r->issue);
	return o;
}

static json_t *card_entry(const struct table *t)
{
	json_t *parts = json_array();

	for (size_t i = 0; i < 3; i++)
		json_array_append_new(
			parts, json_pack("{sI sI}", "start", (json_int_t)t->part[i].start, "size",
				       (json_int_t)t->part[i].size));
	return parts;
}

int manifest_write(const struct made *m, struct err *e)
{
	const struct build *b = m->b;
	json_t *inputs = json_array(), *nodes = json_array(), *files = json_array();
	json_t *root = json_pack("{ss ss ss si ss sb ss si}", "bramble", BRAMBLE_VERSION, "cluster",
		b->cluster->name, "id", b->state.id, "generation", (int)b->state.generation,
		"architecture", arch_name(b->inputs.arch), "twin", b->twin, "neo4j",
		b->inputs.neo4j_version, "java", (int)b->inputs.java_major);

	for (size_t i = 0; i < m->ninputs; i++)
		json_array_append_new(inputs, input_entry(&m->inputs[i]));
	for (size_t i = 0; i < m->nnodes; i++)
		json_array_append_new(nodes, node_entry(m, &m->nodes[i]));
	add_file(files, &m->os_list);
	add_file(files, &m->sbom);
	json_object_set_new(root, "release", release_entry(&b->inputs.release));
	json_object_set_new(root, "partitions", card_entry(&b->table));
	json_object_set_new(root, "inputs", inputs);
	json_object_set_new(root, "nodes", nodes);
	json_object_set_new(root, "files", files);
	return made_write_json(m, "manifest.json", root, NULL, e);
}
